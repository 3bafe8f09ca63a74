"""The tables and their versions: made, migrated, refused, and what lies in them that is not ours."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from procore_cli.errors import DatabaseError
from procore_cli.storage import schema, users
from tests.store.databases import TUTORIAL, new_database, read_error
from tests.store.store_world import JOE, SECOND, World, run_sql

# As the first version made them.
SCHEMA_1 = f"""
    {TUTORIAL};
    CREATE INDEX procore_login_users_procore_id ON users (procore_id);
    CREATE TABLE procore_login_session (environment TEXT PRIMARY KEY, user_id INTEGER);
    CREATE TABLE procore_login_accounts (
        environment TEXT NOT NULL, procore_id INTEGER NOT NULL, name TEXT,
        failures INTEGER NOT NULL DEFAULT 0, failure TEXT, interrupted_at INTEGER,
        PRIMARY KEY (environment, procore_id));
    CREATE TABLE procore_login_entries (
        name TEXT PRIMARY KEY, store TEXT NOT NULL, environment TEXT NOT NULL, procore_id INTEGER,
        kind TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER,
        parts INTEGER, forget_after INTEGER);
    CREATE TABLE procore_login_meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
    INSERT INTO procore_login_meta VALUES ('schema_version', 1)""".split(";")
OLD_COLUMNS = "name, store, environment, procore_id, kind, state, created_at, expires_at, parts, forget_after"


@pytest.fixture
def old_db(tmp_path: Path) -> Path:
    """A file as the first version left it, with a person in it."""
    path = tmp_path / "old.db"
    run_sql(path, *SCHEMA_1, "INSERT INTO users VALUES (1, 11111, 'joecontractor@procore.com')")
    return path


# What version 4 added.
WITHOUT_SERVICES = [
    "ALTER TABLE procore_login_session DROP COLUMN service",
    *(
        f"ALTER TABLE procore_login_accounts DROP COLUMN {column}"
        for column in ("client_id", "company", "service_id", "refused_at")
    ),
]


def become_old(path: Path) -> None:
    """Turn a file of today into one of the first version, entries and all."""
    run_sql(
        path,
        *WITHOUT_SERVICES,
        f"CREATE TABLE kept AS SELECT {OLD_COLUMNS} FROM procore_login_entries",
        "DROP TABLE procore_login_entries",
        next(statement for statement in SCHEMA_1 if "procore_login_entries" in statement),
        "INSERT INTO procore_login_entries SELECT * FROM kept",
        "DROP TABLE kept",
        "UPDATE procore_login_meta SET value = 1",
    )


def version(path: Path) -> object:
    return run_sql(path, "SELECT value FROM procore_login_meta WHERE key = 'schema_version'")[0][0]


def shapes(path: Path) -> dict[object, list[object]]:
    """Every table's columns."""
    names = [name for (name,) in run_sql(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [row[1] for row in run_sql(path, f"PRAGMA table_info({name})")] for name in names}


def open_once(path: Path) -> None:
    with new_database(path).reading():
        pass


def test_users_has_exactly_the_tutorials_columns(world: World) -> None:
    with world.database.reading():
        pass
    columns = run_sql(world.database.path, "PRAGMA table_info(users)")
    assert [(*row[1:3], row[5]) for row in columns] == [
        ("id", "INTEGER", 1),
        ("procore_id", "INTEGER", 0),
        ("email", "varchar(255)", 0),
    ]


@pytest.mark.parametrize("kind", ["the tutorial's", "older", "older, and a table has gone"])
def test_every_file_becomes_what_a_new_one_is(test_db: Path, old_db: Path, tmp_path: Path, kind: str) -> None:
    path = test_db if kind == "the tutorial's" else old_db
    run_sql(path, "CREATE TABLE projects (id INTEGER PRIMARY KEY)", "INSERT INTO projects VALUES (5)")
    if kind.endswith("gone"):
        run_sql(path, "DROP TABLE procore_login_entries")
    for each in (path, tmp_path / "new.db"):
        open_once(each)
        assert version(each) == schema.VERSION
    # Another program's table stays, and all that we add has our prefix.
    assert run_sql(path, "SELECT * FROM projects") == [(5,)]
    found = shapes(path)
    assert found.pop("projects") == ["id"]
    assert found == shapes(tmp_path / "new.db")
    names = run_sql(path, "SELECT name FROM sqlite_master WHERE sql IS NOT NULL")
    ours = {str(name) for (name,) in names} - {"users", "projects"}
    assert ours
    assert all(name.startswith("procore_login_") for name in ours)


def test_a_migrated_file_keeps_everybody_signed_in(world: World) -> None:
    joe, second = world.sign_in(1), world.sign_in(2, SECOND)
    become_old(world.database.path)
    assert world.load(joe).tokens.refresh_token == "refresh-1"
    assert world.load(second).tokens.refresh_token == "refresh-2"
    world.refresh(joe)
    assert world.load(joe).tokens.refresh_token == "refresh-2"
    assert world.count_secrets() == 2


def become_second(path: Path, locks: Path, started_at: float) -> None:
    """Turn a file of today into one of 0.1.0 and 0.1.1, with a refresh of that version's under way."""
    run_sql(
        path,
        *WITHOUT_SERVICES,
        "CREATE TABLE procore_login_home (path TEXT NOT NULL)",
        f"INSERT INTO procore_login_home VALUES ('{locks}')",
        "INSERT INTO procore_login_entries (name, store, environment, procore_id, kind, state, created_at)"
        f" VALUES ('x', 'file', 'production', {JOE.id}, 'refresh', 'pending', {int(started_at)})",
        "UPDATE procore_login_meta SET value = 2",
    )


@pytest.mark.parametrize(
    ("locks", "age_s", "is_waited_for"), [("elsewhere", 0, True), ("elsewhere", 131, False), (".", 0, False)]
)
def test_an_older_version_that_locks_elsewhere_is_left_to_end_its_refresh(
    world: World, locks: str, age_s: int, is_waited_for: bool
) -> None:
    joe = world.sign_in()
    path = world.database.path
    become_second(path, path.parent / locks, time.time() - age_s)
    if is_waited_for:
        before = path.read_bytes()
        assert "in use by another program" in read_error(path).message
        assert path.read_bytes() == before
        return
    # One that was interrupted, or is under our own lock, delays nothing.
    assert world.load(joe).may_be_revoked
    assert "procore_login_home" not in shapes(path)
    assert version(path) == schema.VERSION


def test_processes_that_migrate_at_once_end_with_one_migration(old_db: Path) -> None:
    start, ended = threading.Barrier(8), []

    def run() -> None:
        start.wait()
        with new_database(old_db, timeout_s=10).reading() as rows:
            ended.append([user.procore_id for user in users.list_users(rows)])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [[JOE.id]] * 8
    assert version(old_db) == schema.VERSION


def test_a_migration_that_fails_in_the_middle_leaves_the_old_file_whole(
    old_db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run_sql(old_db, "SELECT name, sql FROM sqlite_master")
    steps = [*schema._STEPS[2], ("procore_login_entries", "ALTER TABLE no_such_table ADD COLUMN x")]
    monkeypatch.setitem(schema._STEPS, 2, steps)
    with pytest.raises(DatabaseError), new_database(old_db).writing():
        pass
    assert run_sql(old_db, "SELECT name, sql FROM sqlite_master") == before
    assert version(old_db) == 1


def test_reading_an_up_to_date_file_takes_no_write_lock_and_changes_no_byte(world: World) -> None:
    world.sign_in()
    path = world.database.path
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with new_database(path, timeout_s=0).reading() as rows:
            assert [user.procore_id for user in users.list_users(rows)] == [JOE.id]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


SET_VERSION = "UPDATE procore_login_meta SET value = "


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"{SET_VERSION}{schema.VERSION + 1}", "newer procore-login"),
        *((SET_VERSION + value, "not their version") for value in ("'two'", "1.5", "x'02'", "0", "-1")),
        ("DELETE FROM procore_login_meta", "not their version"),
        ("DROP TABLE procore_login_meta", "not their version"),
        # Another program's.
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", "tutorial"),
        ("CREATE TABLE users (id INTEGER, procore_id INTEGER, email varchar(255))", "tutorial"),
        ("CREATE TABLE users (id TEXT PRIMARY KEY, procore_id INTEGER, email varchar(255))", "tutorial"),
        ("CREATE VIEW users AS SELECT 1 AS name", "tutorial"),
    ],
)
def test_what_this_version_does_not_know_is_left_untouched(
    world: World, tmp_path: Path, statement: str, said: str
) -> None:
    path = tmp_path / "other.db"
    if said != "tutorial":
        world.sign_in()
        path = world.database.path
    run_sql(path, statement, *["DROP TABLE procore_login_entries"] * ("newer" in said))
    before = path.read_bytes()
    error = read_error(path)
    assert said in error.message
    assert "PROCORE_LOGIN_DB" in (error.hint or "") or "newer" not in said
    with pytest.raises(DatabaseError, match=said), new_database(path).writing():
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        TUTORIAL.replace("email varchar(255)", "email varchar(255), created_at TEXT DEFAULT 'now'"),
        TUTORIAL.replace("procore_id INTEGER", "note TEXT, procore_id INTEGER"),
        "CREATE TABLE Users (ID integer primary key, Procore_Id integer, Email text)",
    ],
)
def test_more_columns_and_other_spellings_than_the_tutorials_are_fine(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "more.db"
    run_sql(path, statement)
    with new_database(path).writing() as rows:
        assert users.save_user(rows, JOE)[1]
    run_sql(path, "UPDATE users SET email = 'former@example.com'")
    with new_database(path).writing() as rows:
        assert not users.save_user(rows, JOE)[1]
    assert run_sql(path, "SELECT procore_id, email FROM users") == [(JOE.id, JOE.login)]


def test_tables_that_another_program_dropped_come_back(world: World) -> None:
    world.sign_in()
    run_sql(world.database.path, "DROP TABLE users", "DROP TABLE procore_login_entries")
    assert world.accounts.find_account() is None
    world.sign_in()
    assert world.accounts.find_account() is not None


def test_the_lowest_id_of_a_person_counts(test_db: Path) -> None:
    run_sql(
        test_db,
        "INSERT INTO users VALUES (5, 11111, 'late@example.com'), (3, 11111, 'early@example.com'),"
        " (9, 11111, NULL)",
    )
    with new_database(test_db).writing() as rows:
        assert [user.id for user in users.list_users(rows)] == [3]
        users.save_user(rows, JOE)
    assert run_sql(test_db, "SELECT id, email FROM users ORDER BY id") == [
        (3, "joecontractor@procore.com"),
        (5, "late@example.com"),
        (9, None),
    ]


def test_garbage_in_users_does_no_harm(test_db: Path) -> None:
    run_sql(
        test_db,
        "INSERT INTO users (procore_id, email) VALUES (NULL, 'a@example.com'), ('x', 'b@example.com'),"
        " (1.5, 'c@example.com'), (x'00', 'd@example.com'), (1, NULL), (2, x'ff'),"
        " (3, CAST(x'ff41' AS TEXT))",
    )
    with new_database(test_db).reading() as rows:
        found = [(user.procore_id, user.email) for user in users.list_users(rows)]
    assert found == [(1, None), (2, None), (3, "\ufffdA")]
