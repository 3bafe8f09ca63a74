"""How the listener starts and ends: the port, its threads, the tabs that still wait."""

from __future__ import annotations

import socket
import threading

import pytest

from procore_cli.callback.pending import Failure, PendingCallback
from procore_cli.callback.server import Limits, Listener
from procore_cli.config.urls import read_redirect_uri
from procore_cli.errors import PortTakenError
from tests.callback.listener_stand import AUTHORIZE_URL, LOOPBACKS, find_free_port


def test_the_port_is_free_as_soon_as_the_listener_is_closed(new_stand):
    first = new_stand()
    idle = first.connect()
    first.come_back()
    first.listener.close()
    second = new_stand(port=first.port)
    assert second.ask("/").status == 200
    assert idle.recv(1) == b""
    idle.close()


def test_a_tab_that_waits_at_the_end_is_told_that_nobody_waits_any_more(stand):
    waiting = stand.ask_later("/callback?code=c0de&state=ours")
    stand.pending.wait(5)
    stand.listener.close()
    assert "The terminal stopped waiting" in waiting.result(5).text


def test_a_failure_reaches_the_browser_even_when_the_listener_is_closed_at_once(stand):
    waiting = stand.ask_later("/callback?code=c0de&state=ours")
    stand.pending.wait(5)
    stand.pending.finish(Failure("Denied", "Procore said no.", "Ask for access."))
    stand.listener.close()
    assert "Procore said no." in waiting.result(5).text


def test_closing_twice_or_before_the_start_does_no_harm():
    port = find_free_port()
    pending = PendingCallback("ours")
    redirect = read_redirect_uri(f"http://localhost:{port}/callback", "the test")
    listener = Listener(redirect, AUTHORIZE_URL, pending, "demo")
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
        stuck.sendall(stand.head("GET /callback?code=c0de&state=ours HTTP/1.1"))
        assert stand.pending.wait(5) is not None
        stand.listener.close()
        assert stuck.recv(1) == b""
    socket.create_server(("127.0.0.1", stand.port)).close()
    may_end.set()


@pytest.fixture
def others() -> set[threading.Thread]:
    """What runs already, as servers of other tests do."""
    return set(threading.enumerate())


def test_no_thread_is_left_behind(others, stand):
    with stand.connect():
        stand.ask("/")
        before = {thread for thread in threading.enumerate() if thread.daemon} - others
        assert before
        stand.listener.close()
        for thread in before:
            thread.join(5)
    assert not any(thread.is_alive() for thread in before)


def test_a_port_that_is_taken_is_told_before_anything_listens(stand):
    for address in LOOPBACKS:
        host = f"[{address}]" if ":" in address else address
        second = Listener(
            read_redirect_uri(f"http://{host}:{stand.port}/", "x"), AUTHORIZE_URL, stand.pending, "demo"
        )
        with pytest.raises(PortTakenError, match="in use"), second:
            pass
        assert stand.ask("/", address=address).status == 200
