"""How many connections are open at once, and which one has to go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from procore_cli.callback.server import Connections

NewPair = Callable[[], tuple[socket.socket, socket.socket]]


@pytest.fixture
def new_pair() -> Iterator[NewPair]:
    """Makes connected pairs: the listener's end, and the client's."""
    with ExitStack() as opened:

        def new() -> tuple[socket.socket, socket.socket]:
            ours, theirs = socket.socketpair()
            theirs.settimeout(0.05)
            opened.enter_context(ours)
            opened.enter_context(theirs)
            return ours, theirs

        yield new


def was_hung_up_on(theirs: socket.socket) -> bool:
    try:
        return theirs.recv(1) == b""
    except TimeoutError:
        return False


def test_over_the_limit_the_oldest_connection_goes(new_pair: NewPair) -> None:
    connections = Connections(2)
    first, second, third = new_pair(), new_pair(), new_pair()

    assert [connections.add(ours) for ours, _ in (first, second, third)] == [True] * 3

    assert [was_hung_up_on(theirs) for _, theirs in (first, second, third)] == [True, False, False]


def test_a_connection_that_is_being_answered_stays(new_pair: NewPair) -> None:
    connections = Connections(2)
    first, second, third = new_pair(), new_pair(), new_pair()
    connections.add(first[0])
    connections.mark(first[0], busy=True)
    connections.add(second[0])

    assert connections.add(third[0])

    assert [was_hung_up_on(theirs) for _, theirs in (first, second)] == [False, True]


def test_where_all_are_being_answered_a_new_one_is_turned_away(new_pair: NewPair) -> None:
    connections = Connections(1)
    (busy, _), (late, _) = new_pair(), new_pair()
    connections.add(busy)
    connections.mark(busy, busy=True)

    assert connections.add(late) is False

    connections.mark(busy, busy=False)
    assert connections.add(late) is True


def test_a_connection_that_was_removed_is_closed_and_no_longer_counted(new_pair: NewPair) -> None:
    connections = Connections(1)
    (first, theirs), (second, others) = new_pair(), new_pair()
    connections.add(first)

    connections.remove(first)

    assert was_hung_up_on(theirs)
    assert connections.add(second)
    assert not was_hung_up_on(others)


def test_marking_a_connection_that_had_to_go_does_not_bring_it_back(new_pair: NewPair) -> None:
    connections = Connections(1)
    (first, _), (second, _), (third, _) = new_pair(), new_pair(), new_pair()
    connections.add(first)
    connections.add(second)

    connections.mark(first, busy=True)

    assert connections.add(third)


def test_a_connection_that_the_system_has_ended_already_can_be_dropped(new_pair: NewPair) -> None:
    connections = Connections(1)
    (gone, _), (new, _) = new_pair(), new_pair()
    connections.add(gone)
    gone.close()

    assert connections.add(new)


def test_at_the_end_an_answer_under_way_is_waited_for(new_pair: NewPair) -> None:
    connections = Connections(3)
    (busy, reader), (idle, other) = new_pair(), new_pair()
    for ours in (busy, idle):
        connections.add(ours)
    connections.mark(busy, busy=True)

    def finish() -> None:
        busy.sendall(b"page")
        connections.mark(busy, busy=False)
        for ours in (busy, idle):
            ours.recv(1)
            connections.remove(ours)

    answering = threading.Timer(0.02, finish)
    answering.start()
    connections.end(5)

    answering.join()
    assert reader.recv(4) == b"page"
    assert was_hung_up_on(reader)
    assert was_hung_up_on(other)


def test_the_end_does_not_wait_for_ever_for_an_answer(new_pair: NewPair) -> None:
    connections = Connections(1)
    stuck, theirs = new_pair()
    connections.add(stuck)
    connections.mark(stuck, busy=True)

    connections.end(0.01)

    assert was_hung_up_on(theirs)
