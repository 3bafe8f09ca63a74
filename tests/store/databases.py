"""Database files as other programs make them, and data folders that share one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from procore_cli.errors import DatabaseError
from procore_cli.models import Account, Me
from procore_cli.storage.database import Database
from procore_cli.storage.entries import EntryStore
from tests.store.store_world import JOE, World, run_sql

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


class Home(World):
    """Its stores alone are ticking; its database may be shared with another one."""

    @property
    def database(self) -> Database:
        return Database(self.home, self.environment, self.database_path)

    def sign_in(self, number: int = 1, me: Me = JOE) -> Account:
        self.new_vault().prove()
        return super().sign_in(number, me)

    @property
    def ledger(self) -> EntryStore:
        return self.new_vault()._entry_store

    def listed(self) -> list[tuple[object, ...]]:
        return run_sql(self.database.path, "SELECT state, place FROM procore_login_entries ORDER BY rowid")
