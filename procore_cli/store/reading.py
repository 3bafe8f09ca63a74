"""How a run gets at an account's tokens, mostly without a lock.

Refuses to hand out a live token while a refresh is pending: by then it may be spent.
"""

from __future__ import annotations

from typing import NamedTuple

from procore_cli.models import Account
from procore_cli.store import accounts, entries, failures
from procore_cli.store.database import Rows
from procore_cli.store.entry import Entry
from procore_cli.store.ledger import Ledger
from procore_cli.store.lock import Locks
from procore_cli.store.outcomes import Loaded
from procore_cli.store.settle import settle

READ_ATTEMPTS = 3


class State(NamedTuple):
    """What the database says of an account's tokens at one moment."""

    live: Entry | None
    account: Account
    is_refreshing: bool

    @property
    def live_name(self) -> str | None:
        """The live entry's name."""
        return self.live.name if self.live else None


def read_state(rows: Rows, environment: str, account: Account) -> State:
    """The account's state, seen in one transaction."""
    return State(
        entries.find_live(rows, environment, account.user.procore_id),
        accounts.find_account(rows, environment, account.user),
        entries.has_pending_refresh(rows, environment, account.user.procore_id),
    )


class Reading:
    """One run's reading of one account."""

    def __init__(self, ledger: Ledger, locks: Locks, account: Account) -> None:
        self._ledger = ledger
        self._locks = locks
        self._account = account
        self._id = account.user.procore_id
        self._first = self._read()

    def run(self) -> Loaded | None:
        """See `Vault.load`."""
        state = self._first
        for _ in range(READ_ATTEMPTS):
            if state.is_refreshing:
                with self._locks.hold(self._id, leave_when=self._is_over) as held:
                    if held:
                        return self._run_locked()
            elif state.live is None:
                return None
            else:
                found = self._find_tokens(state, state.live)
                if found is not None:
                    return found
            state = self._read()
        # The entry was gone each time: only the holder of the lock can be sure that it is lost.
        with self._locks.hold(self._id):
            return self._run_locked()

    def _run_locked(self) -> Loaded | None:
        settle(self._ledger, self._id)
        state = self._read()
        if state.live is None:
            return None
        found = self._find_tokens(state, state.live)
        if found is None:
            raise failures.new_lost_error(self._account, self._ledger.environment, state.live.store)
        return found

    def _find_tokens(self, state: State, live: Entry) -> Loaded | None:
        tokens = self._ledger.read_tokens(live)
        # A failure that came while this run waited is for it too, unless newer tokens followed.
        seen = self._first if live.name == self._first.live_name else state
        is_suspect = state.account.interrupted_at is not None
        return None if tokens is None else Loaded(tokens, live, seen.account.failures, is_suspect)

    def _is_over(self) -> bool:
        return not self._read().is_refreshing

    def _read(self) -> State:
        with self._ledger.database.reading() as rows:
            return read_state(rows, self._ledger.environment, self._account)
