"""Rate limits, refused tokens, broken connections: what is tried again, and what never is."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

from tests.api.api_machine import assert_ended
from tests.api.api_server import Reply, pages
from tests.cli import free_port
from tests.procore import procore_servers as servers
from tests.provider import Answer

OK = Reply(200, b"ok")


def test_a_pause_is_as_long_as_procore_asks_for(call, api):
    for status in (429, 503):
        for method in ("GET", "POST"):
            api.in_turn(Reply(status, b"slow down", {"Retry-After": "7"}), OK)
            called = call("x", "-X", method)
            assert_ended(called)
            assert (called.out, called.slept) == (b"ok", [7])
            assert len(called.said) == 1
            assert "waiting 7 s" in called.said[0]


def test_a_date_and_the_end_of_the_window_are_understood(call, api):
    # A pause that is over already is a second.
    date, end = formatdate(time.time() + 90, usegmt=True), str(int(time.time()) + 90)
    for header, value, pause_s in (
        ("Retry-After", date, range(30, 91)),
        ("X-Rate-Limit-Reset", end, range(30, 91)),
        ("Retry-After", "0", [1]),
        ("X-Rate-Limit-Reset", "1", [1]),
    ):
        api.in_turn(Reply(429, b"", {header: value}), OK)
        called = call("x", "--max-wait", "100")
        assert_ended(called)
        assert round(called.slept[0]) in pause_s


def test_the_pauses_are_bounded_in_total(call, api):
    api.always(b"slow down", 429, Retry_After="25")
    called = call("x")
    assert_ended(called, 5)
    assert called.slept == [25, 25]
    assert called.out == b"slow down"
    assert "429" in called.err
    assert "--max-wait" in called.err


def test_max_wait_may_forbid_every_pause(call, api):
    api.always(b"slow down", 503, Retry_After="1")
    called = call("x", "--max-wait", "0")
    assert_ended(called, 5)
    assert (called.slept, called.out, len(api.requests)) == ([], b"slow down", 1)


def test_without_a_time_nothing_is_tried_again(call, api):
    api.always(b"slow down", 429)
    assert_ended(call("x"), 5)
    assert len(api.requests) == 1


def test_a_terminal_gets_a_countdown(call, api):
    api.in_turn(Reply(429, b"", {"Retry-After": "3"}), OK)
    called = call("x", terminal="err")
    assert called.slept == [1, 1, 1]
    assert [f"going on in {left} s" in called.err for left in (3, 2, 1)] == [True, True, True]


def test_a_401_costs_one_refresh_and_the_call_is_repeated(call, api):
    api.always(b"ok")
    for number, arguments in enumerate((("-f", "a=b"), ("--input", "-"))):
        call.provider.expire()
        called = call("x", *arguments, stdin=b"body")
        assert_ended(called)
        assert (called.out, called.said) == (b"ok", [])
        assert [seen.body for seen in api.requests] == [(b'{"a":"b"}', b"body")[number]] * 2
        assert call.provider.count("/oauth/token") == number + 1
        api.requests.clear()


def test_a_run_of_many_calls_tries_once_to_clear_an_interruption_up(call, api):
    pages(api, [1], [2], [3])
    call.provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert call.machine.run_here("refresh").code == 5
    asked = call.provider.count("/oauth/token")
    called = call("projects", "--paginate")
    assert_ended(called)
    assert called.out == b"[1][2][3]"
    assert called.err.count("Procore may have ended it") == 1
    assert call.provider.count("/oauth/token") == asked + 1


def test_a_401_after_the_refresh_ends_with_4(call, api):
    api.accepts = lambda _: False
    called = call("x")
    assert_ended(called, 4)
    assert b"Invalid or expired" in called.out
    assert (len(api.requests), call.provider.count("/oauth/token")) == (2, 1)
    assert "signin --env production" in called.err


def test_a_refresh_that_is_refused_shows_the_body_and_ends_with_4(call, api):
    call.provider.expire()
    call.provider._alive.clear()
    called = call("x")
    assert_ended(called, 4)
    assert b"Invalid or expired" in called.out
    assert len(api.requests) == 1


def test_a_token_that_is_about_to_end_is_refreshed_before_the_call(call, api):
    call.sign_in(lifetime_s=3)
    api.always(b"ok")
    assert_ended(call("x"))
    assert (len(api.requests), call.provider.count("/oauth/token")) == (1, 1)


def test_a_fresh_token_that_is_refused_is_not_refreshed_again(call, api):
    call.sign_in(lifetime_s=3)
    api.accepts = lambda _: False
    assert_ended(call("x"), 4)
    assert call.provider.count("/oauth/token") == 1


def test_a_long_list_outlives_its_token(call, api):
    def play(seen) -> Reply:
        call.provider.expire()
        page = int(seen.target.partition("=")[2] or 1)
        return Reply(200, f"[{page}]", {"Link": f"<x?page={page + 1}>; rel=next"} if page < 4 else {})

    api.play = play
    called = call("x", "--paginate")
    assert_ended(called)
    assert called.out == b"[1][2][3][4]"


def test_a_token_from_elsewhere_is_used_and_never_refreshed(call, api):
    api.accepts = lambda bearer: bearer == "from-elsewhere"
    api.always(b"ok")
    variables = {"PROCORE_ACCESS_TOKEN": "from-elsewhere"}
    called = call("x", variables=variables)
    api.accepts = lambda _: False
    refused = call("x", variables=variables)
    assert_ended(called)
    assert "PROCORE_ACCESS_TOKEN" in called.said[0]
    assert_ended(refused, 4)
    assert b"Invalid or expired" in refused.out
    assert "Renew the token in PROCORE_ACCESS_TOKEN" in refused.err
    assert call.provider.requests == []


def test_an_input_file_is_sent_again_from_its_beginning(call, api, tmp_path):
    (tmp_path / "body").write_bytes(b"y" * 200_000)
    api.in_turn(Reply(429, b"", {"Retry-After": "1"}), OK)
    assert_ended(call("x", "--input", str(tmp_path / "body")))
    assert [seen.body for seen in api.requests] == [b"y" * 200_000] * 2


def test_a_large_standard_input_cannot_be_sent_again_and_it_is_said(call, api):
    for status, said in ((401, "cannot be sent again"), (429, "Procore answered 429")):
        api.in_turn(Reply(status, b"", {"Retry-After": "1"}), OK)
        called = call("x", "--input", "-", stdin=b"z" * 2_000_000)
        assert_ended(called, 5)
        assert said in called.err
        assert "--input FILE" in called.err
        assert (len(api.requests), called.slept) == (1, [])
        api.requests.clear()


def test_nobody_signed_in_ends_with_4_and_sends_nothing(stranger, api):
    called = stranger("x")
    assert_ended(called, 4)
    assert api.requests == []


def test_a_body_that_breaks_off_ends_with_5_and_keeps_its_status(call, api):
    for status, arguments in ((200, ()), (422, ()), (422, ("--silent",))):
        half = b"half" if status == 200 else b'{"errors": "od'
        api.play = lambda _, status=status, half=half: Reply(status, half, length=1000)
        called = call("x", *arguments)
        assert_ended(called, 5)
        assert called.out == (b"" if arguments else half)
        assert ("broke off" if status == 200 else "Procore answered 422") in called.err


def test_a_reason_never_repeats_the_token(call, api):
    api.play = lambda seen: Reply(422, {"errors": f"bad {seen.headers['authorization']}"})
    called = call("x")
    assert_ended(called, 5)
    assert "bad Bearer" in called.err


def test_an_api_that_is_not_there_ends_with_5(stranger):
    variables = {"PROCORE_API_URL": f"http://127.0.0.1:{free_port()}", "PROCORE_ACCESS_TOKEN": "x"}
    called = stranger("x", "-X", "POST", variables=variables)
    assert_ended(called, 5)
    assert called.out == b""
    assert "connection refused" in called.err


def test_a_broken_connection_is_tried_again_by_safe_methods_alone(stranger):
    server = servers.Server(servers.resetting)
    variables = {"PROCORE_API_URL": server.url, "PROCORE_ACCESS_TOKEN": "x"}
    for method, attempts in (("GET", 2), ("HEAD", 2), ("POST", 1), ("DELETE", 1)):
        assert_ended(stranger("x", "-X", method, variables=variables), 5)
        assert len(server.requests) == attempts, method
        server.requests.clear()
    server.stop()


def test_a_second_attempt_may_succeed(stranger):
    broken = [True]

    def behave(server: servers.Server, connection: Any) -> None:
        if broken.pop() if broken else False:
            servers.resetting(server, connection)
        else:
            servers.closing_after(servers.http("200 OK", b"ok"))(server, connection)

    server = servers.Server(behave)
    called = stranger("x", variables={"PROCORE_API_URL": server.url, "PROCORE_ACCESS_TOKEN": "x"})
    server.stop()
    assert_ended(called)
    assert called.out == b"ok"
