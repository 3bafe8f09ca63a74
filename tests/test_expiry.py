"""When a token has to be renewed: the edges, second by second."""

from __future__ import annotations

from procore_cli.grants import TokenSet, find_shown_end, is_expired, is_renewal_due, seconds_left
from procore_cli.models import Binding

NOW = 1_700_000_000
HOURS_6 = 6 * 3600


def tokens_with(left_s: int | None, lifetime_s: int | None = None) -> TokenSet:
    expires_at = None if left_s is None else NOW + left_s
    return TokenSet("access", "refresh", expires_at, Binding("id", "login", "api"), lifetime_s)


def test_a_token_is_over_in_its_last_five_seconds_and_one_without_an_end_never() -> None:
    ended = [left_s for left_s in (None, 6, 5, 0, -9) if is_expired(tokens_with(left_s), NOW)]
    assert ended == [5, 0, -9]
    assert seconds_left(tokens_with(None), NOW) is None
    assert not is_renewal_due(tokens_with(None), NOW, NOW, 10**9)


# Life, what is left of it, what is needed, and whether that takes a renewal.
LIVES = [
    (5400, 60, 60, False),
    (5400, 59, 60, True),
    (5400, 5, 0, True),
    (5400, 6, 0, False),
    # No token lives so long: half of its life counts.
    (5400, 2700, 5401, False),
    (5400, 2699, 5401, True),
    (5400, 5399, 5400, False),
    (5400, 5394, 5395, False),
    (30, 20, 60, False),
    (30, 14, 60, True),
    # A clock that was set back, and an expires_in that makes no sense.
    (5400, 9000, 60, True),
    (-10, -10, 60, True),
]


def test_a_token_is_renewed_when_too_little_life_is_left() -> None:
    wrong = [
        life
        for life in LIVES
        if is_renewal_due(tokens_with(life[1]), NOW + life[1] - life[0], NOW, life[2]) != life[3]
    ]
    assert wrong == []


# How long ago it was saved, what is left of it, and whether that takes a renewal.
SAVED = [
    (0, 5400, False),
    (0, 5405, False),
    # Corrected between the exchange and the save: six hours more than Procore gave it.
    (0, 5400 + HOURS_6, True),
    (3600, 5406, True),
    # An entry from the future, beyond what two clocks may differ.
    (-5, 5400, False),
    (-6, 5400, True),
    (-HOURS_6, 5400 + HOURS_6, True),
    # The clock was behind: the entry is old, and the token all the same alive.
    (HOURS_6, 3000, False),
]


def test_a_time_that_cannot_be_is_not_believed() -> None:
    wrong = [
        saved
        for saved in SAVED
        if is_renewal_due(tokens_with(saved[1], 5400), NOW - saved[0], NOW, 60) != saved[2]
    ]
    assert wrong == []


def test_an_end_that_is_not_believed_is_shown_as_now() -> None:
    ends = [
        (NOW + 5400, NOW, NOW + 5400),
        (NOW + 27_000, NOW + 21_600, NOW),
        (NOW - 9, NOW + 21_600, NOW - 9),
        (None, NOW + 21_600, None),
    ]
    assert [find_shown_end(end, issued_at, NOW + 0.5) for end, issued_at, _ in ends] == [e[2] for e in ends]
