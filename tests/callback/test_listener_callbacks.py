"""Which requests are a callback, and which are refused while the wait goes on."""

from __future__ import annotations

import html

from procore_cli.callback.pending import PendingCallback
from procore_cli.callback.site import Request, Site
from procore_cli.config.urls import read_redirect_uri
from tests.callback.listener_stand import AUTHORIZE_URL, HOME
from tests.callback.odd_requests import STRAY_ERRORS

ROW = '[1, 11111, "joecontractor@procore.com"]'


def test_a_callback_that_is_not_ours_is_told_so_and_the_wait_goes_on(stand, warned):
    reply = stand.ask("/callback?code=c0de&state=theirs")
    assert "Not the sign-in that the terminal waits for" in reply.text
    assert (stand.pending.wait(0), warned.getvalue()) == (None, "")
    assert stand.come_back().status == 303


def test_errors_that_are_not_ours_are_reported_once_as_stray(stand, warned):
    for query in STRAY_ERRORS:
        reply = stand.ask(f"/callback?{query.replace('@', 'ours')}")
        assert (reply.status, "evil" in reply.text) == (400, False), query
    (line,) = warned.getvalue().splitlines()
    assert line == "Warning: Something sent an error that does not belong to this sign-in; still waiting."
    assert stand.pending.wait(0) is None


def test_the_favicon_and_other_paths_are_not_found_and_use_nothing_up(stand):
    for path in ("/favicon.ico", "/callback/", "/Callback", "//callback", "/home/", "/callback/home"):
        assert stand.ask(f"{path}?code=c0de&state=ours").status == 404
    assert stand.come_back().status == 303


def test_an_address_with_nothing_in_its_query_carries_its_hash_over(stand):
    for path in ("/callback", "/callback?", "/"):
        reply = stand.ask(path)
        assert reply.status == 200
        assert 'data-carry-to="/callback"' in reply.text
        assert "location.hash" in reply.text


def test_port_80_alone_needs_no_mention():
    redirect = read_redirect_uri("http://localhost", "the test")
    site = Site(redirect, AUTHORIZE_URL, PendingCallback("ours"), "production", outcome_timeout_s=0)

    def status(host: str, target: str = "/") -> int:
        return site.answer(Request("GET", target, (("host", host),))).status

    own = ("localhost", "127.0.0.1", "[::1]", "localhost:80", "127.0.0.1:80", "[::1]:80")
    assert {status(host) for host in own} == {200}
    assert {status(host) for host in ("localhost:4567", "localhost:", "example.com", "[::1]:443")} == {400}
    assert status("localhost", "/?code=c0de&state=ours") == 503


def test_a_callback_at_the_root_shows_the_button_without_parameters(new_stand):
    stand = new_stand(path="")
    page = stand.ask("/")
    waiting = stand.ask_later("/?code=c0de&state=ours")
    assert "Sign Up with Procore" in page.text
    assert 'data-carry-to="/"' in page.text
    assert stand.pending.wait(5) is not None
    stand.pending.finish(HOME)
    assert waiting.result(5).status == 303
    assert stand.ask("/?code=c0de&state=theirs").status == 400


def test_a_callback_at_signin_shows_that_button_without_parameters(new_stand):
    stand = new_stand(path="/signin")
    reply = stand.ask("/signin")
    assert "Sign In with Procore" in reply.text
    assert 'data-carry-to="/signin"' in reply.text
    assert stand.ask("/signin?code=c0de&state=theirs").status == 400


def test_a_callback_at_home_shows_home_to_its_own_session_alone(new_stand):
    stand = new_stand(path="/home")
    assert 'data-carry-to="/home"' in stand.ask("/home").text
    waiting = stand.ask_later("/home?code=c0de&state=ours")
    assert stand.pending.wait(5) is not None
    stand.pending.finish(HOME)
    cookie = waiting.result(5).headers["set-cookie"].partition(";")[0]
    stranger = stand.ask("/home")
    owner = stand.ask("/home", f"Cookie: {cookie}")
    assert "joecontractor" not in stranger.text
    assert ROW in html.unescape(owner.text)
    assert stand.pending.wait_for_home(5)


def test_a_head_request_gets_headers_alone_and_consumes_nothing(stand):
    for target, status in (
        ("/", 200),
        ("/callback", 200),
        ("/callback?code=c0de&state=ours", 200),
        ("/callback?code=c0de&state=theirs", 400),
        ("/nowhere", 404),
    ):
        reply = stand.ask(target, method="HEAD")
        assert (reply.status, reply.text) == (status, "")
    assert stand.pending.wait(0) is None
