"""What other programs, a full disk and a killed writer do to a database, and what is left of it."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from procore_cli.errors import DatabaseError, StorageError
from procore_cli.storage.database import Database
from tests.store.databases import Home, new_database
from tests.store.store_world import never, new_tokens, run_sql

TIMEOUT_S = Database.__init__.__kwdefaults__["timeout_s"]
# Changes every row in a small cache, so that changed pages reach the file before the end.
INTERRUPTED_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE users SET email = email || hex(zeroblob(400))")
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Somebody has signed in here; the wait for other programs is short."""
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "timeout_s", 0.3)
    home = Home(tmp_path / "home", database_path=tmp_path / "test.db")
    home.sign_in(1)
    return home


@contextmanager
def other_program(home: Home, *statements: str) -> Iterator[sqlite3.Connection]:
    """Another program that has begun to use the file, and is in no hurry."""
    connection = sqlite3.connect(home.database.path, isolation_level=None, check_same_thread=False)
    with closing(connection):
        for statement in statements:
            connection.execute(statement).fetchall()
        yield connection


def test_a_locked_file_is_given_up_with_clear_words(home: Home) -> None:
    with other_program(home, "BEGIN EXCLUSIVE"), pytest.raises(DatabaseError, match="in use by") as failure:
        home.find()
    assert failure.value.exit_code == 6
    assert home.load().tokens == new_tokens(1)


def test_a_locked_file_is_waited_for_ten_seconds(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TIMEOUT_S == 10
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "timeout_s", TIMEOUT_S)
    with other_program(home, "BEGIN EXCLUSIVE") as other:
        timer = threading.Timer(0.2, other.execute, ["COMMIT"])
        timer.start()
        assert home.load().tokens == new_tokens(1)
        timer.join()


def test_a_long_reader_keeps_nobody_from_reading_and_nothing_is_sent_meanwhile(home: Home) -> None:
    with other_program(home, "BEGIN", "SELECT * FROM users"):
        assert home.load().tokens == new_tokens(1)
        with pytest.raises(DatabaseError, match="in use by another program"):
            home.refresh(home.find(), never)
        with pytest.raises(DatabaseError):
            home.sign_in(2)
    assert home.load().tokens == new_tokens(1)
    assert [state for state, _ in home.listed()] == ["live"]
    assert home.refresh(home.find(), lambda _: new_tokens(2)).tokens.refresh_token == "refresh-2"
    assert len(home.files()) == 1


def test_a_wal_file_is_written_beside_a_long_reader(home: Home) -> None:
    with (
        other_program(home, "PRAGMA journal_mode = WAL"),
        other_program(home, "BEGIN", "SELECT * FROM users") as reader,
    ):
        home.sign_in(2)
        assert home.load().tokens == new_tokens(2)
        assert reader.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_what_a_killed_writer_left_is_undone(home: Home) -> None:
    path = home.database_path
    with new_database(path, timeout_s=10).writing() as rows:
        for number in range(500):
            rows.run("INSERT INTO users (procore_id, email) VALUES (?, ?)", (number, "x" * 200))
    before = run_sql(path, "SELECT * FROM users")
    command = [sys.executable, "-c", INTERRUPTED_WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    journal = path.with_name(f"{path.name}-journal")
    assert journal.stat().st_size > 0
    assert home.load().tokens == new_tokens(1)
    assert not journal.exists()
    assert run_sql(path, "SELECT * FROM users") == before


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes: what a full disk looks like to a program."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_on_a_full_disk_a_sign_in_is_saved_whole_or_not_at_all(home: Home) -> None:
    number, ended = 1, []
    # A journal takes a header and a page for each page that changes.
    for size in range(0, 96 * 1024, 6 * 1024):
        try:
            with room_for(size):
                home.sign_in(number + 1)
            number += 1
            ended.append(0)
        except StorageError as error:
            ended.append(error.exit_code)
        assert home.load().tokens == new_tokens(number)
    assert set(ended) == {0, 6}
    home.sign_in(number + 1)
    assert [state for state, _ in home.listed()] == ["live"]
    assert len(home.files()) == 1


def test_on_a_full_disk_no_refresh_token_is_sent(home: Home) -> None:
    with room_for(0), pytest.raises(StorageError):
        home.refresh(home.find(), never)
    assert home.load().tokens == new_tokens(1)


def test_a_full_disk_is_called_one(home: Home) -> None:
    database = new_database(home.database.path)

    def fill() -> None:
        with database.writing() as rows:
            rows.run(f"PRAGMA max_page_count = {rows.run('PRAGMA page_count')[0][0]}")
            rows.run("INSERT INTO users (email) VALUES (hex(zeroblob(100000)))")

    with pytest.raises(DatabaseError, match="disk is full") as failure:
        fill()
    assert "room" in (failure.value.hint or "")


def test_whoever_writes_holds_the_file_from_the_beginning(home: Home) -> None:
    # One that only begins to read, and then writes, fails where another one does the same.
    with (
        other_program(home, "PRAGMA busy_timeout = 0") as other,
        home.database.writing(),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")
