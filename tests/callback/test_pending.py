"""The first callback that is ours, the outcome on its way back, and the tabs that come for it."""

from __future__ import annotations

import threading
import time

import pytest

from procore_cli.callback.pending import _OTHERS_S, Failure, PendingCallback

LONG_S = 60
OURS = [("code", "c0de"), ("state", "ours")]
NO = Failure("Denied", "Procore said no.", "Ask for access.")


@pytest.fixture
def pending() -> PendingCallback:
    """A sign-in that waits for the state `ours`."""
    return PendingCallback("ours")


def test_what_was_offered_is_kept_as_it_was(pending):
    pairs = list(OURS)
    assert pending.wait(0) is None
    assert pending.offer(pairs)
    pairs.clear()
    assert pending.wait(0) == OURS


def test_waiting_wakes_up_as_soon_as_the_callback_arrives(pending):
    began = time.monotonic()
    assert pending.wait(0.02) is None
    sender = threading.Timer(0.02, pending.offer, (OURS,))
    sender.start()
    assert pending.wait(LONG_S) == OURS
    assert 0.04 <= time.monotonic() - began < LONG_S / 2
    sender.join()


def test_everybody_who_waits_hears_the_first_outcome(pending):
    assert pending.outcome(0) is None
    heard: list[object] = []
    waiting = [threading.Thread(target=lambda: heard.append(pending.outcome(30))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    pending.finish(NO)
    pending.finish(Failure("Later", "Something else.", "Nothing."))
    for thread in waiting:
        thread.join(5)
    assert heard == [NO] * 3
    assert pending.outcome(0) is NO


def test_whoever_waits_hears_at_once_that_nobody_will_come(pending):
    threading.Timer(0.02, pending.give_up, [ValueError("lost")]).start()
    with pytest.raises(ValueError, match="lost"):
        pending.wait(LONG_S)
    pending.offer(OURS)
    assert pending.wait(0) == OURS


def new_visited(*, sent: int, came: int) -> PendingCallback:
    """A sign-in that sent so many tabs to `/home`, and so many got it."""
    callback = PendingCallback("ours")
    for _ in range(sent):
        callback.send_home()
    for _ in range(came):
        callback.come_home()
    return callback


def test_the_only_tab_ends_the_wait_at_once_and_a_second_one_that_arrives_too(monkeypatch):
    monkeypatch.setattr("procore_cli.callback.pending._OTHERS_S", LONG_S)
    began = time.monotonic()
    assert new_visited(sent=1, came=1).wait_for_home(LONG_S)
    assert time.monotonic() - began < LONG_S / 2
    callback = new_visited(sent=2, came=1)
    waiting = threading.Thread(target=callback.wait_for_home, args=(LONG_S,))
    waiting.start()
    callback.come_home()
    waiting.join(LONG_S / 2)
    assert not waiting.is_alive()


def test_a_tab_that_never_arrives_holds_the_others_up_for_a_moment_alone():
    began = time.monotonic()
    assert not new_visited(sent=1, came=0).wait_for_home(0)
    assert new_visited(sent=2, came=1).wait_for_home(LONG_S)
    assert _OTHERS_S <= time.monotonic() - began < LONG_S / 2
