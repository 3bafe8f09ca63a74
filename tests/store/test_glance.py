"""A database looked at for a greeting or a Tab: nothing of it, or beside it, changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from procore_cli.storage.accounts import list_known_in
from tests.store.store_world import JOE, World

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))"


def test_nothing_is_left_beside_a_file_in_wal_mode(world: World) -> None:
    world.sign_in(1, JOE)
    with closing(sqlite3.connect(world.database.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    before = {path.name for path in world.database.path.parent.iterdir()}

    (listed,) = list_known_in(world.database.path, "production", world.home)

    assert listed.account.user.procore_id == JOE.id
    assert {path.name for path in world.database.path.parent.iterdir()} == before


def test_nobody_is_known_in_another_programs_file(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(USERS)
        connection.execute("INSERT INTO users VALUES (1, 11111, 'joecontractor@procore.com')")
    before = path.read_bytes()

    assert list_known_in(path, "production", tmp_path / "home") == []
    assert path.read_bytes() == before
