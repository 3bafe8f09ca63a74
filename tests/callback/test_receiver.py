"""What the person is told while a sign-in waits, in which order, and for each place that it may run at."""

import io
import itertools
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from procore_cli import log
from procore_cli.callback import sockets
from procore_cli.callback.authorization_response import Pairs
from procore_cli.callback.browser import Place
from procore_cli.callback.guidance import Guidance
from procore_cli.callback.pending import Failure, PendingCallback
from procore_cli.callback.receiver import BrowserOptions, CallbackReceiver
from procore_cli.config.environments import OOB_REDIRECT_URI
from procore_cli.config.urls import read_redirect_uri
from procore_cli.console import Console
from procore_cli.errors import SignInTimedOutError, StorageError, UnreachableError
from procore_cli.models import command
from tests.cli import free_port

LINK = "https://login.example.com/oauth/authorize?state=x"
PAIRS: Pairs = [("code", "c"), ("state", "s")]


class Talk(Console):
    def __init__(self) -> None:
        super().__init__(find_default=lambda: "sandbox")
        self.lines: list[str] = []
        self.waits: list[str] = []

    def show_wait(self, text: str) -> None:
        self.waits.append(text)

    def say(self, text: str, advice: str = "") -> None:
        self.lines.append(f"{text} {advice}".strip())

    warn = link = say


class Nobody(PendingCallback):
    """Whoever waits for it need not wait."""

    def wait(self, timeout_s: float) -> Pairs | None:
        return super().wait(0)


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def receive(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CallbackReceiver]:
    """A receiver whose clock goes on by `step_s` each time that it is read."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def new_receiver(
        opener: Any = None,
        redirect_uri: str = "",
        pending: PendingCallback | None = None,
        place: Place = Place.DESK,
        step_s: int = 1000,
        reach: Callable[[], None] | None = None,
        **options: Any,
    ) -> CallbackReceiver:
        redirect = read_redirect_uri(redirect_uri or f"http://localhost:{free_port()}/callback", "test")
        clock = itertools.count(step_s, step_s).__next__
        pending, chosen = pending or Nobody("s"), BrowserOptions(**options)
        return CallbackReceiver(redirect, LINK, pending, chosen, opener, talk, "sandbox", place, clock, reach)

    return new_receiver


def new_opener(opened: list[str], *, signs_in_itself: bool = False) -> Any:
    return SimpleNamespace(
        name="Somebody of the tests",
        open=lambda url: opened.append(url) or True,
        signs_in_itself=signs_in_itself,
    )


def test_where_a_browser_was_opened_pasting_is_advised_once_nobody_has_come_for_a_while(
    receive, talk, monkeypatch
):
    advice = "If the last page does not load, paste its address here."
    with Path(os.devnull).open() as terminal:
        monkeypatch.setattr("procore_cli.callback.receiver._find_terminal", terminal.fileno)
        with receive(new_opener([]), step_s=100) as receiver:
            receiver.invite()
            assert advice not in " ".join(talk.lines)
            with pytest.raises(SignInTimedOutError):
                receiver.wait()
        assert sum(advice in line for line in talk.lines) == 1
        with receive() as receiver:
            receiver.invite()
        assert talk.lines[-1].startswith(advice)


@pytest.mark.parametrize("place", [Place.DESK, Place.WSL, Place.CONTAINER, Place.NO_DISPLAY])
def test_the_link_is_opened_and_shown_too_and_nothing_is_said_of_the_place(receive, talk, place):
    opened: list[str] = []
    with receive(new_opener(opened), place=place) as receiver:
        receiver.invite()
    assert opened == [LINK]
    assert "Somebody of the tests" in talk.lines[0]
    assert talk.lines[1:] == [LINK]


def test_a_browser_is_told_of_an_error_and_its_hint_as_the_terminal_has_them(receive):
    pending = Nobody("s")
    with pytest.raises(StorageError), receive(pending=pending) as receiver, receiver.showing_errors():
        raise StorageError("the disk is full.", f"Run {command('signin', 'sandbox')}")
    told = pending.outcome(0)
    assert isinstance(told, Failure)
    assert (told.detail, told.next_step) == ("sandbox: the disk is full.", "Run `procore-login signin`")


@pytest.mark.parametrize(
    "opener", [None, SimpleNamespace(name="broken", open=lambda _: False, signs_in_itself=False)]
)
def test_where_nothing_opens_the_person_is_asked_to(receive, talk, opener):
    with receive(opener) as receiver:
        receiver.invite()
    assert talk.lines == ["Open this link in a browser:", LINK]


@pytest.mark.parametrize(("timeout_s", "words"), [(29, 0), (33, 1)])
def test_half_a_minute_of_silence_is_30_seconds(receive, talk, timeout_s, words):
    waiting = receive(timeout_s=timeout_s, step_s=1)
    with waiting as receiver, pytest.raises(SignInTimedOutError) as caught:
        receiver.wait()
    assert len(talk.lines) == words
    assert f"sandbox within {timeout_s} s" in caught.value.message
    assert "--timeout" in caught.value.hint


class Host(Nobody):
    """A login host that answers, or does not, after the 40th look for a callback; none comes."""

    def __init__(self, trouble: Exception | None = None) -> None:
        super().__init__("s")
        self.trouble = trouble
        self.may_answer = threading.Event()
        self.asked: list[int] = []
        self.looks = 0

    def reach(self) -> None:
        self.asked.append(threading.get_ident())
        assert self.may_answer.wait(20)
        if self.trouble is not None:
            raise self.trouble

    def wait(self, timeout_s: float) -> Pairs | None:
        self.looks += 1
        if self.looks == 40:
            self.may_answer.set()
            for thread in threading.enumerate():
                if thread.name == "reach":
                    thread.join(20)
        return super().wait(timeout_s)


PORTAL = "the redirect URI in the portal must be exactly `http://localhost:"
GONE = UnreachableError("login.example.com cannot be reached: connection refused. Nothing was sent.", "Look.")


@pytest.mark.parametrize(
    ("trouble", "told", "error", "hint"),
    [
        (None, PORTAL, "within 300 s.", PORTAL),
        (ValueError("a bug"), PORTAL, "within 300 s.", PORTAL),
        (
            GONE,
            "Still waiting. login.example.com cannot be reached: connection refused. Your browser may",
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
        receive(pending=host, step_s=1, reach=host.reach) as receiver,
        pytest.raises(SignInTimedOutError) as caught,
    ):
        receiver.wait()
    assert len(host.asked) == 1
    assert threading.get_ident() not in host.asked
    (line,) = talk.lines
    assert told in line
    assert error in caught.value.message
    assert hint in caught.value.hint


def test_a_callback_that_arrives_while_the_login_host_is_asked_wins(receive, talk):
    host = Host()

    def reach() -> None:
        host.offer(PAIRS)
        host.reach()

    with receive(pending=host, step_s=1, reach=reach) as receiver:
        assert receiver.wait() == PAIRS
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
    waiting = receive(step_s=1, reach=host.reach)
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
    with receive(timeout_s=65, step_s=1) as receiver, pytest.raises(SignInTimedOutError):
        receiver.wait()
    assert talk.waits[0] == "Waiting for the browser. 1:04 min left."
    assert talk.waits[-2:] == ["Waiting for the browser. 0:01 min left.", ""]


FORWARD = "ssh -L 4567:localhost:4567"
ELSEWHERE = [Place.SSH, Place.WSL, Place.CONTAINER, Place.NO_DISPLAY]
HERE = "http://localhost:4567/callback"
DOCKER = "docker run -it --user $(id -u) --network host -e PROCORE_LOGIN_HOME=/tmp/procore-login"


def guide(place: Place, uri: str = HERE, *, listens: bool = True, pastes: bool = True) -> Guidance:
    return Guidance(read_redirect_uri(uri, "test"), place, listens, pastes)


def told_at(place: Place, uri: str = HERE, **ways: bool) -> str:
    """What is said where nothing opens the link."""
    return guide(place, uri, **ways).before_link(is_opened=False) or ""


@pytest.mark.parametrize("place", [Place.SSH, Place.NO_DISPLAY])
def test_where_the_page_fails_to_load_the_ways_out_that_are_open_are_named(place):
    told, no_terminal, no_listener = (
        told_at(place),
        told_at(place, pastes=False),
        told_at(place, listens=False),
    )
    assert "the last page will not load" in told
    assert "Paste its address here, or forward the port first" in told
    assert FORWARD in told
    assert FORWARD in no_terminal
    assert "aste" not in no_terminal
    assert "Paste its address here." in no_listener
    assert "ssh -L" not in no_listener
    assert "ssh -L 9876:localhost:9876" in told_at(place, "http://127.0.0.1:9876/back")


def test_in_wsl_the_browser_of_windows_finds_its_way_back():
    told = told_at(Place.WSL)
    assert "browser of Windows, which finds its way back" in told
    assert "finds its way back" not in told_at(Place.WSL, listens=False)


def test_in_a_container_a_paste_helps_as_everywhere_and_else_the_hosts_network():
    assert told_at(Place.CONTAINER) == ""
    told = told_at(Place.CONTAINER, pastes=False)
    assert DOCKER in told
    assert "aste" not in told


def test_nothing_is_said_at_a_desk_or_where_a_page_that_always_loads_ends_the_flow():
    uris = ("https://app.example.com/callback", OOB_REDIRECT_URI)
    said = [told_at(place, uri, listens=False) for place in (*ELSEWHERE, Place.DESK) for uri in uris]
    assert {told_at(Place.DESK), *said} == {""}
    # Of a browser that opens it is said over SSH alone.
    assert [place for place in ELSEWHERE if guide(place).before_link(is_opened=True)] == [Place.SSH]


def test_where_another_user_was_refused_the_way_out_fits_the_place():
    in_container, at_desk = guide(Place.CONTAINER).foreign(), guide(Place.DESK).foreign()
    assert DOCKER in in_container
    assert "run the command as the user whose browser it is" in at_desk
    assert "paste the address" in in_container
    assert "paste the address" in at_desk
