"""A refresh in a keyring or in files: the account's lock, a pending entry, the write that makes it live."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from procore_cli.errors import NotSignedInError, ProcoreLoginError, StorageError
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage import account_rows, entries, failures
from procore_cli.storage.entries import Entry, EntryStore
from procore_cli.storage.files import GivenUpError
from procore_cli.storage.recovery import (
    Reading,
    delete_leftovers,
    look,
    new_held,
    read_state,
    recover,
)
from procore_cli.storage.rows import Rows
from procore_cli.storage.store import Held, Outcome
from procore_cli.storage.tokens_text import new_tokens_text


def claim(entry_store: EntryStore, account: Account, seen: Held, *, is_refused: bool) -> LocalClaim | None:
    """Wait for the account's lock, or for what another run brings meanwhile: then None.

    Raises as `store.TokenStore.claim`.
    """

    def has_news() -> bool:
        state = look(entry_store, account)
        return state.live_name != seen.generation or state.account.failures > seen.failures

    with ExitStack() as lock:
        if not lock.enter_context(entry_store.locks.hold(account.key, leave_when=has_news)):
            return None
        # What an earlier run left is brought to an end.
        if not recover(entry_store, account.key):
            raise _new_signed_out_error(entry_store, account)
        if has_news():
            return None
        if is_refused and account.service is not None:
            _check_refusals(entry_store, account)
        return LocalClaim(entry_store, account, seen, is_refused, lock.pop_all())


def _check_refusals(entry_store: EntryStore, account: Account) -> None:
    with entry_store.database.reading() as rows:
        is_second = account_rows.was_refused(rows, account.key, entry_store.now())
    if is_second:
        raise failures.new_twice_refused_error(account, entry_store.environment)


def _new_signed_out_error(entry_store: EntryStore, account: Account) -> NotSignedInError:
    with entry_store.database.reading() as rows:
        return entries.new_signed_out_error(rows, account)


class LocalClaim:
    """The account's lock, held; see `store.Claim`."""

    def __init__(
        self, entry_store: EntryStore, account: Account, seen: Held, is_refused: bool, lock: ExitStack
    ) -> None:
        self._entry_store = entry_store
        self._account = account
        self._seen = seen
        self._is_refused = is_refused
        self._lock = lock
        self._pending: Entry | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._pending is not None:
                self._entry_store.give_back(self._pending)

    def begin(self) -> None:
        """Commit the new entry as pending, and make room for it, whatever fills the disk meanwhile."""
        if self._pending is not None:
            return
        self._pending = pending = self._entry_store.new_pending("refresh", self._account.key)
        live = look(self._entry_store, self._account).live
        self._entry_store.reserve(pending, (live and live.parts) or 1)

    def save(self, tokens: TokenSet) -> Held:
        """Write and read back; then, in one transaction, the new entry counts and the former one no more."""
        if self._pending is None:
            raise AssertionError("nothing was sent")
        written, parts = self._write(self._pending, tokens)
        saved = self._commit(written, parts, tokens)
        delete_leftovers(self._entry_store, self._account.key)
        if saved is None:
            raise _new_signed_out_error(self._entry_store, self._account)
        return saved

    def release(self, outcome: Outcome, error: ProcoreLoginError | None = None) -> Held | None:
        """Nothing lies under the pending name; where that cannot be noted, the next run finds it."""
        if self._pending is None and error is None:
            return None
        is_dead = False
        with suppress(StorageError), self._entry_store.database.writing() as rows:
            if self._pending is not None:
                entries.forget(rows, self._pending.name)
            is_same = read_state(rows, self._account).live_name == self._seen.generation
            is_dead = outcome == "refused" and is_same
            if is_dead:
                entries.end_live(rows, self._account.key)
            if error is not None and (is_dead or outcome != "refused"):
                self._count(rows, error, is_interrupted=outcome == "unknown")
        if outcome != "refused":
            return None
        if is_dead:
            delete_leftovers(self._entry_store, self._account.key)
            return None
        return Reading(self._entry_store, self._account).run_locked()

    def _count(self, rows: Rows, error: ProcoreLoginError, *, is_interrupted: bool) -> None:
        """Record a failure, so that waiting runs share it."""
        account_rows.add_failure(rows, self._account.key, failures.new_failure_text(error))
        # A service account has no refresh token that could be spent.
        if is_interrupted and self._account.service is None:
            account_rows.save_interruption(rows, self._account.key, self._entry_store.now())

    def _write(self, pending: Entry, renewed: TokenSet) -> tuple[Entry, int]:
        text = new_tokens_text(renewed)
        try:
            return pending, self._entry_store.write(pending, text)
        except StorageError as error:
            first = error
        # A store that does not answer would only take another minute to say so.
        if not isinstance(first, GivenUpError):
            # The old refresh token is spent, so these tokens are worth a second name.
            with suppress(StorageError):
                second = self._entry_store.new_pending("refresh", self._account.key)
                return second, self._entry_store.write(second, text)
        raise self._count_lost(first) from None

    def _count_lost(self, error: StorageError) -> StorageError:
        # The entry stays pending: if it lands after all, the next run finds it whole.
        may_land = isinstance(error, GivenUpError)
        lost = failures.new_unkept_error(error, self._account, self._entry_store.environment, may_land)
        with suppress(StorageError), self._entry_store.database.writing() as rows:
            self._count(rows, lost, is_interrupted=True)
        return lost

    def _commit(self, written: Entry, parts: int, renewed: TokenSet) -> Held | None:
        """Make the new entry live, or dead with the former one if that was signed out meanwhile."""
        with self._entry_store.database.writing() as rows:
            # Without a live entry the account was signed out, but only where this one is still listed.
            entries.check_listed(rows, written)
            key = self._account.key
            entries.end_refreshes(rows, key, self._entry_store.new_forget_after(), but=written)
            state = read_state(rows, self._account)
            if state.live_name != self._seen.generation:
                entries.make_dead(rows, written.name)
                return None
            entries.make_live(rows, written, parts, renewed.expires_at)
            account_rows.clear_failure(rows, key)
            if self._is_refused and self._account.service is not None:
                account_rows.save_refusal(rows, key, self._entry_store.now())
        return new_held(renewed, written, state.account.failures)
