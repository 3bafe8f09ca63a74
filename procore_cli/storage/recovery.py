"""What an earlier run left half-done, brought to an end; and how a run gets at an account's tokens.

Refuses to hand out a live token while a refresh is pending: by then it may be spent.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from procore_cli.errors import StorageError
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage import account_rows, entries, failures, files
from procore_cli.storage.entries import Entry, EntryStore
from procore_cli.storage.rows import Rows
from procore_cli.storage.store import Held
from procore_cli.storage.tokens_text import read_tokens_text


def recover(entry_store: EntryStore, key: int | None, *, skip_unreadable: bool = False) -> bool:
    """Recover or delete what is left of an account (None: proofs); to be called under its lock.

    False if a refresh was left as it is, because only another data folder can tell what came of it.
    `skip_unreadable`: a store that cannot be read counts as one that holds nothing, since nothing is lost by
    that where all is replaced or ended. Raises StorageError.
    """
    with entry_store.database.reading() as rows:
        pending = entries.list_in_state(rows, key, "pending")
    # What lies in another data folder is that folder's to end: its run may be under way, with other locks.
    ours = [entry for entry in pending if not _is_for_another_folder(entry_store, entry)]
    is_mended = False
    # A refresh that had to write twice left two entries: the newest whole one counts.
    for entry in reversed(ours):
        found = None if is_mended else _find_refreshed(entry_store, entry, skip_unreadable=skip_unreadable)
        if found is not None:
            _make_live(entry_store, entry, *found)
            is_mended = True
        else:
            _make_dead(entry_store, entry, is_lost=not is_mended)
    entry_store.delete_dead(key)
    return all(entry in ours or entry.kind != "refresh" for entry in pending)


def delete_leftovers(entry_store: EntryStore, key: int) -> None:
    """Step 4 after a save: delete what is dead, here and at other accounts; to be called under the lock.

    The save has succeeded, so whatever cannot be tidied waits for another run.
    """
    with suppress(StorageError):
        entry_store.delete_dead(key)
        recover_free(entry_store)


def recover_free(entry_store: EntryStore) -> None:
    """Recover every account whose lock is free. Raises DatabaseError, DataFolderError."""
    with entry_store.database.reading() as rows:
        unfinished = entries.list_unfinished(rows, entry_store.now())
    for key in unfinished:
        # Whoever uses that account next is told what is wrong with it.
        with suppress(StorageError), entry_store.locks.try_hold(key) as held:
            if held:
                recover(entry_store, key)


def _find_refreshed(
    entry_store: EntryStore, entry: Entry, *, skip_unreadable: bool
) -> tuple[TokenSet, int] | None:
    """The tokens of a refresh that was written whole, and the number of their parts."""
    if entry.kind != "refresh":
        return None
    try:
        text = entry_store.read(entry)
    except StorageError:
        if skip_unreadable:
            return None
        raise
    if text is None or (tokens := read_tokens_text(text)) is None:
        return None
    return tokens, len(files.split_text(text))


def _is_for_another_folder(entry_store: EntryStore, entry: Entry) -> bool:
    """Whether the entry is for the runs of another data folder to end; theirs may be under way."""
    if entry_store.is_in_another_folder(entry):
        return True
    if entry.kind != "refresh" or entries.find_other_folder(entry, entry_store.home) is None:
        return False
    # Its folder may be away for now. Live tokens that lie here say that this is that folder, moved, and the
    # write with it, if it was made.
    with entry_store.database.reading() as rows:
        live = entries.list_in_state(rows, entry.procore_id, "live")
    return not any(files.lies_in(entry_store.home, other.environment, other.name) for other in live)


def _make_live(entry_store: EntryStore, entry: Entry, tokens: TokenSet, parts: int) -> None:
    with entry_store.database.writing() as rows:
        # Without a live entry the account was signed out meanwhile, which stands.
        if entry.procore_id is None or entries.find_live(rows, entry.procore_id) is None:
            entries.make_dead(rows, entry.name)
            return
        entries.make_live(rows, entry, parts, tokens.expires_at)
        account_rows.clear_failure(rows, entry.procore_id)


def _make_dead(entry_store: EntryStore, entry: Entry, *, is_lost: bool) -> None:
    with entry_store.database.writing() as rows:
        pending = entries.list_in_state(rows, entry.procore_id, "pending")
        if entry.name not in {each.name for each in pending}:
            # A run with locks elsewhere (another user's) has ended it meanwhile.
            return
        entries.make_dead(rows, entry.name, forget_after=entry_store.new_forget_after())
        if is_lost and entry.kind == "refresh" and (entry.procore_id or 0) > 0:
            # The refresh token may be spent, and its successor did not get here; a service account has none.
            account_rows.save_interruption(rows, entry.procore_id or 0, entry.created_at)


READ_ATTEMPTS = 3


class State(NamedTuple):
    """What the database says of an account at one moment; `live` never lies in another data folder."""

    live: Entry | None
    account: Account
    is_refreshing: bool

    @property
    def live_name(self) -> str | None:
        """The live entry's name."""
        return self.live.name if self.live else None


def read_state(rows: Rows, account: Account) -> State:
    """The account's state, seen in one transaction."""
    live = entries.find_live(rows, account.key)
    known = account_rows.read_account(rows, account)
    if live is not None and entries.find_other_folder(live, rows.home):
        # So are its refreshes: nobody here has to wait for them.
        return State(None, known, is_refreshing=False)
    pending = entries.list_pending_refreshes(rows, account.key)
    return State(live, known, is_refreshing=bool(pending))


def look(entry_store: EntryStore, account: Account) -> State:
    """The account's state now."""
    with entry_store.database.reading() as rows:
        return read_state(rows, account)


def new_held(tokens: TokenSet, live: Entry, failures: int, may_be_revoked: bool = False) -> Held:
    """The tokens of the entry that is live."""
    return Held(tokens, live.name, live.created_at, failures, may_be_revoked)


class Reading:
    """One run's reading of one account."""

    def __init__(self, entry_store: EntryStore, account: Account) -> None:
        self._entry_store = entry_store
        self._account = account
        self._id = account.key
        self._first = look(self._entry_store, self._account)

    def run(self) -> Held | None:
        """See `LocalTokens.load`."""
        state = self._first
        for _ in range(READ_ATTEMPTS):
            if state.is_refreshing:
                with self._entry_store.locks.hold(self._id, leave_when=self._is_over) as held:
                    if held:
                        return self.run_locked()
            elif state.live is None:
                return None
            else:
                found = self._find_tokens(state, state.live)
                if found is not None:
                    return found
            state = look(self._entry_store, self._account)
        # The entry was gone each time: only the holder of the lock can be sure that it is lost.
        with self._entry_store.locks.hold(self._id):
            return self.run_locked()

    def run_locked(self) -> Held | None:
        """As `run`, under the account's lock: tokens that are not there then are lost."""
        is_recovered = recover(self._entry_store, self._id)
        state = look(self._entry_store, self._account)
        if state.live is None or not is_recovered:
            return None
        found = self._find_tokens(state, state.live)
        if found is None:
            raise failures.new_lost_error(self._account, self._entry_store.environment, state.live.store)
        return found

    def _find_tokens(self, state: State, live: Entry) -> Held | None:
        tokens = self._entry_store.read_tokens(live)
        # A failure that came while this run waited is for it too, unless newer tokens followed.
        seen = self._first if live.name == self._first.live_name else state
        may_be_revoked = state.account.interrupted_at is not None
        return None if tokens is None else new_held(tokens, live, seen.account.failures, may_be_revoked)

    def _is_over(self) -> bool:
        return not look(self._entry_store, self._account).is_refreshing
