"""Rate limits, refused tokens, broken connections: what is tried again, and what never is."""

import time
from email.utils import formatdate

from procore_cli.client.responses import find_wait_s
from tests.api_server import BODY, Reply
from tests.cli import free_port
from tests.procore import procore_servers as servers
from tests.provider import Answer

OK = Reply(200, b"ok")
NOW = 1_900_000_000.4
TAKEN = {"PROCORE_ACCESS_TOKEN": "from-elsewhere"}


def date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


WAITS = [
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
    *(({"retry-after": each}, None) for each in ("-7", "1e3", "٣", "Mon, 99 Foo 2030", "9" * 5000)),
    ({"retry-after": "Sun, 17 Mar 99999 17:46:45 GMT"}, None),
    ({"x-rate-limit-reset": "later"}, None),
    ({}, None),
]


def test_what_an_answer_asks_for(monkeypatch):
    monkeypatch.setattr("urllib3.util.retry.time.time", lambda: NOW)
    for status in (429, 503):
        assert [(headers, find_wait_s(status, headers, NOW)) for headers, _ in WAITS] == WAITS
    assert {find_wait_s(status, {"retry-after": "7"}, NOW) for status in (200, 401, 403, 500, 504)} == {None}


def test_a_pause_is_as_long_as_procore_asks_for(call, api):
    for status in (429, 503):
        for method in ("GET", "POST"):
            api.in_turn(Reply(status, b"slow down", {"Retry-After": "7"}), OK)
            called = call("x", "-X", method)
            assert (called.out, called.slept) == (b"ok", [7])
            (said,) = called.said
            assert "waiting 7 s" in said
    for header, value in (
        ("Retry-After", date(time.time() + 90)),
        ("X-Rate-Limit-Reset", f"{time.time() + 90:.0f}"),
    ):
        api.in_turn(Reply(429, b"", {header: value}), OK)
        (pause_s,) = call("x", "--max-wait", "100").slept
        assert 30 <= pause_s <= 91


def test_pauses_are_bounded_in_total_and_nothing_is_tried_again_without_a_time(call, api):
    for status, after, arguments, slept in (
        (429, "25", (), [25, 25]),
        (503, "1", ("--max-wait", "0"), []),
        (429, "", (), []),
    ):
        api.requests.clear()
        api.always(b"slow down", status, Retry_After=after)
        called = call("x", *arguments, code=5)
        assert (called.slept, called.out, len(api.requests)) == (slept, b"slow down", len(slept) + 1)
        assert str(status) in called.err
        assert ("--max-wait" in called.err) == bool(after)


def test_a_terminal_gets_a_countdown(call, api):
    api.in_turn(Reply(429, b"", {"Retry-After": "3"}), OK)
    called = call("x", terminal="err")
    assert called.slept == [1, 1, 1]
    assert [f"going on in {left} s" in called.err for left in (3, 2, 1)] == [True, True, True]


def test_a_401_costs_one_refresh_and_the_call_is_repeated(call, api):
    for number, (arguments, body) in enumerate(
        ((("-f", "a=b"), b'{"a":"b"}'), (("--input", "-"), b"body")), 1
    ):
        call.provider.expire()
        api.requests.clear()
        called = call("x", *arguments, stdin=b"body")
        assert (called.out, called.said) == (BODY, [])
        assert [seen.body for seen in api.requests] == [body] * 2
        assert call.provider.count("/oauth/token") == number


def test_a_run_of_many_calls_tries_once_to_clear_an_interruption_up(call, api):
    api.pages([1], [2], [3])
    call.provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert call.machine.run_here("refresh").code == 5
    asked = call.provider.count("/oauth/token")
    called = call("projects", "--paginate")
    assert called.out == b"[1,2,3]"
    assert called.err.count("Procore may have ended it") == 1
    assert call.provider.count("/oauth/token") == asked + 1


def test_a_401_after_the_refresh_ends_with_4(call, api):
    api.accepts = lambda _: False
    called = call("x", code=4)
    assert b"Invalid or expired" in called.out
    assert (len(api.requests), call.provider.count("/oauth/token")) == (2, 1)
    assert "procore-login signin" in called.err


def test_a_refresh_that_is_refused_shows_the_body_and_ends_with_4(call, api):
    call.provider.expire()
    call.provider._alive.clear()
    assert b"Invalid or expired" in call("x", code=4).out
    assert len(api.requests) == 1


def test_a_token_that_is_about_to_end_is_refreshed_before_the_call_and_once(call, api):
    for is_accepted, code in ((True, 0), (False, 4)):
        call.sign_in(lifetime_s=3)
        if not is_accepted:
            api.accepts = lambda _: False
        call("x", code=code)
        assert (len(api.requests), call.provider.count("/oauth/token")) == (1, 1)
        api.requests.clear()
        call.provider.requests.clear()


def test_a_long_list_outlives_its_token(call, api):
    def play(seen) -> Reply:
        call.provider.expire()
        page = int(seen.target.partition("=")[2] or 1)
        return Reply(200, f"[{page}]", {"Link": f"<x?page={page + 1}>; rel=next"} if page < 4 else {})

    api.play = play
    assert call("x", "--paginate").out == b"[1,2,3,4]"


def test_a_token_from_elsewhere_is_used_and_never_refreshed(call, api):
    api.accepts = lambda bearer: bearer == "from-elsewhere"
    assert "PROCORE_ACCESS_TOKEN" in call("x", variables=TAKEN).said[0]
    api.accepts = lambda _: False
    refused = call("x", variables=TAKEN, code=4)
    assert b"Invalid or expired" in refused.out
    assert "Renew the token in PROCORE_ACCESS_TOKEN" in refused.err
    assert call.provider.requests == []


def test_an_input_file_is_sent_again_from_its_beginning(call, api, tmp_path):
    (tmp_path / "body").write_bytes(b"y" * 200_000)
    api.in_turn(Reply(429, b"", {"Retry-After": "1"}), OK)
    call("x", "--input", str(tmp_path / "body"))
    assert [seen.body for seen in api.requests] == [b"y" * 200_000] * 2


def test_a_large_standard_input_cannot_be_sent_again_and_it_is_said(call, api):
    for status, said in ((401, "cannot be sent again"), (429, "Procore answered 429")):
        api.in_turn(Reply(status, b"", {"Retry-After": "1"}), OK)
        called = call("x", "--input", "-", stdin=b"z" * 2_000_000, code=5)
        assert said in called.err
        assert "--input FILE" in called.err
        assert (len(api.requests), called.slept) == (1, [])
        api.requests.clear()


def test_nobody_signed_in_ends_with_4_and_sends_nothing(stranger, api):
    stranger("x", code=4)
    assert api.requests == []


def test_a_body_that_breaks_off_ends_with_5_and_keeps_its_status(call, api):
    odd = b'{"errors": "od'
    for reply, arguments, out, said in (
        (Reply(200, b"half", length=1000), (), b"half", "broke off"),
        (Reply(422, odd, length=1000), (), odd, "Procore answered 422"),
        (Reply(422, odd, length=1000), ("--silent",), b"", "Procore answered 422"),
    ):
        api.in_turn(reply)
        called = call("x", *arguments, code=5)
        assert called.out == out
        assert said in called.err


def test_a_reason_never_repeats_the_token(call, api):
    api.play = lambda seen: Reply(422, {"errors": f"bad {seen.headers['authorization']}"})
    assert "bad Bearer" in call("x", code=5).err


def test_an_api_that_is_not_there_ends_with_5(stranger):
    stranger.machine.variables["PROCORE_API_URL"] = f"http://127.0.0.1:{free_port()}"
    called = stranger("x", "-X", "POST", variables=TAKEN, code=5)
    assert called.out == b""
    assert "connection refused" in called.err


def test_a_broken_connection_is_tried_again_by_safe_methods_alone(stranger):
    server = servers.Server(servers.resetting)
    stranger.machine.variables["PROCORE_API_URL"] = server.url
    for method, attempts in (("GET", 2), ("HEAD", 2), ("POST", 1), ("DELETE", 1)):
        stranger("x", "-X", method, variables=TAKEN, code=5)
        assert len(server.requests) == attempts, method
        server.requests.clear()
    server.behave = servers.closing_after(b"", servers.http("200 OK", b"ok"))
    assert stranger("x", variables=TAKEN).out == b"ok"
    server.stop()
