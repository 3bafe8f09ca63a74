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
