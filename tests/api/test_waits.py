"""How long an answer asks for: headers and clocks, without a second of waiting."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from procore_cli.client.responses import find_wait_s

NOW = 1_900_000_000.4


def date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
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
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_what_an_answer_asks_for(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], wait_s: int | None, status: int
) -> None:
    monkeypatch.setattr("urllib3.util.retry.time.time", lambda: NOW)

    assert find_wait_s(status, headers, NOW) == wait_s


@pytest.mark.parametrize("status", [200, 401, 403, 500, 502, 504])
def test_other_answers_ask_for_nothing(status: int) -> None:
    assert find_wait_s(status, {"retry-after": "7"}, NOW) is None
