"""One refresh of one account at a time, across processes: lock, read again, send once, save before use.

Refuses to send a refresh token twice: Procore spends it at the first call, answered or not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from procore_cli.errors import (
    ConfigurationError,
    GrantRefusedError,
    NoThreadError,
    ProcoreError,
    ProcoreLoginError,
    RefusedCredentialsError,
    StorageError,
    UnreachableError,
)
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage import account_rows, entries, failures
from procore_cli.storage.entries import Entry, EntryStore
from procore_cli.storage.files import GivenUpError
from procore_cli.storage.recovery import READ_ATTEMPTS, Loaded, delete_leftovers, look, read_state, recover
from procore_cli.storage.rows import Rows
from procore_cli.storage.tokens_text import new_tokens_text

if TYPE_CHECKING:
    from procore_cli.threads import Shield


Exchange = Callable[[TokenSet], TokenSet]
Discard = Callable[[TokenSet], None]


@dataclass(frozen=True)
class Refresh:
    """One account's refresh, by a run that has read `seen` before; see `TokenStore.refresh`."""

    entry_store: EntryStore
    account: Account
    exchange: Exchange
    seen: Loaded
    discard: Discard
    shield: Shield
    is_refused: bool = False

    @property
    def _id(self) -> int:
        return self.account.key

    def run(self, may_ask: bool) -> Loaded:
        """Without `may_ask` only what another run brings is taken."""
        leave_when: Callable[[], bool] | None = self._has_outcome
        while True:
            # 1. Wait for the lock, or for what another run brings meanwhile.
            with ExitStack() as lock:
                held = lock.enter_context(self.entry_store.locks.hold(self._id, leave_when))
                outcome = self._run_locked(may_ask, lock) if held else self._find_outcome(is_final=False)
            if outcome is not None:
                return outcome
            # What the other run brought has gone again: only the holder of the lock can tell why.
            leave_when = None

    def _run_locked(self, may_ask: bool, lock: ExitStack) -> Loaded:
        # 2. Bring to an end what an earlier run left, and read again.
        if not recover(self.entry_store, self._id):
            raise self._new_signed_out_error()
        outcome = self._find_outcome(is_final=True)
        if outcome is not None or not may_ask:
            return outcome or self.seen
        if self.account.service is not None:
            self._check_refusals()
        elif self.seen.tokens.refresh_token is None:
            raise failures.new_unrenewable_error(self.account, self.entry_store.environment)
        # Whoever sends holds the lock to the end, even if nobody waits for that any more.
        kept_lock = lock.pop_all()
        try:
            return self.shield(partial(self._send_and_keep, kept_lock))
        except NoThreadError:
            kept_lock.close()
            raise

    def _send_and_keep(self, lock: ExitStack) -> Loaded:
        with lock:
            # 3. Commit the new entry as pending, make room, then send once, with no transaction open.
            pending = self.entry_store.new_pending("refresh", self._id)
            renewed = self._send(pending)
            if isinstance(renewed, Loaded):
                return renewed
            # 4. Write and read back.
            written, parts = self._write(pending, renewed)
            # 5. In one transaction the new entry counts, and the former one does no more.
            saved = self._commit(written, parts, renewed)
            # 6. Delete what is dead.
            delete_leftovers(self.entry_store, self._id)
            if saved is None:
                self.discard(renewed)
                raise self._new_signed_out_error()
            return saved

    def _check_refusals(self) -> None:
        with self.entry_store.database.reading() as rows:
            is_second = self.is_refused and account_rows.was_refused(rows, self._id, self.entry_store.now())
        if is_second:
            raise failures.new_twice_refused_error(self.account, self.entry_store.environment)

    def _has_outcome(self) -> bool:
        state = look(self.entry_store, self.account)
        is_same = state.live_name == self.seen.entry.name
        return not is_same or state.account.failures > self.seen.failures

    def _find_outcome(self, *, is_final: bool) -> Loaded | None:
        """Tokens newer than those seen, or None; raises the failure that another run recorded.

        `is_final`: under the lock, newer tokens that cannot be read are lost, and those seen are spent.
        """
        for _ in range(READ_ATTEMPTS):
            state = look(self.entry_store, self.account)
            is_newer = state.live_name not in {None, self.seen.entry.name}
            is_failed = state.account.failure is not None and state.account.failures > self.seen.failures
            if is_failed and not is_newer:
                raise failures.read_failure(state.account.failure, self.entry_store.environment)
            if state.live is None:
                raise self._new_signed_out_error()
            if not is_newer:
                return None
            found = self.entry_store.read_tokens(state.live)
            if found is not None:
                return Loaded(found, state.live, state.account.failures)
            if is_final:
                raise failures.new_lost_error(self.account, self.entry_store.environment, state.live.store)
        return None

    def _new_signed_out_error(self) -> ProcoreLoginError:
        with self.entry_store.database.reading() as rows:
            return failures.new_signed_out_error(rows, self.account)

    def _send(self, pending: Entry) -> TokenSet | Loaded:
        former = self.seen.tokens
        try:
            # What has to be kept has its place before it comes, whatever fills the disk meanwhile.
            with self.entry_store.reserved(pending, self.seen.entry.parts or 1):
                answer = self.exchange(former)
        except GrantRefusedError:
            return self._end_refused(pending)
        except RefusedCredentialsError as error:
            self._record(error, pending)
            raise
        except UnreachableError as error:
            # Nothing was sent: the token is as good as before, but whoever waits need not knock as well.
            self._record(error, pending)
            raise
        except (ConfigurationError, StorageError):
            # Nor was anything sent here, and it is no other run's trouble.
            with suppress(StorageError), self.entry_store.database.writing() as rows:
                entries.forget(rows, pending.name)
            raise
        except ProcoreError as error:
            self._record(error, pending, is_interrupted=True)
            raise
        # Without a new refresh token the former one goes on (RFC 6749, section 6).
        return replace(answer, refresh_token=answer.refresh_token or former.refresh_token)

    def _end_refused(self, pending: Entry) -> Loaded:
        """Mark what was refused dead, unless there are newer tokens, which are returned."""
        state = look(self.entry_store, self.account)
        error = failures.new_refused_error(state.account, self.entry_store.environment)
        # Where it cannot be written down, the refusal is what there is to say all the same.
        with suppress(StorageError), self.entry_store.database.writing() as rows:
            entries.forget(rows, pending.name)
            state = read_state(rows, self.account)
            if state.live_name == self.seen.entry.name:
                entries.make_dead(rows, self.seen.entry.name)
                self._count(rows, error, is_interrupted=False)
        is_refused = state.live_name == self.seen.entry.name
        outcome = None if is_refused else self._find_outcome(is_final=True)
        if outcome is not None:
            return outcome
        delete_leftovers(self.entry_store, self._id)
        raise error from None

    def _record(self, error: ProcoreLoginError, pending: Entry, *, is_interrupted: bool = False) -> None:
        """Count a failed request, so that waiting runs share it; nothing lies under the pending name.

        What cannot be recorded is found by the next run, as an interruption.
        """
        with suppress(StorageError), self.entry_store.database.writing() as rows:
            entries.forget(rows, pending.name)
            self._count(rows, error, is_interrupted=is_interrupted)

    def _count(self, rows: Rows, error: ProcoreLoginError, *, is_interrupted: bool) -> None:
        account_rows.add_failure(rows, self._id, failures.new_failure_text(error))
        # A service account has no refresh token that could be spent.
        if is_interrupted and self.account.service is None:
            account_rows.save_interruption(rows, self._id, self.entry_store.now())

    def _write(self, pending: Entry, renewed: TokenSet) -> tuple[Entry, int]:
        text = new_tokens_text(renewed)
        try:
            return pending, self.entry_store.write(pending, text)
        except StorageError as error:
            first = error
        # A store that does not answer would only take another minute to say so.
        if not isinstance(first, GivenUpError):
            # The old refresh token is spent, so these tokens are worth a second name.
            with suppress(StorageError):
                second = self.entry_store.new_pending("refresh", self._id)
                return second, self.entry_store.write(second, text)
        raise self._count_lost(first) from None

    def _count_lost(self, error: StorageError) -> StorageError:
        # The entry stays pending: if it lands after all, the next run finds it whole.
        may_land = isinstance(error, GivenUpError)
        again = (
            "Try again."
            if self.account.service
            else f"{'If that fails, sign' if may_land else 'Then sign'} in again:"
            f" {self.account.sign_in_command(self.entry_store.environment)}"
        )
        fate = "may not be kept" if may_land else "are lost"
        lost = error.reworded(
            f"{error.message} Procore had renewed the tokens by then, and the new ones {fate}.",
            f"{error.hint} {again}",
        )
        with suppress(StorageError), self.entry_store.database.writing() as rows:
            self._count(rows, lost, is_interrupted=True)
        return lost

    def _commit(self, written: Entry, parts: int, renewed: TokenSet) -> Loaded | None:
        """Make the new entry live, or dead with the former one if that was signed out meanwhile."""
        with self.entry_store.database.writing() as rows:
            # Without a live entry the account was signed out, but only where this one is still listed.
            entries.check_listed(rows, written)
            entries.end_refreshes(rows, self._id, self.entry_store.new_forget_after(), but=written)
            state = read_state(rows, self.account)
            if state.live_name != self.seen.entry.name:
                entries.make_dead(rows, written.name)
                return None
            entries.make_live(rows, written, parts, renewed.expires_at)
            account_rows.clear_failure(rows, self._id)
            if self.is_refused and self.account.service is not None:
                account_rows.save_refusal(rows, self._id, self.entry_store.now())
        live = written._replace(state="live", parts=parts, expires_at=renewed.expires_at)
        return Loaded(renewed, live, state.account.failures)
