"""How the listener starts and ends: the port, its threads, the tabs that still wait."""

import socket
import threading

import pytest

from procore_cli.callback.pending import Failure, PendingCallback
from procore_cli.callback.server import Limits, Listener
from procore_cli.config.urls import read_redirect_uri
from procore_cli.errors import PortTakenError
from tests.callback.listener_stand import AUTHORIZE_URL, CALLBACK, LOOPBACKS
from tests.cli import free_port


def new_listener(host: str, pending: PendingCallback) -> Listener:
    return Listener(read_redirect_uri(f"http://{host}/callback", "the test"), AUTHORIZE_URL, pending, "demo")


def test_the_port_is_free_as_soon_as_the_listener_is_closed(new_stand):
    first = new_stand()
    with first.connect() as idle:
        first.come_back()
        first.listener.close()
        assert new_stand(port=first.port).ask("/").status == 200
        assert idle.recv(1) == b""


def test_a_tab_that_waits_at_the_end_is_told_what_happened(new_stand):
    denied = Failure("Denied", "Procore said no.", "Ask for access.")
    for outcome, told in ((None, "The terminal stopped waiting"), (denied, "Procore said no.")):
        stand = new_stand()
        waiting = stand.arrive()
        if outcome is not None:
            stand.pending.finish(outcome)
        stand.listener.close()
        assert told in waiting.result(5).text


def test_closing_twice_or_before_the_start_does_no_harm():
    port = free_port()
    listener = new_listener(f"localhost:{port}", PendingCallback("ours"))
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


def test_no_thread_is_left_behind(new_stand):
    others = set(threading.enumerate())
    stand = new_stand()
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
        with (
            pytest.raises(PortTakenError, match="in use"),
            new_listener(f"{host}:{stand.port}", stand.pending),
        ):
            pass
        assert stand.ask("/", address=address).status == 200
