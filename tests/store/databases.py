"""Database files as other programs make them, and data folders that share one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from procore_cli.errors import DatabaseError
from procore_cli.grants import TokenSet
from procore_cli.models import Account, Me, StoreName
from procore_cli.storage.accounts import AccountStore
from procore_cli.storage.database import Database
from procore_cli.storage.entries import EntryStore
from procore_cli.storage.opening import Storage
from procore_cli.storage.recovery import Loaded
from procore_cli.storage.tokens import TokenStore
from tests.store.store_world import JOE, NOW, SAID, new_tokens, run_sql

TUTORIAL = "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))"


def new_tutorial_file(folder: Path) -> Path:
    """The tutorial's own file, as its app makes it."""
    path = folder / "test.db"
    run_sql(path, TUTORIAL)
    path.chmod(0o644)
    return path


def new_database(path: Path, *, timeout_s: float = 0.2) -> Database:
    """Our view of a file; `timeout_s` is how long it waits for other programs."""
    return Database(path.parent / "home", "production", path, timeout_s=timeout_s)


def read_error(path: Path) -> DatabaseError:
    """What a run that only reads says of a file that it refuses."""
    with pytest.raises(DatabaseError) as failure, new_database(path).reading():
        pass
    assert failure.value.exit_code == 6
    assert str(path) in failure.value.message
    assert failure.value.hint
    return failure.value


@contextmanager
def without_rights() -> Iterator[None]:
    """File modes mean nothing to root, so root becomes nobody for a while."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@dataclass
class Home:
    """A data folder; every `vault` is another run of the program with it."""

    path: Path
    database: Path | None
    store: StoreName = "file"
    now: float = NOW
    discarded: list[TokenSet] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        """What was said in this test, whichever folder it was about."""
        return SAID

    @property
    def vault(self) -> TokenStore:
        return self.open().tokens

    @property
    def accounts(self) -> AccountStore:
        return self.open().accounts

    def open(self) -> Storage:
        return Storage(self.path, "production", self.store, database=self.database, clock=lambda: self.now)

    @property
    def ledger(self) -> EntryStore:
        return self.vault._entry_store

    def sign_in(self, number: int, me: Me = JOE) -> Account:
        vault = self.vault
        vault.prove()
        vault.save_signin(new_tokens(number), me)
        return self.account()

    def account(self) -> Account:
        found = self.accounts.find_account()
        assert found is not None
        return found

    def load(self) -> Loaded:
        loaded = self.vault.load(self.account())
        assert loaded is not None
        return loaded

    def refresh(self, exchange: Callable[[TokenSet], TokenSet]) -> Loaded:
        return self.vault.refresh(
            self.account(), exchange, self.load(), self.discarded.append, lambda work: work()
        )

    def files(self) -> list[Path]:
        folder = self.path / "secrets"
        return list(folder.iterdir()) if folder.exists() else []

    def listed(self) -> list[tuple[object, ...]]:
        assert self.database is not None
        return run_sql(self.database, "SELECT state, place FROM procore_login_entries ORDER BY rowid")
