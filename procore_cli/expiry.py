"""How long an access token lives, and when it has to be renewed; refuses to read a clock itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.environments import EXPIRY_MARGIN_S

if TYPE_CHECKING:
    from procore_cli.grants import TokenSet


def seconds_left(tokens: TokenSet, now: float) -> int | None:
    """The life before an access token at `now` (seconds, UTC); None where Procore did not say."""
    return None if tokens.expires_at is None else tokens.expires_at - int(now)


def is_expired(tokens: TokenSet, now: float) -> bool:
    """Whether it ends within the margin; one without an end lives until Procore refuses it."""
    left_s = seconds_left(tokens, now)
    return left_s is not None and left_s <= EXPIRY_MARGIN_S


def is_from_the_future(issued_at: int, now: float) -> bool:
    """Whether a clock that was ahead wrote that time down: what it said of a token's end is not believed."""
    return now < issued_at - EXPIRY_MARGIN_S


def find_shown_end(expires_at: int | None, issued_at: int, now: float) -> int | None:
    """The end of a token as people are told it: now, where it is not believed and the next use renews it."""
    if expires_at is None or not is_from_the_future(issued_at, now):
        return expires_at
    return min(expires_at, int(now))


def is_renewal_due(tokens: TokenSet, issued_at: int, now: float, min_ttl_s: int) -> bool:
    """Whether a token from `issued_at` has to be renewed for somebody who needs `min_ttl_s` seconds.

    Where no token lives that long, half of its life has to be over, else each call would cost a refresh.
    """
    if tokens.expires_at is None:
        return False
    lifetime_s = tokens.expires_at - issued_at if tokens.lifetime_s is None else tokens.lifetime_s
    if is_from_the_future(issued_at, now) or tokens.expires_at - now > lifetime_s + EXPIRY_MARGIN_S:
        # The clock was set back since: how much of the life is left, nobody can tell.
        return True
    # A fresh token never has its whole life left.
    wanted_s = min_ttl_s if min_ttl_s < lifetime_s - EXPIRY_MARGIN_S else lifetime_s / 2
    return is_expired(tokens, now) or tokens.expires_at - now < wanted_s
