"""A sign-in's way through the listener, from the button to `/home` and the end, and what is no part of it."""

import html
import socket
import threading

import pytest

from procore_cli.callback import sockets
from procore_cli.callback.pending import Failure, PendingCallback, new_failure
from procore_cli.callback.server import Limits, Listener
from procore_cli.callback.site import Request, Site
from procore_cli.config.urls import read_redirect_uri
from procore_cli.errors import ConsentDeniedError
from tests.callback.listener_stand import (
    AUTHORIZE_URL,
    CALLBACK,
    HOME,
    LOOPBACKS,
    ROW,
    Stand,
    is_safe,
    read_reply,
)
from tests.callback.odd_requests import GARBAGE, STRAY_ERRORS, TLS_HELLO
from tests.cli import free_port

NAME = "procore_login_session"
NOBODY, NO_CALLBACK = "Nobody has signed in here", "No sign-in came with this address"


def signed_in(stand: Stand) -> str:
    """Sign in; returns the key in the cookie."""
    name, _, key = stand.come_back().headers["set-cookie"].partition(";")[0].partition("=")
    assert name == NAME
    return key


def test_the_button_pages_lead_to_procore_on_every_address(stand):
    for path, label in (("/", "Sign Up with Procore"), ("/signin", "Sign In with Procore")):
        for address in LOOPBACKS:
            reply = stand.ask(path, address=address)
            assert (reply.status, is_safe(reply)) == (200, True)
            assert reply.headers["content-type"] == "text/html; charset=utf-8"
            assert label in reply.text
            assert AUTHORIZE_URL in html.unescape(reply.text)


def test_a_callback_is_handed_over_decoded_and_answered_once_it_is_saved(stand):
    waiting = stand.arrive("/callback?code=a%2Fb+c&state=ours")
    assert stand.pending.wait(0) == [("code", "a/b c"), ("state", "ours")]
    assert not waiting.done()
    stand.pending.finish(HOME)
    reply = waiting.result(5)
    assert (reply.status, reply.headers["location"], is_safe(reply)) == (303, "/home", True)
    assert reply.headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax; Path=/home; Max-Age=60")


def test_home_shows_the_row_to_the_browser_that_signed_in(stand):
    key = signed_in(stand)
    # localhost's cookies are shared by all ports, and another program's may come first.
    one = [f"Cookie: theme=dark; {NAME}=other; {NAME}={key}; {NAME}=last"]
    two = [f"Cookie: {NAME}=theirs", f"Cookie: {NAME}={key}"]
    # Looking at its headers does not end the program.
    head = stand.ask("/home", *one, method="HEAD")
    assert (head.status, head.text, int(head.headers["content-length"]) > 1000) == (200, "", True)
    assert not stand.pending.wait_for_home(0)
    for cookies in (one, two):
        reply = stand.ask("/home", *cookies)
        assert (reply.status, ROW in html.unescape(reply.text)) == (200, True)
        assert "Joe Contractor" in reply.text
    assert stand.pending.wait_for_home(5)


def test_home_shows_nobody_without_the_cookie_and_ends_nothing(stand):
    reply = stand.ask("/home")
    assert (reply.status, NOBODY in reply.text, "begin on the first page" in reply.text) == (403, True, True)
    key = signed_in(stand)
    guesses = ("", NAME, f"{NAME}=", f"{NAME}=guess", f"{NAME}={key}x", f"{NAME}={key[:-1]}", f"x={key}")
    for cookies in ([], *([f"Cookie: {guess}"] for guess in (*guesses, f"{NAME}=\xe9"))):
        reply = stand.ask("/home", *cookies)
        assert (reply.status, "joecontractor" in reply.text) == (403, False), cookies
        assert "This browser keeps no cookies for localhost: the terminal says who signed in." in reply.text
    assert not stand.pending.wait_for_home(0)


def test_home_says_that_nobody_signed_in_where_the_sign_in_failed_or_home_is_the_callbacks_path(new_stand):
    stand = new_stand()
    stand.pending.finish(new_failure(ConsentDeniedError("denied"), "Again."))
    reply = stand.ask("/home")
    assert (reply.status, NOBODY in reply.text, "The sign-in has ended" in reply.text) == (403, True, True)
    stand = new_stand(path="/home")
    assert (stand.ask("/home").status, NO_CALLBACK in stand.ask("/home").text) == (200, True)
    stand.pending.finish(HOME)
    reply = stand.ask("/home")
    assert (reply.status, "keeps no cookies" in reply.text) == (403, True)


def test_the_cookie_has_at_least_128_bits_and_is_another_one_each_time(new_stand):
    one, other = signed_in(new_stand()), signed_in(new_stand())
    assert len(one) * 6 >= 128
    assert one != other


def test_a_callback_that_comes_later_is_told_the_same(stand):
    both = [stand.ask_later(f"/callback?code={code}&state=ours") for code in ("a", "b")]
    first = stand.pending.wait(5)
    stand.pending.finish(HOME)
    reply, same = (waiting.result(5) for waiting in both)
    again = stand.ask("/callback?code=other&state=ours")
    assert (reply.status, reply.headers) == (same.status, same.headers) == (again.status, again.headers)
    assert reply.status == 303
    assert stand.pending.wait(0) == first


def test_a_browser_is_not_kept_waiting_for_ever(new_stand):
    reply = new_stand(limits=Limits(outcome_s=0.02)).ask(CALLBACK)
    assert reply.status == 503
    assert "Look at the terminal" in reply.text


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_every_answer_ends_its_connection(stand, version):
    request = f"GET / HTTP/{version}\r\nHost: localhost:{stand.port}\r\nConnection: keep-alive\r\n\r\n"
    reply = read_reply(stand.send(request.encode() * 2))
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert int(reply.headers["content-length"]) == len(reply.text.encode())


def test_somebody_who_is_not_admitted_is_refused_whatever_is_sent(stand, warned, monkeypatch):
    seen = []

    def refuse(peer: tuple[str, int], own: tuple[str, int], *_: object) -> sockets.Peer:
        seen.append((peer, own))
        return sockets.Peer(sockets.Standing.FOREIGN, 4242)

    monkeypatch.setattr(sockets, "judge", refuse)
    for line, host in (
        (f"GET {CALLBACK} HTTP/1.1", None),
        ("HEAD / HTTP/1.1", None),
        ("POST / HTTP/1.1", None),
        ("GET / HTTP/1.1", "evil.example"),
        ("GET / HTTP/1.1 evil", None),
        ("\x16\x03", ""),
        ("GET /" + "x" * 70_000 + " HTTP/1.1", ""),
    ):
        with stand.connect() as client:
            own = client.getsockname()
            client.sendall(stand.head(line, host=host))
            assert client.recv(65536).split()[1] == b"403", line
        assert seen.pop() == (own, ("127.0.0.1", stand.port))
    assert stand.pending.wait(0) is None
    assert stand.listener.refused_uids == {4242}
    (line,) = warned.getvalue().splitlines()
    assert line.startswith("Warning: Another user of this machine tried")


def test_one_who_has_gone_before_it_was_known_whose_he_is_is_not_admitted(stand, warned, monkeypatch):
    monkeypatch.setattr(sockets, "judge", lambda *_: sockets.Peer(sockets.Standing.GONE))
    assert stand.ask(CALLBACK).status == 403
    assert (stand.pending.wait(0), warned.getvalue()) == (None, "")


def test_a_bug_while_answering_is_a_500_and_not_a_traceback(stand, monkeypatch, silence):
    def fail(pairs: object) -> bool:
        raise ZeroDivisionError("c0de")

    monkeypatch.setattr(stand.pending, "offer", fail)
    reply = stand.ask("/callback?code=c0de")
    assert reply.status == 500
    assert "c0de" not in reply.text


def test_a_callback_that_is_not_ours_is_told_so_and_the_wait_goes_on(stand, warned):
    reply = stand.ask("/callback?code=c0de&state=theirs")
    assert "Not the sign-in that the terminal waits for" in reply.text
    assert (stand.pending.wait(0), warned.getvalue()) == (None, "")
    for path in ("/favicon.ico", "/callback/", "/Callback", "//callback", "/home/", "/callback/home"):
        assert stand.ask(f"{path}?code=c0de&state=ours").status == 404
    assert stand.come_back().status == 303


def test_errors_that_are_not_ours_are_reported_once_as_stray(stand, warned):
    for query in STRAY_ERRORS:
        reply = stand.ask(f"/callback?{query.replace('@', 'ours')}")
        assert (reply.status, "evil" in reply.text) == (400, False), query
    (line,) = warned.getvalue().splitlines()
    assert line == "Warning: Something sent an error that does not belong to this sign-in; still waiting."
    assert stand.pending.wait(0) is None


def test_a_browser_that_comes_by_https_is_told_of_once_on_the_terminal(stand, warned):
    for _ in range(3):
        assert read_reply(stand.send(TLS_HELLO)).status == 400
    for other in GARBAGE:
        stand.send(other)
    (line,) = warned.getvalue().splitlines()
    assert line.startswith("Warning: The browser came by https: change https to http in its address, ")
    assert stand.come_back().status == 303


def test_a_dead_end_leads_to_the_first_page_and_a_wrong_host_to_the_right_one(new_stand):
    for path in ("/callback", "/", "/signin", "/home"):
        stand = new_stand(path=path)
        assert 'href="/"' in stand.ask("/nowhere").text
        elsewhere = read_reply(stand.send(stand.head("GET / HTTP/1.1", host="x"))).text
        assert f'href="http://localhost:{stand.port}/"' in elsewhere
        assert "Sign Up with Procore" in stand.ask("/").text


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


@pytest.mark.parametrize(
    ("path", "shown"), [("", "Sign Up with Procore"), ("/signin", "Sign In with Procore"), ("/home", "")]
)
def test_a_callback_at_another_pages_path_shows_that_page_without_parameters(new_stand, path, shown):
    stand, path = new_stand(path=path), path or "/"
    page = stand.ask(path)
    assert shown in page.text
    assert f'data-carry-to="{path}"' in page.text
    assert stand.ask(f"{path}?code=c0de&state=theirs").status == 400
    waiting = stand.arrive(f"{path}?code=c0de&state=ours")
    stand.pending.finish(HOME)
    reply = waiting.result(5)
    assert reply.status == 303
    assert "joecontractor" not in stand.ask("/home").text
    home = stand.ask("/home", f"Cookie: {reply.headers['set-cookie'].partition(';')[0]}")
    assert ROW in html.unescape(home.text)
    assert stand.pending.wait_for_home(5)


def test_a_head_request_gets_headers_alone_and_consumes_nothing(stand):
    for target, status in (
        ("/", 200),
        ("/callback", 200),
        (CALLBACK, 200),
        ("/callback?code=c0de&state=theirs", 400),
        ("/nowhere", 404),
    ):
        reply = stand.ask(target, method="HEAD")
        assert (reply.status, reply.text) == (status, "")
    assert stand.pending.wait(0) is None


def test_the_port_is_free_and_no_thread_is_left_as_soon_as_the_listener_is_closed(new_stand):
    others = set(threading.enumerate())
    first = new_stand()
    with first.connect() as idle:
        first.come_back()
        threads = {thread for thread in threading.enumerate() if thread.daemon} - others
        assert threads
        first.listener.close()
        assert new_stand(port=first.port).ask("/").status == 200
        assert idle.recv(1) == b""
        for thread in threads:
            thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


def test_a_tab_that_waits_at_the_end_is_told_what_happened(new_stand):
    denied = Failure("Denied", "Procore said <no>.", "Ask for access.")
    for outcome, told in ((None, "The terminal stopped waiting"), (denied, "Procore said &lt;no&gt;.")):
        stand = new_stand()
        waiting = stand.arrive()
        if outcome is not None:
            stand.pending.finish(outcome)
        stand.listener.close()
        reply = waiting.result(5)
        assert (reply.status, "set-cookie" in reply.headers) == (200, False)
        assert told in reply.text


def test_closing_twice_or_before_the_start_does_no_harm():
    port = free_port()
    redirect = read_redirect_uri(f"http://localhost:{port}/callback", "the test")
    listener = Listener(redirect, AUTHORIZE_URL, PendingCallback("ours"), "demo")
    listener.close()
    with listener:
        pass
    listener.close()
    socket.create_server(("127.0.0.1", port)).close()


def test_an_answer_that_never_ends_does_not_keep_the_port(new_stand, monkeypatch):
    stand = new_stand(limits=Limits(farewell_s=0.05))
    may_end = threading.Event()
    monkeypatch.setattr(stand.pending, "outcome", lambda _: may_end.wait(60) and None)
    with stand.connect() as stuck:
        stuck.sendall(stand.head(f"GET {CALLBACK} HTTP/1.1"))
        assert stand.pending.wait(5) is not None
        stand.listener.close()
        assert stuck.recv(1) == b""
    socket.create_server(("127.0.0.1", stand.port)).close()
    may_end.set()
