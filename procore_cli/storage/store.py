"""What a store of accounts and their tokens gives, be it SQLite with a keyring or files, or PostgreSQL.

Times are seconds (UTC) by the store's own clock, which `now` tells: those of two machines differ.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from procore_cli.errors import ProcoreLoginError, StorageError
from procore_cli.grants import TokenSet, is_renewal_due
from procore_cli.models import Account, Me, StoreName

# What names the tokens that an account has now; to be compared, and nothing else.
Generation = str | int
# Why tokens are to be replaced: their end is near enough for whoever asks, but they can still be used; they
# cannot; Procore refused the access token; or a person typed `refresh`.
Reason = Literal["early", "due", "refused", "asked"]
# What became of a claim whose tokens were not replaced. Unknown: the refresh token may be spent.
Outcome = Literal["not sent", "refused", "unknown"]
# So long nobody tries again to renew what can still be used.
EARLY_AGAIN_S = 60


class Held(NamedTuple):
    """An account's tokens as the store has them, and the failures that were counted when they were read.

    `may_be_revoked`: a refresh was interrupted since, so Procore may have taken the access token away.
    From `renew_at` on (seconds, UTC) they are better renewed, though they can still be used: that leaves time
    for whatever is down. `asked_at` is when that was tried in vain.
    """

    tokens: TokenSet
    generation: Generation
    issued_at: int
    failures: int = 0
    may_be_revoked: bool = False
    renew_at: float | None = None
    asked_at: float = 0

    def is_due(self, now: float, min_ttl_s: int) -> bool:
        """Whether they have to be renewed for somebody who needs `min_ttl_s` seconds from `now` on."""
        return is_renewal_due(self.tokens, self.issued_at, now, min_ttl_s)

    def is_due_early(self, now: float) -> bool:
        """Whether they are better renewed at `now` (seconds, UTC)."""
        return self.renew_at is not None and now >= max(self.renew_at, self.asked_at + EARLY_AGAIN_S)


class SignInSaved(NamedTuple):
    """What a sign-in changed.

    `former` is the account's token set until now, `switched_from` the account that was current, if another.
    """

    account: Account
    is_new: bool
    former: TokenSet | None
    switched_from: Account | None


class SignedOut(NamedTuple):
    """What a sign-out took out of use.

    `tokens` is None if they were gone already, or could not be read: `unread` then says why. `store` and
    `name` say where something of them still lies, for `TokenStore.clean` to delete.
    """

    tokens: TokenSet | None
    was_live: bool
    store: StoreName | None = None
    name: str | None = None
    unread: StorageError | None = None


class Claim(Protocol):
    """The right to spend one generation's refresh token, once: a block, with `save` or `release` in it."""

    def __enter__(self) -> object: ...

    def __exit__(self, *error: object) -> None: ...

    def begin(self) -> None:
        """The last step before the first byte is sent: what comes back has its place then.

        It may be called again. Raises BusyError where it is too late to send, StorageError.
        """
        ...

    def save(self, tokens: TokenSet) -> Held:
        """Keep what came back, before anybody uses it.

        Raises NotSignedInError where the account was signed out meanwhile: then they are to be revoked;
        StorageError.
        """
        ...

    def release(self, outcome: Outcome, error: ProcoreLoginError | None = None) -> Held | None:
        """Nothing came back; an `error` is for those who wait, too. Returns newer tokens than were refused.

        Raises nothing because it cannot be written down.
        """
        ...


class TokenStore(Protocol):
    """The tokens of one environment's accounts. Every method raises StorageError, most BusyError."""

    environment: str

    def now(self) -> float:
        """Seconds (UTC) by the store's own clock."""
        ...

    def prove(self) -> None:
        """Make sure that tokens can be kept, before a browser opens."""
        ...

    def load(self, account: Account, *, waits: bool = False) -> Held | None:
        """The account's tokens, or None if it is not signed in.

        `waits`: for a refresh that is under way, since the tokens until then may be spent, and the caller
        would not hear of it. Raises NotSignedInError if the store has lost them.
        """
        ...

    def peek(self, account: Account) -> TokenSet | None:
        """The account's tokens as they lie, None where there are none: mends nothing, waits for nobody."""
        ...

    def claim(self, account: Account, seen: Held, reason: Reason) -> Claim | None:
        """The right to replace `seen`, once what an earlier run left is brought to an end.

        Waits for whoever has it, unless the reason is "early"; None once there is news to load, or where
        tokens that may be spent can still be used. Raises BusyError where somebody has had it for too long,
        TokenRefusedError where a service account's new token was refused a minute ago.
        """
        ...

    def save_signin(
        self, fresh: TokenSet, me: Me, company: int | None = None, *, makes_current: bool = True
    ) -> SignInSaved:
        """Save a sign-in whole or not at all; with a `company`, of the app's service account there."""
        ...

    def sign_out(self, account: Account) -> SignedOut:
        """The tokens count no more; if the account was current, nobody is. The row stays."""
        ...

    def clean(self, account: Account, left: SignedOut | None = None) -> bool:
        """Delete what a sign-out left; False if what `left` names could not be deleted yet."""
        ...

    def clean_free(self) -> bool:
        """Delete what is left of every account that nobody is at work on; False if something still is."""
        ...
