"""Storage as a command would have it, with what is outside of it replaced: clock, keyring, talk."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from procore_cli.errors import GrantRefusedError
from procore_cli.grants import TokenSet
from procore_cli.models import Account, Binding, Me, StoreName
from procore_cli.storage.database import Database
from procore_cli.storage.entries import Entry, EntryStore, list_in_state
from procore_cli.storage.files import SecretFiles, SecretStore
from procore_cli.storage.keyring import Keyring
from procore_cli.storage.local_accounts import LocalAccounts
from procore_cli.storage.local_tokens import LocalTokens
from procore_cli.storage.locks import Locks
from procore_cli.storage.refresh import Exchange, Refresh
from procore_cli.storage.rows import Rows
from procore_cli.storage.store import Held
from procore_cli.threads import Limits, _Worker
from tests import memory_keyring

JOE = Me(11111, "joecontractor@procore.com", "Joe Contractor")
SECOND = Me(22222, "second@example.com", None)
BINDING = Binding("client-id", "https://login.procore.com", "https://api.procore.com")
NOW = 1_780_000_000
# What tests/store/conftest.py hears.
SAID: list[str] = []


def new_tokens(number: int, size: int = 520) -> TokenSet:
    """Token sets that can be told apart by number."""
    return TokenSet(f"access-{number}-".ljust(size, "a"), f"refresh-{number}", NOW + 5400, BINDING)


# Procore's answer to a refresh.
new_answer = new_tokens


def raising(error: BaseException) -> Callable[[TokenSet], TokenSet]:
    def exchange(_: TokenSet) -> TokenSet:
        raise error

    return exchange


def sending(exchange: Callable[[TokenSet], TokenSet]) -> Exchange:
    """As a connection does that is there: all is ready, then the token leaves."""

    def send(tokens: TokenSet, before_send: Callable[[], None]) -> TokenSet:
        before_send()
        return exchange(tokens)

    return send


never = raising(AssertionError("nothing may be sent"))


def set_fault(fault: str = "") -> None:
    """What the keyring in memory does from now on; the fixture that empties it ends that too."""
    os.environ["TEST_KEYRING_FAULT"] = fault


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """What another program does with a database file; returns the last statement's rows."""
    with closing(sqlite3.connect(path)) as connection:
        rows = [connection.execute(statement).fetchall() for statement in statements]
        connection.commit()
    return rows[-1]


def finish_left_calls() -> None:
    """Whatever hangs in the keyring in memory goes on and ends."""
    memory_keyring.RELEASE.set()
    for thread in threading.enumerate():
        # Other daemons are servers that go on for the tests after this one.
        if isinstance(thread, _Worker):
            thread.put(None)
            thread.join()


class Killed(BaseException):
    """The process ends here."""


@dataclass
class KillSwitch:
    """Ends the process at the nth time that something outside of it is touched, before or after."""

    fuse: int
    error: BaseException = field(default_factory=Killed)

    def __call__(self) -> None:
        self.fuse -= 1
        if self.fuse == 0:
            raise self.error


class TickingStore:
    """A store that says when it is about to do something, and when it has done it."""

    def __init__(self, inner: SecretStore, tick: Callable[[], None]) -> None:
        self._inner = inner
        self._tick = tick

    def save(self, service: str, username: str, text: str) -> None:
        self._tick()
        self._inner.save(service, username, text)
        self._tick()

    def load(self, service: str, username: str) -> str | None:
        self._tick()
        return self._inner.load(service, username)

    def delete(self, service: str, username: str) -> None:
        self._tick()
        self._inner.delete(service, username)
        self._tick()

    def reserve(self, service: str, username: str, size: int) -> None:
        """No room has to be made here."""

    def give_back(self) -> None:
        """No room was made."""


class TickingDatabase(Database):
    """A database that says when it is about to be written, and when it has been."""

    def __init__(self, home: Path, environment: str, path: Path | None, tick: Callable[[], None]) -> None:
        super().__init__(home, environment, path, timeout_s=5)
        self._tick = tick

    @contextmanager
    def writing(self) -> Iterator[Rows]:
        self._tick()
        with super().writing() as rows:
            yield rows
        self._tick()


class Procore:
    """What Procore does with refresh tokens: each is good once, and any call spends it."""

    def __init__(self, number: int = 1) -> None:
        self.number = number
        self.calls = 0

    def exchange(self, tokens: TokenSet) -> TokenSet:
        self.calls += 1
        is_current = tokens.refresh_token == f"refresh-{self.number}"
        self.number += 1
        if not is_current:
            self.number = 0
            raise GrantRefusedError("The grant is invalid.")
        return new_tokens(self.number)


@dataclass
class World:
    """A machine with one data folder; every `new_vault` is another run of the program on it."""

    home: Path
    store_name: StoreName = "file"
    environment: str = "production"
    database_path: Path | None = None
    now: float = NOW
    discarded: list[TokenSet] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    lock_timeout_s: float = 10.0
    lock_scope: Path | None = None
    tick: Callable[[], None] = lambda: None
    sleep: Callable[[float], None] = time.sleep

    @property
    def said(self) -> list[str]:
        """What was said in this test, whoever said it."""
        return SAID

    @property
    def database(self) -> Database:
        return TickingDatabase(self.home, self.environment, self.database_path, lambda: self.tick())

    @property
    def locks(self) -> Locks:
        database = self.lock_scope or self.database.path
        return Locks(self.home, database, self.environment, timeout_s=self.lock_timeout_s, sleep=self.sleep)

    def stores(self, name: StoreName) -> SecretStore:
        if name == "file":
            return TickingStore(SecretFiles(self.home), lambda: self.tick())
        return TickingStore(Keyring(self.limits), lambda: self.tick())

    def new_vault(self) -> LocalTokens:
        entry_store = EntryStore(self.database, self.stores, self.store_name, self.locks, lambda: self.now)
        return LocalTokens(entry_store)

    @property
    def accounts(self) -> LocalAccounts:
        return LocalAccounts(self.database)

    def sign_in(self, number: int = 1, me: Me = JOE) -> Account:
        self.new_vault().save_signin(new_tokens(number), me)
        return self.find(str(me.id))

    def find(self, who: str | None = None) -> Account:
        account = self.accounts.find_account(who)
        assert account is not None
        return account

    def load(self, account: Account | None = None) -> Held:
        loaded = self.new_vault().load(account or self.find())
        assert loaded is not None
        return loaded

    def refresh(
        self,
        account: Account,
        exchange: Callable[[TokenSet], TokenSet] = lambda _: new_tokens(2),
        seen: Held | None = None,
        *,
        may_ask: bool = True,
    ) -> Held:
        refresh = Refresh(
            self.accounts,
            self.new_vault(),
            account,
            sending(exchange),
            self.discarded.append,
            lambda work: work(),
        )
        return refresh.run(seen or self.load(account), "asked", may_ask=may_ask)

    def list_entries(self, me: Me | None = JOE) -> list[Entry]:
        who = None if me is None else me.id
        with self.database.reading() as rows:
            states = (list_in_state(rows, who, s) for s in ("pending", "live", "dead"))
            return [entry for state in states for entry in state]

    def states(self) -> list[str]:
        """Joe's entries, pending ones first."""
        return [entry.state for entry in self.list_entries()]

    def count_secrets(self) -> int:
        """How many parts lie in both stores together."""
        return len(self.files()) + len(memory_keyring.MemoryKeyring.ENTRIES)

    def files(self) -> list[Path]:
        return list((self.home / "secrets").glob("*"))
