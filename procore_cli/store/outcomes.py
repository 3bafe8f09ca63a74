"""What the vault hands back, as values that never change; refuses to do anything."""

from __future__ import annotations

from typing import NamedTuple

from procore_cli.errors import StorageError
from procore_cli.expiry import find_shown_end
from procore_cli.grants import TokenSet
from procore_cli.models import Account, User
from procore_cli.store.entry import Entry


class Loaded(NamedTuple):
    """An account's tokens, the entry they came from, and the failures counted when it was read.

    `is_suspect`: a refresh was interrupted since, so Procore may have taken the access token away.
    """

    tokens: TokenSet
    entry: Entry
    failures: int = 0
    is_suspect: bool = False


class SignInSaved(NamedTuple):
    """What a sign-in changed.

    `former` is the account's token set until now, `switched_from` the account that was current, if another.
    """

    user: User
    is_new: bool
    former: TokenSet | None
    switched_from: Account | None


class SignedOut(NamedTuple):
    """What a sign-out took out of use.

    `tokens` is None if they were gone already, or could not be read: `unread` then says why. `entry` holds
    what is to be deleted, if anything was live.
    """

    tokens: TokenSet | None
    entry: Entry | None = None
    unread: StorageError | None = None


class Listed(NamedTuple):
    """A line of the list of accounts; the live token's end and beginning are seconds (UTC).

    `environments` are those that remember it, in a shared database perhaps another one; `is_refused`:
    Procore refused its last refresh token.
    """

    account: Account
    environments: frozenset[str]
    is_current: bool
    is_signed_in: bool
    is_refused: bool
    expires_at: int | None
    issued_at: int

    def find_shown_end(self, now: float) -> int | None:
        """`expires_at` as people are told it at `now`."""
        return find_shown_end(self.expires_at, self.issued_at, now)
