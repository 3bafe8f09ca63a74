"""One refresh of one account at a time, over any store: claim, send once, save before use.

Refuses to send a refresh token twice: Procore spends it at the first call, answered or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.errors import (
    BusyError,
    ConfigurationError,
    GrantRefusedError,
    NoThreadError,
    NotSignedInError,
    ProcoreError,
    RefusedCredentialsError,
    StorageError,
    UnreachableError,
)
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage import failures
from procore_cli.storage.accounts import AccountStore
from procore_cli.storage.store import Claim, Held, Reason, TokenStore

if TYPE_CHECKING:
    from procore_cli.threads import Shield


Exchange = Callable[[TokenSet, Callable[[], None]], TokenSet]
Discard = Callable[[TokenSet], None]


@dataclass(frozen=True)
class Refresh:
    """One account's refresh, by a run that has loaded `seen` before.

    `exchange` is called at most once, while nothing is locked in a database; it calls what it is given right
    before the token leaves. `discard` is called with tokens that came for an account which was signed out
    meanwhile. `shield` does what must not be cut off, from the sending on.
    """

    accounts: AccountStore
    tokens: TokenStore
    account: Account
    exchange: Exchange
    discard: Discard
    shield: Shield

    @log.phase("refresh")
    def run(self, seen: Held, reason: Reason, *, may_ask: bool = True) -> Held:
        """Exchange the refresh token, if that is still needed once its generation is claimed.

        Whatever another run saved or failed with since `seen` is taken instead; without `may_ask` it is that
        or `seen`. The errors of `exchange` go through, but a refused grant becomes RefreshRefusedError.
        Raises NotSignedInError after a sign-out, RefreshRefusedError where there is nothing to exchange,
        TokenRefusedError, StorageError, BusyError.
        """
        # 1. The right to spend what was seen, or what another run brings meanwhile.
        try:
            claim = self.tokens.claim(self.account, seen, reason)
            if claim is None:
                return self._find_news(seen) or seen
        except StorageError as error:
            if reason != "early" or seen.renew_at is None:
                raise
            log.warn(f"{error.message} The tokens that are there are used until they end.")
            return seen
        if not may_ask:
            with claim:
                claim.release("not sent")
            return seen
        try:
            return self.shield(lambda: self._spend(claim, seen))
        except NoThreadError:
            with claim:
                claim.release("not sent")
            raise

    def _find_news(self, seen: Held) -> Held | None:
        """Tokens newer than those seen, or None; raises the failure that another run recorded."""
        held = self.tokens.load(self.account)
        if held is None:
            raise self.accounts.new_not_signed_in_error(self.account)
        if held.generation != seen.generation:
            return held
        now = self.accounts.look(self.account).account
        if now.failure is not None and now.failures > seen.failures:
            raise failures.read_failure(now.failure, self.tokens.environment)
        return None

    def _spend(self, claim: Claim, seen: Held) -> Held:
        # Whoever sends has the claim to the end, even if nobody waits for that any more.
        with claim:
            if self.account.service is None and seen.tokens.refresh_token is None:
                claim.release("not sent")
                raise failures.new_unrenewable_error(self.account, self.tokens.environment)
            renewed = self._send(claim, seen.tokens)
            if isinstance(renewed, Held):
                return renewed
            # 3. Kept before anybody uses it.
            try:
                return claim.save(renewed)
            except NotSignedInError:
                self.discard(renewed)
                raise

    def _send(self, claim: Claim, former: TokenSet) -> TokenSet | Held:
        try:
            # 2. The token is sent, once, with no transaction open; what comes back has its place by then.
            answer = self.exchange(former, claim.begin)
        except GrantRefusedError:
            return self._end_refused(claim)
        except (RefusedCredentialsError, UnreachableError) as error:
            # The token is as good as before, but whoever waits need not knock as well.
            claim.release("not sent", error)
            raise
        except (ConfigurationError, StorageError, BusyError):
            # Nor was anything sent here, and it is no other run's trouble.
            claim.release("not sent")
            raise
        except ProcoreError as error:
            claim.release("unknown", error)
            raise
        # Without a new refresh token the former one goes on (RFC 6749, section 6).
        return replace(answer, refresh_token=answer.refresh_token or former.refresh_token)

    def _end_refused(self, claim: Claim) -> Held:
        known = self.accounts.look(self.account).account
        error = failures.new_refused_error(known, self.tokens.environment)
        newer = claim.release("refused", error)
        if newer is None:
            raise error from None
        return newer
