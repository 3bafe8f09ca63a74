"""The first callback that is ours, and the outcome on its way back."""

from __future__ import annotations

import threading

import pytest

from procore_cli.callback.pending import Failure, Pairs, PendingCallback


def is_ours(pairs: Pairs) -> bool:
    return ("state", "ours") in pairs


def new_inbox() -> PendingCallback:
    return PendingCallback(is_ours)


class LeapingClock:
    """Each look at it is a minute later than the one before."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        self.now_s += 60
        return self.now_s


def test_a_callback_that_is_ours_is_kept_for_the_one_who_waits() -> None:
    inbox = new_inbox()

    assert inbox.offer([("code", "c0de"), ("state", "ours")]) is True

    assert inbox.wait(0) == [("code", "c0de"), ("state", "ours")]


def test_a_callback_that_is_not_ours_is_refused_and_leaves_nothing() -> None:
    inbox = new_inbox()

    assert inbox.offer([("code", "c0de"), ("state", "theirs")]) is False

    assert inbox.wait(0) is None


def test_the_first_callback_that_is_ours_wins() -> None:
    inbox = new_inbox()
    inbox.offer([("code", "first"), ("state", "ours")])

    assert inbox.offer([("code", "second"), ("state", "ours")]) is True

    assert inbox.wait(0) == [("code", "first"), ("state", "ours")]


def test_what_was_offered_cannot_be_changed_afterwards() -> None:
    inbox = new_inbox()
    pairs = [("code", "c0de"), ("state", "ours")]
    inbox.offer(pairs)

    pairs.clear()

    assert inbox.wait(0) == [("code", "c0de"), ("state", "ours")]


def test_recognizing_a_callback_does_not_take_it() -> None:
    inbox = new_inbox()

    assert inbox.recognizes([("state", "ours")]) is True
    assert inbox.recognizes([("state", "theirs")]) is False

    assert inbox.wait(0) is None


def test_waiting_ends_when_the_clock_says_so() -> None:
    clock = LeapingClock()
    inbox = PendingCallback(is_ours, clock)

    assert inbox.wait(90) is None

    assert clock.looks == 3


def test_waiting_wakes_up_as_soon_as_the_callback_arrives() -> None:
    inbox = new_inbox()
    sender = threading.Timer(0.02, inbox.offer, ([("state", "ours")],))
    sender.start()

    assert inbox.wait(30) == [("state", "ours")]
    sender.join()


def test_one_can_wait_again_after_waiting_in_vain() -> None:
    inbox = new_inbox()
    assert inbox.wait(0) is None

    inbox.offer([("state", "ours")])

    assert inbox.wait(0) == [("state", "ours")]


def test_the_outcome_is_unknown_until_it_is_settled() -> None:
    assert new_inbox().outcome(0) is None


def test_everybody_who_waits_hears_the_same_outcome() -> None:
    inbox = new_inbox()
    heard: list[object] = []
    waiting = [threading.Thread(target=lambda: heard.append(inbox.outcome(30))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    outcome = Failure("Denied", "Procore said no.", "Ask for access.")

    inbox.finish(outcome)

    for thread in waiting:
        thread.join(5)
    assert heard == [outcome] * 3


def test_the_first_outcome_stays() -> None:
    inbox = new_inbox()
    first = Failure("Denied", "Procore said no.", "Ask for access.")

    inbox.finish(first)
    inbox.finish(Failure("Later", "Something else.", "Nothing."))

    assert inbox.outcome(0) is first


def test_whoever_waits_hears_at_once_that_nobody_will_come() -> None:
    inbox = new_inbox()
    threading.Timer(0.05, inbox.give_up, [ValueError("lost")]).start()

    with pytest.raises(ValueError, match="lost"):
        inbox.wait(60)
    inbox.offer([("state", "ours")])
    assert inbox.wait(0) == [("state", "ours")]
