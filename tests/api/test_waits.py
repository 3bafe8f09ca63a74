"""How long an answer asks for: headers and clocks, without a second of waiting."""

from __future__ import annotations

from email.utils import formatdate

from procore_cli.client.responses import find_wait_s

NOW = 1_900_000_000.4


def date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


CASES = [
    ({"retry-after": "7"}, 7),
    ({"retry-after": " 7 "}, 7),
    ({"retry-after": "0"}, 1),
    ({"retry-after": date(NOW + 20)}, 20),
    ({"retry-after": date(NOW - 20)}, 1),
    ({"x-rate-limit-reset": str(int(NOW) + 9)}, 9),
    ({"x-rate-limit-reset": "12"}, 1),
    ({"retry-after": "3", "x-rate-limit-reset": str(int(NOW) + 900)}, 3),
    ({"retry-after": "soon", "x-rate-limit-reset": str(int(NOW) + 9)}, 9),
    # A machine whose clock is an hour late waits no hour longer.
    ({"x-rate-limit-reset": str(int(NOW) + 3609), "date": date(NOW + 3600)}, 9),
    ({"x-rate-limit-reset": str(int(NOW) + 9), "date": "nonsense"}, 9),
    ({}, None),
    ({"retry-after": "-7"}, None),
    ({"retry-after": "1e3"}, None),
    ({"retry-after": "٣"}, None),
    ({"retry-after": "Mon, 99 Foo 2030"}, None),
    ({"retry-after": "Sun, 17 Mar 99999 17:46:45 GMT"}, None),
    ({"retry-after": "9" * 5000}, None),
    ({"x-rate-limit-reset": "later"}, None),
]


def test_what_an_answer_asks_for(monkeypatch):
    monkeypatch.setattr("urllib3.util.retry.time.time", lambda: NOW)
    for status in (429, 503):
        assert [(headers, find_wait_s(status, headers, NOW)) for headers, _ in CASES] == CASES


def test_other_answers_ask_for_nothing():
    assert {find_wait_s(status, {"retry-after": "7"}, NOW) for status in (200, 401, 403, 500, 504)} == {None}
