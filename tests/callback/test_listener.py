"""A sign-in's way through the listener, from the button to `/home`."""

from __future__ import annotations

import html
import io

import pytest

from procore_cli.callback import sockets
from procore_cli.callback.pending import Failure
from procore_cli.callback.server import Limits
from tests.callback.listener_stand import (
    AUTHORIZE_URL,
    HOME,
    LOOPBACKS,
    NewStand,
    Stand,
    read_reply,
)

ROW = '[1, 11111, "joecontractor@procore.com"]'


@pytest.mark.parametrize("address", LOOPBACKS)
def test_the_button_pages_lead_to_procore_on_every_address(stand: Stand, address: str) -> None:
    for path, label in (("/", "Sign Up with Procore"), ("/signin", "Sign In with Procore")):
        reply = stand.ask(path, address=address)

        assert reply.status == 200
        assert label in reply.text
        assert AUTHORIZE_URL in html.unescape(reply.text)


def test_a_callback_is_handed_over_decoded_and_answered_once_it_is_saved(stand: Stand) -> None:
    waiting = stand.ask_later("/callback?code=a%2Fb+c&state=ours")

    assert stand.pending.wait(5) == [("code", "a/b c"), ("state", "ours")]
    assert not waiting.done()
    stand.pending.finish(HOME)
    reply = waiting.result(5)

    assert (reply.status, reply.headers["location"]) == (303, "/home")
    assert reply.headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax; Path=/home; Max-Age=60")


def test_home_shows_the_row_to_the_browser_that_signed_in(stand: Stand) -> None:
    cookie = stand.come_back().headers["set-cookie"].partition(";")[0]

    reply = stand.ask("/home", f"Cookie: theme=dark; procore_login_session=other; {cookie}")

    assert reply.status == 200
    assert ROW in html.unescape(reply.text)
    assert "Joe Contractor" in reply.text
    assert stand.pending.wait_for_home(5)


def test_home_shows_nobody_without_the_cookie_and_ends_nothing(stand: Stand) -> None:
    stand.come_back()

    for headers in ([], ["Cookie: procore_login_session=guess"]):
        reply = stand.ask("/home", *headers)
        assert reply.status == 403
        assert "joecontractor" not in reply.text

    assert not stand.pending.wait_for_home(0)


def test_home_is_closed_before_anybody_signed_in(stand: Stand) -> None:
    assert stand.ask("/home").status == 403


def test_looking_at_homes_headers_does_not_end_the_program(stand: Stand) -> None:
    cookie = stand.come_back().headers["set-cookie"].partition(";")[0]

    reply = stand.ask("/home", f"Cookie: {cookie}", method="HEAD")

    assert (reply.status, reply.text) == (200, "")
    assert not stand.pending.wait_for_home(0)


def test_a_sign_in_that_fails_is_explained_to_the_browser(stand: Stand) -> None:
    waiting = stand.ask_later("/callback?error=access_denied&state=ours")
    assert stand.pending.wait(5) == [("error", "access_denied"), ("state", "ours")]

    stand.pending.finish(Failure("Denied", "Procore said <no>.", "Run `procore-login signin` again."))

    reply = waiting.result(5)
    assert reply.status == 200
    assert "Procore said &lt;no&gt;." in reply.text
    assert "set-cookie" not in reply.headers


def test_a_callback_that_comes_later_is_told_the_same(stand: Stand) -> None:
    first = stand.come_back()

    again = stand.ask("/callback?code=other&state=ours")

    assert (again.status, again.headers) == (first.status, first.headers)
    assert stand.pending.wait(0) == [("code", "c0de"), ("state", "ours")]


def test_two_callbacks_at_once_get_one_outcome(stand: Stand) -> None:
    both = [stand.ask_later(f"/callback?code={code}&state=ours") for code in ("a", "b")]
    stand.pending.wait(5)

    stand.pending.finish(HOME)

    assert [reply.result(5).status for reply in both] == [303, 303]


def test_a_browser_is_not_kept_waiting_for_ever(new_stand: NewStand) -> None:
    stand = new_stand(limits=Limits(outcome_s=0.02))

    reply = stand.ask("/callback?code=c0de&state=ours")

    assert reply.status == 503
    assert "Look at the terminal" in reply.text


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "[::1]"])
def test_a_host_that_is_this_machine_is_answered(stand: Stand, host: str) -> None:
    raw = stand.send(f"GET / HTTP/1.1\r\nHost: {host}:{stand.port}\r\n\r\n".encode())

    assert read_reply(raw).status == 200


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_every_answer_ends_its_connection(stand: Stand, version: str) -> None:
    request = f"GET / HTTP/{version}\r\nHost: localhost:{stand.port}\r\nConnection: keep-alive\r\n\r\n"

    reply = read_reply(stand.send(request.encode() * 2))

    assert reply.status == 200
    assert reply.headers["connection"] == "close"
    assert int(reply.headers["content-length"]) == len(reply.text.encode())


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("GET /callback?code=c&state=ours HTTP/1.1", "localhost:{port}"),
        ("HEAD / HTTP/1.1", "localhost:{port}"),
        ("POST / HTTP/1.1", "localhost:{port}"),
        ("GET / HTTP/1.1", "evil.example"),
        ("GET / HTTP/1.1 evil", "localhost:{port}"),
        ("\x16\x03", ""),
        ("GET /" + "x" * 70_000 + " HTTP/1.1", ""),
    ],
)
def test_somebody_who_is_not_admitted_is_refused_whatever_is_sent(
    stand: Stand, warned: io.StringIO, monkeypatch: pytest.MonkeyPatch, line: str, host: str
) -> None:
    seen = []

    def refuse(peer: tuple[str, int], own: tuple[str, int], *_: object) -> sockets.Peer:
        seen.append((peer, own))
        return sockets.Peer(sockets.Standing.FOREIGN, 4242)

    monkeypatch.setattr(sockets, "judge", refuse)
    with stand.connect() as client:
        own = client.getsockname()
        client.sendall(f"{line}\r\nHost: {host.format(port=stand.port)}\r\n\r\n".encode())
        status = client.recv(65536).split()[1]

    assert status == b"403"
    assert seen == [(own, ("127.0.0.1", stand.port))]
    assert stand.pending.wait(0) is None
    assert stand.listener.refused_uids == {4242}
    assert warned.getvalue().startswith("Warning: Another user of this machine tried")


def test_a_bug_while_answering_is_a_500_and_not_a_traceback(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(pairs: object) -> bool:
        raise ZeroDivisionError("c0de")

    monkeypatch.setattr(stand.pending, "offer", fail)

    reply = stand.ask("/callback?code=c0de")

    assert reply.status == 500
    assert "c0de" not in reply.text
    assert capfd.readouterr() == ("", "")
