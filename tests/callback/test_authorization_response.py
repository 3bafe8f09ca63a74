"""Which callbacks answer our link, and what they say."""

from __future__ import annotations

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


@pytest.mark.parametrize("pairs", OURS)
def test_a_callback_with_our_state_and_one_outcome_is_ours(pairs):
    assert is_ours(pairs, STATE)


@pytest.mark.parametrize("pairs", NOT_OURS)
def test_a_callback_with_anything_wrong_missing_or_doubled_is_not_ours(pairs):
    assert not is_ours(pairs, STATE)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("code", "c")], True),
        ([("code", "")], False),
        ([("code", "c"), ("code", "c")], False),
        ([("code", "c"), ("state", "other")], False),
        ([("code", "c"), ("state", STATE)], True),
        ([("error", "access_denied")], False),
    ],
)
def test_a_bare_code_is_ours_only_where_one_is_expected(pairs, expected):
    assert is_ours(pairs, STATE, bare_code=True) is expected


def test_a_callback_gives_its_code():
    assert read_callback([("state", STATE), ("code", "the-code")]) == "the-code"


def test_a_denied_consent_says_denied():
    pairs = [("state", STATE), ("error", "access_denied"), ("error_description", "not today")]
    with pytest.raises(ConsentDeniedError) as caught:
        read_callback(pairs)
    assert "denied" in caught.value.message
    assert "not today" in caught.value.message
    assert caught.value.exit_code == 4
    assert caught.value.hint


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable", "invalid_request", "what?"])
def test_another_error_at_the_consent_page_is_procores_failure(error):
    with pytest.raises(UnexpectedAnswerError) as caught:
        read_callback([("state", STATE), ("error", error)])
    assert error in caught.value.message
    assert caught.value.exit_code == 5


def test_an_endless_description_is_cut():
    pairs = [("error", "access_denied"), ("error_description", "x" * 100_000)]
    with pytest.raises(ConsentDeniedError) as caught:
        read_callback(pairs)
    assert len(caught.value.message) < 500
