"""What the person is told while a sign-in waits, and in which order."""

from __future__ import annotations

import io
import socket
import sys
import threading
from collections.abc import Callable

import pytest

from procore_cli import log
from procore_cli.callback import sockets
from procore_cli.callback.authorization_response import Pairs
from procore_cli.callback.browser import Place
from procore_cli.callback.pending import PendingCallback
from procore_cli.callback.receiver import BrowserOptions, CallbackReceiver
from procore_cli.config.urls import read_redirect_uri
from procore_cli.console import Console
from procore_cli.errors import SignInNeededError, SignInTimedOutError, UnreachableError
from tests.cli import free_port

LINK = "https://login.example.com/oauth/authorize?state=x"


class Clock:
    """Each look at it is a thousand seconds later: nothing has to be waited for."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1000
        return self.now


class Watch(Clock):
    """A second for each look."""

    def __call__(self) -> float:
        self.now += 1
        return self.now


class Talk(Console):
    """Remembers what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.waits: list[str] = []

    def show_wait(self, text: str) -> None:
        self.waits.append(text)

    def say(self, text: str) -> None:
        self.lines.append(text)

    warn = link = say


class Nobody(PendingCallback):
    """Whoever waits for it need not wait."""

    def wait(self, timeout_s: float) -> Pairs | None:
        return super().wait(0)


class Opener:
    """Opens nothing, and remembers what it was sent to."""

    name = "a browser of the tests"

    def __init__(self, works: bool = True) -> None:
        self.works = works
        self.opened: list[str] = []

    def open(self, url: str) -> bool:
        self.opened.append(url)
        return self.works


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def receive(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CallbackReceiver]:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def new_receiver(
        options: BrowserOptions = BrowserOptions(),  # noqa: B008 - frozen
        opener: Opener | None = None,
        redirect_uri: str = "",
        pending: PendingCallback | None = None,
        place: Place = Place.DESK,
        clock: Clock | None = None,
        reach: Callable[[], None] | None = None,
    ) -> CallbackReceiver:
        clock = clock or Clock()
        redirect = read_redirect_uri(redirect_uri or f"http://localhost:{free_port()}/callback", "test")
        pending = pending or Nobody("s")
        return CallbackReceiver(
            redirect, LINK, pending, options, opener, talk, "sandbox", place, clock, reach
        )

    return new_receiver


@pytest.mark.parametrize("place", [Place.DESK, Place.WSL, Place.CONTAINER, Place.NO_DISPLAY])
def test_the_link_is_opened_and_shown_too_and_nothing_is_said_of_the_place(receive, talk, place):
    opener = Opener()
    with receive(opener=opener, place=place) as receiver:
        receiver.invite()
    assert opener.opened == [LINK]
    assert "a browser of the tests" in talk.lines[0]
    assert talk.lines[1:] == [LINK]


@pytest.mark.parametrize("opener", [None, Opener(works=False)])
def test_where_nothing_opens_the_person_is_asked_to(receive, talk, opener):
    with receive(opener=opener) as receiver:
        receiver.invite()
    assert talk.lines == ["Open this link in a browser:", LINK]


def test_a_short_wait_ends_without_a_word_about_the_redirect_uri(receive, talk):
    with receive(BrowserOptions(timeout_s=20)) as receiver, pytest.raises(SignInTimedOutError) as caught:
        receiver.wait()
    assert talk.lines == []
    assert "sandbox within 20 s" in caught.value.message
    assert "--timeout" in caught.value.hint


def test_what_arrives_is_handed_over(receive):
    pairs: Pairs = [("code", "c"), ("state", "s")]
    pending = PendingCallback("s")
    with receive(pending=pending, clock=Watch()) as receiver:
        pending.offer(pairs)
        assert receiver.wait() == pairs


def test_over_ssh_the_hint_comes_before_the_link(receive, talk):
    with receive(place=Place.SSH) as receiver:
        receiver.invite()
    assert "ssh -L" in talk.lines[0]
    assert talk.lines[-1] == LINK


@pytest.mark.parametrize(
    "way", [{"options": BrowserOptions(paste=True)}, {"redirect_uri": "https://app.example.com/back"}]
)
def test_without_a_listener_and_a_terminal_nobody_can_sign_in(receive, way):
    with pytest.raises(SignInNeededError, match="terminal"), receive(**way):
        pass


class Host:
    """The login host: it answers, or does not, once it is allowed to."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self.may_answer = threading.Event()
        self.asked: list[int] = []

    def __call__(self) -> None:
        self.asked.append(threading.get_ident())
        assert self.may_answer.wait(20)
        if self.trouble is not None:
            raise self.trouble


class Answered(Nobody):
    """Nobody comes; each look takes a second, and after the 40th the host has answered."""

    def __init__(self, host: Host) -> None:
        super().__init__("s")
        self.host = host
        self.looks = 0

    def wait(self, timeout_s: float) -> Pairs | None:
        self.looks += 1
        if self.looks == 40:
            self.host.may_answer.set()
            for thread in threading.enumerate():
                if thread.name == "reach":
                    thread.join(20)
        return super().wait(timeout_s)


PORTAL = "the redirect URI in the portal must be exactly http://localhost:"
GONE = UnreachableError("login.example.com cannot be reached: connection refused. Nothing was sent.", "Look.")


@pytest.mark.parametrize(
    ("trouble", "told", "error", "hint"),
    [
        (None, PORTAL, "within 300 s.", PORTAL),
        (ValueError("a bug"), PORTAL, "within 300 s.", PORTAL),
        (
            GONE,
            "cannot be reached: connection refused. Still waiting: your browser may reach it.",
            "within 300 s: login.example.com cannot be reached: connection refused.",
            "procore-login doctor --env sandbox",
        ),
    ],
)
def test_after_half_a_minute_the_login_host_is_asked_once_before_anything_is_blamed(
    receive, talk, trouble, told, error, hint
):
    host = Host(trouble)
    with (
        receive(pending=Answered(host), clock=Watch(), reach=host) as receiver,
        pytest.raises(SignInTimedOutError) as caught,
    ):
        receiver.wait()
    assert len(host.asked) == 1
    assert threading.get_ident() not in host.asked
    assert len(talk.lines) == 1
    assert told in talk.lines[0]
    assert error in caught.value.message
    assert hint in caught.value.hint


def test_a_callback_that_arrives_while_the_login_host_is_asked_wins(receive, talk):
    host = Host()
    pending = Answered(host)

    def reach() -> None:
        pending.offer([("code", "c"), ("state", "s")])
        host()

    with receive(pending=pending, clock=Watch(), reach=reach) as receiver:
        assert receiver.wait() == [("code", "c"), ("state", "s")]
    host.may_answer.set()
    assert talk.lines == []


def test_where_no_thread_is_to_be_had_the_login_host_counts_as_answering(receive, talk, monkeypatch):
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "reach":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    host = Host(GONE)
    pending = Nobody("s")
    waiting = receive(pending=pending, clock=Watch(), reach=host)
    with waiting as receiver, pytest.raises(SignInTimedOutError, match=r"within 300 s\.$"):
        receiver.wait()

    assert host.asked == []
    assert "the redirect URI in the portal" in talk.lines[0]


def test_whose_connection_was_refused_stands_in_the_timeout(receive, talk, monkeypatch):
    foreign = sockets.Peer(sockets.Standing.FOREIGN, 1000)
    monkeypatch.setattr(sockets, "judge", lambda *_: foreign)
    with log.heard_by(talk), receive(place=Place.CONTAINER) as receiver:
        port = receiver._redirect.port
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), 20) as browser:
                browser.sendall(f"GET /callback?code=c HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
                assert browser.recv(100).startswith(b"HTTP/1.1 403 ")
        with pytest.raises(SignInTimedOutError) as caught:
            receiver.wait()

    assert "a connection of another user (uid 1000) was refused meanwhile" in caught.value.message
    assert "docker run -it --user $(id -u) --network host" in caught.value.hint
    assert "portal" not in caught.value.hint
    assert talk.lines[0] == "Another user of this machine tried to reach this sign-in, and was refused."


def test_where_nobody_can_paste_the_time_left_is_shown(receive, talk):
    pending = Nobody("s")
    with (
        receive(BrowserOptions(timeout_s=65), pending=pending, clock=Watch()) as receiver,
        pytest.raises(SignInTimedOutError),
    ):
        receiver.wait()
    assert talk.waits[0] == "Waiting for the browser. 1:04 min left."
    assert talk.waits[-2:] == ["Waiting for the browser. 0:01 min left.", ""]
