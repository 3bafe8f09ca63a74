"""A sign-in's way through the listener, from the button to `/home`."""

from __future__ import annotations

import html

import pytest

from procore_cli.callback import sockets
from procore_cli.callback.pending import Failure
from procore_cli.callback.server import Limits
from tests.callback.listener_stand import AUTHORIZE_URL, HOME, LOOPBACKS, Stand, is_safe, read_reply

NAME = "procore_login_session"
ROW = '[1, 11111, "joecontractor@procore.com"]'


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
    waiting = stand.ask_later("/callback?code=a%2Fb+c&state=ours")
    assert stand.pending.wait(5) == [("code", "a/b c"), ("state", "ours")]
    assert not waiting.done()
    stand.pending.finish(HOME)
    reply = waiting.result(5)
    assert (reply.status, reply.headers["location"], is_safe(reply)) == (303, "/home", True)
    assert reply.headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax; Path=/home; Max-Age=60")


def test_home_shows_the_row_to_the_browser_that_signed_in(stand):
    key = signed_in(stand)
    # localhost's cookies are shared by all ports, and another program's may come first.
    for cookies in (
        [f"Cookie: theme=dark; {NAME}=other; {NAME}={key}; {NAME}=last"],
        [f"Cookie: {NAME}=theirs", f"Cookie: {NAME}={key}"],
    ):
        reply = stand.ask("/home", *cookies)
        assert reply.status == 200
        assert ROW in html.unescape(reply.text)
        assert "Joe Contractor" in reply.text
    assert stand.pending.wait_for_home(5)


def test_home_shows_nobody_without_the_cookie_and_ends_nothing(stand):
    assert stand.ask("/home").status == 403
    key = signed_in(stand)
    for cookie in ("", NAME, f"{NAME}=", f"{NAME}=guess", f"{NAME}={key}x", f"{NAME}={key[:-1]}", f"x={key}"):
        reply = stand.ask("/home", f"Cookie: {cookie}")
        assert (reply.status, "joecontractor" in reply.text) == (403, False), cookie
    assert [stand.ask("/home", *more).status for more in ([], [f"Cookie: {NAME}=\xe9"])] == [403, 403]
    assert not stand.pending.wait_for_home(0)


def test_the_cookie_has_at_least_128_bits_and_is_another_one_each_time(new_stand):
    one, other = signed_in(new_stand()), signed_in(new_stand())
    assert len(one) * 6 >= 128
    assert one != other


def test_looking_at_homes_headers_does_not_end_the_program(stand):
    key = signed_in(stand)
    reply = stand.ask("/home", f"Cookie: {NAME}={key}", method="HEAD")
    assert (reply.status, reply.text) == (200, "")
    assert int(reply.headers["content-length"]) > 1000
    assert not stand.pending.wait_for_home(0)


def test_a_sign_in_that_fails_is_explained_to_the_browser(stand):
    waiting = stand.ask_later("/callback?error=access_denied&state=ours")
    assert stand.pending.wait(5) == [("error", "access_denied"), ("state", "ours")]
    stand.pending.finish(Failure("Denied", "Procore said <no>.", "Run `procore-login signin` again."))
    reply = waiting.result(5)
    assert reply.status == 200
    assert "Procore said &lt;no&gt;." in reply.text
    assert "set-cookie" not in reply.headers


def test_a_callback_that_comes_later_is_told_the_same(stand):
    first = stand.come_back()
    again = stand.ask("/callback?code=other&state=ours")
    assert (again.status, again.headers) == (first.status, first.headers)
    assert stand.pending.wait(0) == [("code", "c0de"), ("state", "ours")]


def test_two_callbacks_at_once_get_one_outcome(stand):
    both = [stand.ask_later(f"/callback?code={code}&state=ours") for code in ("a", "b")]
    stand.pending.wait(5)
    stand.pending.finish(HOME)
    assert [reply.result(5).status for reply in both] == [303, 303]


def test_a_browser_is_not_kept_waiting_for_ever(new_stand):
    stand = new_stand(limits=Limits(outcome_s=0.02))
    reply = stand.ask("/callback?code=c0de&state=ours")
    assert reply.status == 503
    assert "Look at the terminal" in reply.text


def test_a_host_that_is_this_machine_is_answered(stand):
    for host in ("localhost", "LocalHost", "127.0.0.1", "[::1]"):
        raw = stand.send(f"GET / HTTP/1.1\r\nHost: {host}:{stand.port}\r\n\r\n".encode())
        assert read_reply(raw).status == 200


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_every_answer_ends_its_connection(stand, version):
    request = f"GET / HTTP/{version}\r\nHost: localhost:{stand.port}\r\nConnection: keep-alive\r\n\r\n"
    reply = read_reply(stand.send(request.encode() * 2))
    assert reply.status == 200
    assert reply.headers["connection"] == "close"
    assert int(reply.headers["content-length"]) == len(reply.text.encode())


def test_somebody_who_is_not_admitted_is_refused_whatever_is_sent(stand, warned, monkeypatch):
    seen = []

    def refuse(peer: tuple[str, int], own: tuple[str, int], *_: object) -> sockets.Peer:
        seen.append((peer, own))
        return sockets.Peer(sockets.Standing.FOREIGN, 4242)

    monkeypatch.setattr(sockets, "judge", refuse)
    for line, host in (
        ("GET /callback?code=c&state=ours HTTP/1.1", f"localhost:{stand.port}"),
        ("HEAD / HTTP/1.1", f"localhost:{stand.port}"),
        ("POST / HTTP/1.1", f"localhost:{stand.port}"),
        ("GET / HTTP/1.1", "evil.example"),
        ("GET / HTTP/1.1 evil", f"localhost:{stand.port}"),
        ("\x16\x03", ""),
        ("GET /" + "x" * 70_000 + " HTTP/1.1", ""),
    ):
        with stand.connect() as client:
            own = client.getsockname()
            client.sendall(f"{line}\r\nHost: {host}\r\n\r\n".encode())
            assert client.recv(65536).split()[1] == b"403", line
        assert seen.pop() == (own, ("127.0.0.1", stand.port))

    assert stand.pending.wait(0) is None
    assert stand.listener.refused_uids == {4242}
    (line,) = warned.getvalue().splitlines()
    assert line.startswith("Warning: Another user of this machine tried")


def test_a_bug_while_answering_is_a_500_and_not_a_traceback(stand, monkeypatch, capfd):
    def fail(pairs: object) -> bool:
        raise ZeroDivisionError("c0de")

    monkeypatch.setattr(stand.pending, "offer", fail)
    reply = stand.ask("/callback?code=c0de")
    assert reply.status == 500
    assert "c0de" not in reply.text
    assert capfd.readouterr() == ("", "")
