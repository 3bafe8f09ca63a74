"""Which callbacks answer our link, the outcome on its way back, and the tabs that come for it."""

import re
import threading
import time

import pytest

from procore_cli.callback.authorization_response import is_ours, read_callback
from procore_cli.callback.pending import _OTHERS_S, Failure, PendingCallback, new_failure
from procore_cli.errors import (
    ConfigurationError,
    ConsentDeniedError,
    GrantRefusedError,
    KeyringError,
    RefusedCredentialsError,
    TokenRefusedError,
    UnexpectedAnswerError,
    UnreachableError,
    WrongPersonError,
)

LONG_S = 60
PAIRS = [("code", "c0de"), ("state", "ours")]
NO = Failure("Denied", "Procore said no.", "Ask for access.")


@pytest.fixture
def pending() -> PendingCallback:
    return PendingCallback("ours")


def test_waiting_wakes_up_as_soon_as_the_callback_arrives(pending):
    began = time.monotonic()
    assert pending.wait(0.02) is None
    sender = threading.Timer(0.02, pending.offer, (PAIRS,))
    sender.start()
    assert pending.wait(LONG_S) == PAIRS
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
    pending.offer(PAIRS)
    assert pending.wait(0) == PAIRS


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


STATE = "s" * 32


OURS = [
    [("state", STATE), ("code", "c")],
    [("code", "c"), ("state", STATE), ("session_state", "whatever")],
    [("state", STATE), ("error", "access_denied"), ("error_description", "no")],
]
NOT_OURS = [
    [],
    [("state", STATE)],
    [("code", "c")],
    [("state", ""), ("code", "c")],
    [("state", STATE + "x"), ("code", "c")],
    [("state", STATE[:-1]), ("code", "c")],
    [("state", "é" * 32), ("code", "c")],
    [("state", "\udc80"), ("code", "c")],
    [("state", STATE), ("state", STATE), ("code", "c")],
    [("state", STATE), ("state", "other"), ("code", "c")],
    [("state", STATE), ("code", "c"), ("code", "c")],
    [("state", STATE), ("code", "")],
    [("state", STATE), ("code", "c"), ("code", "")],
    [("state", STATE), ("error", "")],
    [("state", STATE), ("error", "a"), ("error", "b")],
    [("state", STATE), ("code", "c"), ("error", "access_denied")],
    [("State", STATE), ("code", "c")],
]


def test_a_callback_is_ours_with_our_state_and_one_outcome_and_nothing_wrong_missing_or_doubled():
    assert [pairs for pairs in OURS if not is_ours(pairs, STATE)] == []
    assert [pairs for pairs in NOT_OURS if is_ours(pairs, STATE)] == []


def test_a_bare_code_is_ours_only_where_one_is_expected():
    for pairs, expected in (
        ([("code", "c")], True),
        ([("code", "")], False),
        ([("code", "c"), ("code", "c")], False),
        ([("code", "c"), ("state", "other")], False),
        ([("code", "c"), ("state", STATE)], True),
        ([("error", "access_denied")], False),
    ):
        assert is_ours(pairs, STATE, bare_code=True) is expected, pairs


def test_a_callback_gives_its_code_or_says_denied_and_why_in_short_or_is_procores_failure():
    assert read_callback([("state", STATE), ("code", "the-code")]) == "the-code"
    for said in ("not today", "x" * 100_000):
        with pytest.raises(ConsentDeniedError) as denied:
            read_callback([("state", STATE), ("error", "access_denied"), ("error_description", said)])
        assert "denied" in denied.value.message
        assert said[:9] in denied.value.message
        assert len(denied.value.message) < 500
        assert denied.value.exit_code == 4
        assert denied.value.hint
    for error in ("server_error", "what?"):
        with pytest.raises(UnexpectedAnswerError, match=re.escape(error)) as failed:
            read_callback([("state", STATE), ("error", error)])
        assert failed.value.exit_code == 5


def test_a_browser_is_told_of_an_error_by_one_human_sentence_first_and_of_deny_as_what_it_is():
    for kind, sentence in (
        (UnreachableError, "Procore cannot be reached from this machine. Nothing was saved."),
        (GrantRefusedError, "Procore did not complete the sign-in. Nothing was saved."),
        (RefusedCredentialsError, "Procore does not accept the app that is set up here. Nothing was saved."),
        (WrongPersonError, "This browser is signed in at Procore as somebody else."),
        (KeyringError, "The sign-in could not be kept on this machine."),
        (TokenRefusedError, "Procore did not complete the sign-in. Nothing was saved."),
        (ConfigurationError, "The sign-in could not be completed."),
    ):
        told = new_failure(kind("what happened").happened_in("demo"), "Do it.")
        assert told == Failure("The sign-in did not work", sentence, "Do it.", "demo: what happened"), kind
    denied = new_failure(ConsentDeniedError("the sign-in was denied (access_denied)"), "Again.")
    assert denied == Failure("You chose Deny", "Nothing was saved.", "Again.")
