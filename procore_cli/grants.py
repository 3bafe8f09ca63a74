"""What Procore grants, to whom and for how long, as values that never change; a secret is in no repr.

Apart from models, since only who uses a token pays for dataclasses; a named tuple would be shown item by item
by whatever prints sequences. Times are whole seconds since the epoch (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from procore_cli.models import Binding


@dataclass(frozen=True)
class AppCredentials:
    """The app that signs people in (RFC 6749, section 2.3); the sources say where id and secret came from."""

    client_id: str
    client_secret: str = field(repr=False)
    source: str
    secret_source: str = ""


@dataclass(frozen=True)
class CodeGrant:
    """An authorization code, and what its exchange needs beside the app (RFC 6749, section 4.1.3)."""

    code: str = field(repr=False)
    redirect_uri: str
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class TokenSet:
    """What Procore grants, and what is kept for an account; `lifetime_s` is None in what 0.1.0 kept, too."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int | None
    binding: Binding
    lifetime_s: int | None = None


# A token this close to its end counts as expired: clocks and requests take time.
EXPIRY_MARGIN_S: Final = 5


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
