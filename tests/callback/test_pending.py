"""The first callback that is ours, the outcome on its way back, and the tabs that come for it."""

from __future__ import annotations

import threading
import time

import pytest

from procore_cli.callback.pending import _OTHERS_S, Failure, PendingCallback

LONG_S = 60
OURS = [("code", "c0de"), ("state", "ours")]


def new_pending() -> PendingCallback:
    return PendingCallback("ours")


def test_a_callback_that_is_ours_is_kept_for_the_one_who_waits() -> None:
    pending = new_pending()

    assert pending.offer([("code", "c0de"), ("state", "ours")]) is True

    assert pending.wait(0) == [("code", "c0de"), ("state", "ours")]


def test_a_callback_that_is_not_ours_is_refused_and_leaves_nothing() -> None:
    pending = new_pending()

    assert pending.offer([("code", "c0de"), ("state", "theirs")]) is False

    assert pending.wait(0) is None


def test_the_first_callback_that_is_ours_wins() -> None:
    pending = new_pending()
    pending.offer([("code", "first"), ("state", "ours")])

    assert pending.offer([("code", "second"), ("state", "ours")]) is True

    assert pending.wait(0) == [("code", "first"), ("state", "ours")]


def test_what_was_offered_cannot_be_changed_afterwards() -> None:
    pending = new_pending()
    pairs = [("code", "c0de"), ("state", "ours")]
    pending.offer(pairs)

    pairs.clear()

    assert pending.wait(0) == [("code", "c0de"), ("state", "ours")]


def test_recognizing_a_callback_does_not_take_it() -> None:
    pending = new_pending()

    assert pending.recognizes(OURS) is True
    assert pending.recognizes([("code", "c0de"), ("state", "theirs")]) is False

    assert pending.wait(0) is None


def test_waiting_ends_when_the_time_is_over() -> None:
    began = time.monotonic()

    assert new_pending().wait(0.05) is None
    assert 0.05 <= time.monotonic() - began < LONG_S / 2


def test_waiting_wakes_up_as_soon_as_the_callback_arrives() -> None:
    pending = new_pending()
    sender = threading.Timer(0.02, pending.offer, (OURS,))
    sender.start()

    assert pending.wait(30) == OURS
    sender.join()


def test_one_can_wait_again_after_waiting_in_vain() -> None:
    pending = new_pending()
    assert pending.wait(0) is None

    pending.offer(OURS)

    assert pending.wait(0) == OURS


def test_the_outcome_is_unknown_until_it_is_settled() -> None:
    assert new_pending().outcome(0) is None


def test_everybody_who_waits_hears_the_same_outcome() -> None:
    pending = new_pending()
    heard: list[object] = []
    waiting = [threading.Thread(target=lambda: heard.append(pending.outcome(30))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    outcome = Failure("Denied", "Procore said no.", "Ask for access.")

    pending.finish(outcome)

    for thread in waiting:
        thread.join(5)
    assert heard == [outcome] * 3


def test_the_first_outcome_stays() -> None:
    pending = new_pending()
    first = Failure("Denied", "Procore said no.", "Ask for access.")

    pending.finish(first)
    pending.finish(Failure("Later", "Something else.", "Nothing."))

    assert pending.outcome(0) is first


def test_whoever_waits_hears_at_once_that_nobody_will_come() -> None:
    pending = new_pending()
    threading.Timer(0.05, pending.give_up, [ValueError("lost")]).start()

    with pytest.raises(ValueError, match="lost"):
        pending.wait(60)
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


def test_nobody_who_comes_is_waited_for_until_the_time_is_over() -> None:
    assert not new_visited(sent=1, came=0).wait_for_home(0.01)


def test_the_only_tab_ends_the_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procore_cli.callback.pending._OTHERS_S", LONG_S)
    began = time.monotonic()

    assert new_visited(sent=1, came=1).wait_for_home(LONG_S)
    assert time.monotonic() - began < LONG_S / 2


def test_a_second_tab_that_arrives_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procore_cli.callback.pending._OTHERS_S", LONG_S)
    callback = new_visited(sent=2, came=1)
    waiting = threading.Thread(target=callback.wait_for_home, args=(LONG_S,))
    waiting.start()

    callback.come_home()
    waiting.join(LONG_S / 2)

    assert not waiting.is_alive()


def test_a_tab_that_never_arrives_holds_the_others_up_for_a_moment_alone() -> None:
    began = time.monotonic()

    assert new_visited(sent=2, came=1).wait_for_home(LONG_S)
    assert _OTHERS_S <= time.monotonic() - began < LONG_S / 2
