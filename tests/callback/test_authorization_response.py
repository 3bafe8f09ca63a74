"""Which callbacks answer our link, and what they say."""

import re

import pytest

from procore_cli.callback.authorization_response import is_ours, read_callback
from procore_cli.errors import ConsentDeniedError, UnexpectedAnswerError

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


def test_a_callback_gives_its_code():
    assert read_callback([("state", STATE), ("code", "the-code")]) == "the-code"


@pytest.mark.parametrize("said", ["not today", "x" * 100_000])
def test_a_denied_consent_says_denied_and_why_in_short(said):
    pairs = [("state", STATE), ("error", "access_denied"), ("error_description", said)]
    with pytest.raises(ConsentDeniedError) as caught:
        read_callback(pairs)
    assert "denied" in caught.value.message
    assert said[:9] in caught.value.message
    assert len(caught.value.message) < 500
    assert caught.value.exit_code == 4
    assert caught.value.hint


@pytest.mark.parametrize("error", ["server_error", "what?"])
def test_another_error_at_the_consent_page_is_procores_failure(error):
    with pytest.raises(UnexpectedAnswerError, match=re.escape(error)) as caught:
        read_callback([("state", STATE), ("error", error)])
    assert caught.value.exit_code == 5
