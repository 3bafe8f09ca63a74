"""The list of secret entries and the secrets themselves, step by step, each step on its own.

The order that makes the steps safe stands in `tokens` and `refresh`. Refuses to write an entry twice.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from procore_cli import log
from procore_cli.errors import DatabaseError, NotSignedInError, OtherFolderError, StorageError
from procore_cli.grants import TokenSet
from procore_cli.models import Account, StoreName, command
from procore_cli.storage import failures, files
from procore_cli.storage.database import Database
from procore_cli.storage.files import ClosedError, GivenUpError, Stores
from procore_cli.storage.rows import Rows
from procore_cli.storage.tokens_text import read_tokens_text

if TYPE_CHECKING:
    from pathlib import Path

    from procore_cli.storage.locks import Locks

EntryKind = Literal["signin", "refresh", "proof"]
EntryState = Literal["pending", "live", "dead"]


class Entry(NamedTuple):
    """A line of the list of secret entries, column by column; the secret lies in the store that it names.

    `place`: the data folder whose files hold it; None for a keyring, and where it was never noted.
    """

    name: str
    store: StoreName
    environment: str
    procore_id: int | None
    kind: EntryKind
    state: EntryState
    created_at: int
    expires_at: int | None = None
    parts: int | None = None
    forget_after: int | None = None
    place: str | None = None


# SQLite keeps a value of any type in any column, and the file may be damaged.
_COLUMNS = """
    name, store, environment, procore_id, kind, state,
    CASE typeof(created_at) WHEN 'integer' THEN created_at ELSE 0 END,
    CASE typeof(expires_at) WHEN 'integer' THEN expires_at END,
    CASE typeof(parts) WHEN 'integer' THEN parts END,
    CASE typeof(forget_after) WHEN 'integer' THEN forget_after END,
    CASE typeof(place) WHEN 'text' THEN place END"""


def add(rows: Rows, entry: Entry) -> None:
    """Put a new entry on the list."""
    columns, marks = ", ".join(entry._fields), ", ".join("?" * len(entry))
    rows.run(f"INSERT INTO procore_login_entries ({columns}) VALUES ({marks})", entry)  # noqa: S608


def find_live(rows: Rows, key: int) -> Entry | None:
    """The account's live entry."""
    live = list_in_state(rows, key, "live")
    return live[-1] if live else None


def find_usable(rows: Rows, key: int) -> Entry | None:
    """As `find_live`, unless it lies in another data folder."""
    live = find_live(rows, key)
    return None if live is None or find_other_folder(live, rows.home) else live


def list_in_state(rows: Rows, key: int | None, state: EntryState) -> list[Entry]:
    """An account's entries in one state, the oldest first; proofs belong to the account None."""
    return _list(rows, "procore_id IS ? AND state = ?", key, state)


def list_usable(rows: Rows) -> dict[int | None, Entry]:
    """Every live entry that does not lie in another data folder, by its account."""
    live = {entry.procore_id: entry for entry in _list(rows, "state = 'live'")}
    return {who: entry for who, entry in live.items() if not find_other_folder(entry, rows.home)}


def _list(rows: Rows, condition: str, *values: object) -> list[Entry]:
    found = rows.run(
        f"SELECT {_COLUMNS} FROM procore_login_entries"  # noqa: S608
        f" WHERE environment = ? AND {condition} ORDER BY rowid",
        (rows.environment, *values),
    )
    return [Entry(*columns) for columns in found]


def is_kept(rows: Rows, name: str) -> bool:
    """Whether something may lie under a name."""
    return bool(rows.run("SELECT 1 FROM procore_login_entries WHERE name = ? AND parts IS NOT 0", (name,)))


def list_pending_refreshes(rows: Rows, key: int) -> list[Entry]:
    """The refresh of the account that is under way, or those that were interrupted."""
    pending = list_in_state(rows, key, "pending")
    return [entry for entry in pending if entry.kind == "refresh"]


def find_other_folder(entry: Entry, home: Path) -> str | None:
    """The data folder in whose files an entry lies, if that is another one than `home`.

    That folder alone reads and deletes it: from here, its account is signed out.
    """
    if not entry.place or entry.place == str(home) or entry.place == files.new_place(home):
        return None
    # Our own folder comes first: it may be the one that is noted, moved or copied.
    return None if files.lies_in(home, entry.environment, entry.name) else entry.place


def new_signed_out_error(rows: Rows, account: Account) -> NotSignedInError:
    """The account has no live tokens in this data folder, nor in a keyring; says where it has some."""
    environment, key = rows.environment, account.key
    live = list_in_state(rows, key, "live")
    for entry in [*live, *list_pending_refreshes(rows, key)]:
        place = find_other_folder(entry, rows.home)
        if place is not None:
            return OtherFolderError(
                f"{account.label} is not signed in to {environment} here: the tokens lie in the data folder"
                f" {place}.",
                f"Set `PROCORE_LOGIN_HOME={shlex.quote(place)}` to use them, or sign in here:"
                f" {account.sign_in_command(environment)}",
                environment=environment,
            )
    return failures.new_signed_out_error(account, environment)


def list_unfinished(rows: Rows, now: int) -> list[int | None]:
    """The accounts that have something to recover or to delete now (seconds, UTC)."""
    found = rows.run(
        "SELECT DISTINCT procore_id FROM procore_login_entries WHERE environment = ? AND state <> 'live'"
        " AND NOT (state = 'dead' AND parts IS 0 AND COALESCE(forget_after, 0) > ?)",
        (rows.environment, now),
    )
    return [procore_id for (procore_id,) in found]


def check_listed(rows: Rows, entry: Entry) -> None:
    """Make sure that an entry that was listed before a secret was written still is. Raises DatabaseError."""
    if not rows.run("SELECT 1 FROM procore_login_entries WHERE name = ?", (entry.name,)):
        raise DatabaseError(
            "The database was emptied or replaced while new tokens were being saved; they are not in force.",
            f"Put back the database from before; or sign in again: {command('signin', entry.environment)}",
        )


def make_live(rows: Rows, entry: Entry, parts: int, expires_at: int | None) -> None:
    """The entry is whole and counts from now on, and no other of its account does.

    Raises DatabaseError where it is not listed any more.
    """
    check_listed(rows, entry)
    end_live(rows, entry.procore_id)
    rows.run(
        "UPDATE procore_login_entries SET state = 'live', parts = ?, expires_at = ? WHERE name = ?",
        (parts, expires_at, entry.name),
    )


def make_dead(rows: Rows, name: str, *, forget_after: int | None = None) -> None:
    """The entry counts no more; `forget_after` (seconds, UTC): what was given up may land until then."""
    rows.run(
        "UPDATE procore_login_entries SET state = 'dead', forget_after = ? WHERE name = ?",
        (forget_after, name),
    )


def end_live(rows: Rows, key: int | None) -> None:
    """Every live entry of the account is dead."""
    for entry in list_in_state(rows, key, "live"):
        make_dead(rows, entry.name)


def end_refreshes(rows: Rows, key: int, forget_after: int, *, but: Entry) -> None:
    """Every pending refresh of the account is dead, but the one that is about to count."""
    for entry in list_pending_refreshes(rows, key):
        if entry.name != but.name:
            make_dead(rows, entry.name, forget_after=forget_after)


def mark_deleted(rows: Rows, name: str) -> None:
    """Nothing lies under a dead name for now, but it stays on the list: a late write may land."""
    rows.run("UPDATE procore_login_entries SET parts = 0 WHERE name = ?", (name,))


def forget(rows: Rows, name: str) -> None:
    """Take the name off the list: nothing lies under it."""
    rows.run("DELETE FROM procore_login_entries WHERE name = ?", (name,))


# A write that was given up may land for so long.
LATE_WRITE_S = 24 * 60 * 60


class EntryStore:
    """The entries of one environment."""

    def __init__(
        self,
        database: Database,
        stores: Stores,
        store: StoreName,
        locks: Locks,
        clock: Callable[[], float],
    ) -> None:
        """`store` takes what is new; `locks` are the accounts'; `clock` gives seconds (UTC)."""
        self.database = database
        self.locks = locks
        self.environment = database.environment
        self.home = database.home
        self._stores = stores
        self._store = store
        self.clock = clock
        self._closed: set[StoreName] = set()

    def now(self) -> int:
        """Whole seconds (UTC)."""
        return int(self.clock())

    def open_store(self) -> None:
        """Make sure that the store in force answers, before anything is listed. Raises StorageError."""
        files.load_text(self._stores(self._store), self.environment, "nothing")

    def new_pending(self, kind: EntryKind, key: int | None) -> Entry:
        """Step 1: a new name, committed as pending. Raises DatabaseError."""
        # What secrets.token_hex does, without the time that its import takes.
        name = os.urandom(16).hex()
        entry = Entry(
            name,
            self._store,
            self.environment,
            key,
            kind,
            "pending",
            self.now(),
            place=files.new_place(self.home) if self._store == "file" else None,
        )
        with self.database.writing() as rows:
            add(rows, entry)
        return entry

    def reserve(self, entry: Entry, count: int) -> None:
        """Make room for the `count` parts of a secret, where the store can. Raises StorageError."""
        files.reserve_text(self._stores(entry.store), self.environment, entry.name, count)

    def give_back(self, entry: Entry) -> None:
        """Let the room go that no `write` took."""
        # What is left there goes with the next save.
        with suppress(StorageError):
            self._stores(entry.store).give_back()

    def write(self, entry: Entry, text: str) -> int:
        """Step 2: write the secret and read it back; returns its number of parts. Raises StorageError."""
        return files.save_text(self._stores(entry.store), self.environment, entry.name, text)

    def read(self, entry: Entry) -> str | None:
        """The secret, or None if it is missing or torn. Raises StorageError."""
        return files.load_text(self._stores(entry.store), self.environment, entry.name)

    def read_tokens(self, entry: Entry) -> TokenSet | None:
        """The token set, or None if it is missing, torn or no token set. Raises StorageError."""
        text = self.read(entry)
        return None if text is None else read_tokens_text(text)

    def delete(self, entry: Entry) -> None:
        """Delete the secret, the entry stays on the list. Raises StorageError."""
        files.delete_text(self._stores(entry.store), self.environment, entry.name, entry.parts)

    def new_forget_after(self) -> int:
        """Until when (seconds, UTC) a write that is given up now may land."""
        return self.now() + LATE_WRITE_S

    @contextmanager
    def ended_on_failure(self, entry: Entry) -> Iterator[None]:
        """A block that writes an entry; if it fails the entry is dead, and nothing of it is ever used.

        What cannot be done of that is left to the next run: the error is what matters.
        """
        try:
            yield
        except StorageError as error:
            may_land = isinstance(error, GivenUpError)
            with suppress(StorageError):
                with self.database.writing() as rows:
                    make_dead(rows, entry.name, forget_after=self.new_forget_after() if may_land else None)
                # A closed store would show another prompt, or take another minute to say so.
                if not isinstance(error, ClosedError):
                    self.delete_dead(entry.procore_id)
            raise

    def delete_dead(self, key: int | None) -> None:
        """Step 4: delete the account's dead entries; what cannot be deleted waits. Raises DatabaseError.

        To be called under the account's lock.
        """
        with self.database.reading() as rows:
            dead = list_in_state(rows, key, "dead")
        for entry in dead:
            is_due = entry.parts != 0 or self._is_past(entry)
            if not is_due or entry.store in self._closed or self.is_in_another_folder(entry):
                continue
            if not self._delete_one(entry):
                # The failure may have taken a whole minute: this run does not ask that store again.
                self._closed.add(entry.store)

    def is_in_another_folder(self, entry: Entry) -> bool:
        """Whether an entry lies in another data folder that is there; one that is gone holds nothing."""
        place = find_other_folder(entry, self.home)
        return place is not None and os.path.lexists(place)

    def _delete_one(self, entry: Entry) -> bool:
        try:
            self.delete(entry)
        except StorageError as error:
            log.warn(
                f"Former tokens in the {entry.store} store could not be deleted yet: {error.message} "
                "They are not used any more; a later run tries again."
            )
            return False
        with self.database.writing() as rows:
            if self._is_past(entry):
                forget(rows, entry.name)
            else:
                mark_deleted(rows, entry.name)
        return True

    def _is_past(self, entry: Entry) -> bool:
        """Whether nothing can land under the name any more."""
        return entry.forget_after is None or entry.forget_after <= self.now()
