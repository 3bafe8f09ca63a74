"""When a token has to be renewed."""

from __future__ import annotations

import pytest

from procore_cli.models import Binding, TokenSet, find_shown_end, is_expired, is_renewal_due, seconds_left

NOW = 1_700_000_000


def tokens_with(left_s: int | None, lifetime_s: int | None = None) -> TokenSet:
    expires_at = None if left_s is None else NOW + left_s
    return TokenSet("access", "refresh", expires_at, Binding("id", "login", "api"), lifetime_s)


@pytest.mark.parametrize(("left_s", "is_over"), [(None, False), (6, False), (5, True), (0, True), (-9, True)])
def test_the_last_five_seconds_do_not_count(left_s: int | None, is_over: bool) -> None:
    assert is_expired(tokens_with(left_s), NOW) == is_over


def test_a_token_that_says_no_end_has_no_time_left() -> None:
    assert seconds_left(tokens_with(None), NOW) is None
    assert not is_renewal_due(tokens_with(None), NOW, NOW, 10**9)


@pytest.mark.parametrize(
    ("lifetime_s", "left_s", "min_ttl_s", "is_due"),
    [
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
    ],
)
def test_a_token_is_renewed_when_too_little_life_is_left(
    lifetime_s: int, left_s: int, min_ttl_s: int, is_due: bool
) -> None:
    issued_at = NOW + left_s - lifetime_s

    assert is_renewal_due(tokens_with(left_s), issued_at, NOW, min_ttl_s) == is_due


@pytest.mark.parametrize(
    ("issued_s_ago", "left_s", "is_due"),
    [
        (0, 5400, False),
        (0, 5405, False),
        # Corrected between the exchange and the save: six hours more than Procore gave it.
        (0, 5400 + 6 * 3600, True),
        (3600, 5406, True),
        # An entry from the future, beyond what two clocks may differ.
        (-5, 5400, False),
        (-6, 5400, True),
        (-6 * 3600, 5400 + 6 * 3600, True),
        # The clock was behind: the entry is old, and the token all the same alive.
        (6 * 3600, 3000, False),
    ],
)
def test_a_time_that_cannot_be_is_not_believed(issued_s_ago: int, left_s: int, is_due: bool) -> None:
    assert is_renewal_due(tokens_with(left_s, 5400), NOW - issued_s_ago, NOW, 60) == is_due


@pytest.mark.parametrize(
    ("expires_at", "issued_at", "shown"),
    [
        (NOW + 5400, NOW, NOW + 5400),
        (NOW + 27_000, NOW + 21_600, NOW),
        (NOW - 9, NOW + 21_600, NOW - 9),
        (None, NOW + 21_600, None),
    ],
)
def test_an_end_that_is_not_believed_is_shown_as_now(
    expires_at: int | None, issued_at: int, shown: int | None
) -> None:
    assert find_shown_end(expires_at, issued_at, NOW + 0.5) == shown
