"""Secret entries, from the line on the list to the secret itself: step by step, each step on its own.

The order that makes the steps safe stands in `vault` and `refresh`. Refuses to write an entry twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from procore_cli.errors import StorageError
from procore_cli.grants import TokenSet
from procore_cli.models import StoreName
from procore_cli.store import entries, parts, tokens
from procore_cli.store.database import Database
from procore_cli.store.entry import Entry, EntryKind
from procore_cli.store.secret_store import (
    ClosedError,
    GivenUpError,
    GoneError,
    PlacedStore,
    ReservingStore,
    Stores,
)

# A write that was given up may land for so long.
LANDING_S = 24 * 60 * 60


class Ledger:
    """The entries of one environment."""

    def __init__(
        self,
        database: Database,
        stores: Stores,
        store: StoreName,
        environment: str,
        clock: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        """`store` takes what is new; `clock` gives seconds (UTC); `warn` hears of what is left for later."""
        self.database = database
        self.environment = environment
        self._stores = stores
        self._store = store
        self._clock = clock
        self._warn = warn
        self._closed: set[tuple[StoreName, str | None]] = set()

    def now(self) -> int:
        """Whole seconds (UTC)."""
        return int(self._clock())

    def open_store(self) -> None:
        """Make sure that the store in force answers, before anything is listed. Raises StorageError."""
        parts.load_text(self._stores(self._store), self.environment, "nothing")

    def new_pending(self, kind: EntryKind, procore_id: int | None) -> Entry:
        """Step 1: a new name, committed as pending. Raises DatabaseError."""
        # What secrets.token_hex does, without the time that its import takes.
        name = os.urandom(16).hex()
        entry = Entry(
            name,
            self._store,
            self.environment,
            procore_id,
            kind,
            "pending",
            self.now(),
            place=self._find_place(self._store),
        )
        with self.database.writing() as rows:
            entries.add(rows, entry)
        return entry

    @contextmanager
    def reserved(self, entry: Entry, count: int) -> Iterator[None]:
        """Room for the `count` parts of a secret, where the store can make it, until `write`.

        It is given back where the block fails. Raises StorageError.
        """
        store = self._stores(entry.store)
        if not isinstance(store, ReservingStore):
            yield
            return
        try:
            parts.reserve(store, self.environment, entry.name, count)
            yield
        except BaseException:
            with suppress(StorageError):
                parts.delete_text(store, self.environment, entry.name, count)
            raise

    def write(self, entry: Entry, text: str) -> int:
        """Step 2: write the secret and read it back; returns its number of parts. Raises StorageError."""
        return parts.save_text(self._stores(entry.store), self.environment, entry.name, text)

    def read(self, entry: Entry) -> str | None:
        """The secret, or None if it is missing or torn. Raises StorageError, GoneError."""
        text = parts.load_text(self._stores(entry.store), self.environment, entry.name)
        # Our own folder comes first: it may be the one in `place`, moved or copied.
        if text is None and self._is_elsewhere(entry):
            text = parts.load_text(self._stores(entry.store, entry.place), self.environment, entry.name)
        return text

    def read_tokens(self, entry: Entry) -> TokenSet | None:
        """The token set, or None if it is missing, torn or no token set. Raises StorageError."""
        text = self.read(entry)
        return None if text is None else tokens.read_text(text)

    def delete(self, entry: Entry) -> None:
        """Delete the secret, the entry stays on the list. Raises StorageError."""
        own = self._stores(entry.store)
        first = parts.new_service(self.environment, entry.name, 1)
        # What lies here too is a copy of that folder, which may go on by itself with the other.
        lies_elsewhere = self._is_elsewhere(entry) and own.load(first, parts.USERNAME) is None
        parts.delete_text(own, self.environment, entry.name, entry.parts)
        if lies_elsewhere:
            there = self._stores(entry.store, entry.place)
            parts.delete_text(there, self.environment, entry.name, entry.parts)

    def new_forget_after(self) -> int:
        """Until when (seconds, UTC) a write that is given up now may land."""
        return self.now() + LANDING_S

    def abandon(self, entry: Entry, error: StorageError) -> None:
        """A write failed with `error`: the entry is dead, and nothing of it is ever used.

        What cannot be done of that is left to the next run: the error is what matters.
        """
        may_land = isinstance(error, GivenUpError)
        with suppress(StorageError):
            with self.database.writing() as rows:
                entries.make_dead(
                    rows, entry.name, forget_after=self.new_forget_after() if may_land else None
                )
            # A closed store would show another prompt, or take another minute to say so.
            if not isinstance(error, ClosedError):
                self.delete_dead(entry.procore_id)

    def delete_dead(self, procore_id: int | None) -> None:
        """Step 4: delete the account's dead entries; what cannot be deleted waits. Raises DatabaseError.

        To be called under the account's lock.
        """
        with self.database.reading() as rows:
            dead = entries.list_in_state(rows, self.environment, procore_id, "dead")
        for entry in dead:
            is_due = entry.parts != 0 or self._is_past(entry)
            where = (entry.store, entry.place)
            if is_due and where not in self._closed and not self._delete_one(entry):
                # The failure may have taken a whole minute: this run does not ask that store again.
                self._closed.add(where)

    def _delete_one(self, entry: Entry) -> bool:
        try:
            self.delete(entry)
        except GoneError:
            self._put_off(entry)
            return True
        except StorageError as error:
            self._warn(
                f"Former tokens in the {entry.store} store could not be deleted yet: {error.message} "
                "They are not used any more; a later run tries again."
            )
            return False
        with self.database.writing() as rows:
            if self._is_past(entry):
                entries.forget(rows, entry.name)
            else:
                entries.mark_deleted(rows, entry.name)
        return True

    def _put_off(self, entry: Entry) -> None:
        """The folder that held it has gone: it may come back, as a disk does, but is not waited for long."""
        with self.database.writing() as rows:
            if entry.forget_after is None:
                entries.make_dead(rows, entry.name, forget_after=self.new_forget_after())
            elif self._is_past(entry):
                entries.forget(rows, entry.name)
                return
            entries.mark_deleted(rows, entry.name)

    def _find_place(self, store: StoreName) -> str | None:
        own = self._stores(store)
        return own.place if isinstance(own, PlacedStore) else None

    def _is_elsewhere(self, entry: Entry) -> bool:
        return entry.place is not None and entry.place != self._find_place(entry.store)

    def _is_past(self, entry: Entry) -> bool:
        """Whether nothing can land under the name any more."""
        return entry.forget_after is None or entry.forget_after <= self.now()
