"""The SQLite file: our own, the tutorial's, and those that cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from procore_cli.config import private_files
from procore_cli.errors import DatabaseError, DataFolderError
from procore_cli.models import Me
from procore_cli.storage import accounts, entries, users
from procore_cli.storage.database import new_uri
from procore_cli.storage.opening import Storage
from tests.store.databases import TUTORIAL, new_database, new_tutorial_file, read_error, without_rights
from tests.store.store_world import JOE, NOW, SECOND, World, new_tokens, run_sql


@pytest.fixture
def test_db(tmp_path: Path) -> Path:
    return new_tutorial_file(tmp_path)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that a user without rights can read; pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_our_own_file_is_ours_alone_from_the_start(world: World) -> None:
    world.home.mkdir()
    with world.database.writing() as rows:
        users.save_user(rows, JOE)
    assert stat.S_IMODE(world.database.path.stat().st_mode) == 0o600


def test_the_database_of_an_environment_lies_in_the_data_folder_and_all_there_is_ours_alone(
    tmp_path: Path, said: list[str]
) -> None:
    home = tmp_path / "data"
    storage = Storage(home, "sandbox", "file", clock=lambda: NOW)
    assert not home.exists()
    storage.tokens.save_signin(new_tokens(1), JOE)
    storage.client_secrets.save("client-id", "https://login-sandbox.procore.com", "secret")
    assert sorted(path.name for path in home.iterdir()) == ["locks", "sandbox.db", "secrets"]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o77 for path in (home, *home.rglob("*"))} == {0}
    assert said == []


def test_our_own_file_is_tightened_and_reported(world: World) -> None:
    with world.database.reading():
        pass
    world.database.path.chmod(0o664)
    with world.database.reading():
        pass
    assert stat.S_IMODE(world.database.path.stat().st_mode) == 0o600
    assert "0664" in world.said[-1]


def test_our_own_file_may_not_be_a_link(world: World, test_db: Path) -> None:
    world.home.mkdir(mode=0o700)
    world.database.path.symlink_to(test_db)
    with pytest.raises(DataFolderError, match="link"), world.database.reading():
        pass


def test_the_tutorials_file_keeps_its_mode_journal_and_rows(test_db: Path) -> None:
    run_sql(test_db, "INSERT INTO users VALUES (7, 11111, 'joecontractor@procore.com')")
    with new_database(test_db).writing() as rows:
        user, is_new = users.save_user(rows, JOE)
    assert (user.id, is_new) == (7, False)
    assert stat.S_IMODE(test_db.stat().st_mode) == 0o644
    assert run_sql(test_db, "PRAGMA journal_mode") == [("delete",)]
    assert run_sql(test_db, "SELECT * FROM users") == [(7, 11111, "joecontractor@procore.com")]


def test_a_missing_file_elsewhere_is_made_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with new_database(path).reading() as rows:
        assert users.find_current(rows) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_in_a_missing_folder_cannot_be_opened(tmp_path: Path) -> None:
    assert "No such file" in read_error(tmp_path / "gone" / "test.db").message


def test_a_file_that_another_program_makes_at_the_same_moment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = private_files.new_file

    def come_second(path: Path) -> None:
        run_sql(path, TUTORIAL)
        real(path)

    monkeypatch.setattr(private_files, "new_file", come_second)
    with new_database(tmp_path / "new.db").reading() as rows:
        assert users.list_users(rows) == []


def test_a_folder_is_not_a_database(tmp_path: Path) -> None:
    assert "cannot be opened" in read_error(tmp_path).message


@pytest.mark.parametrize(
    "name", ["a?mode=memory#%41.db", "with space & \\.db", "größe.db", os.fsdecode(b"gr\xf6\xdfe.db")]
)
def test_a_name_with_signs_of_a_url_or_in_any_encoding_is_just_a_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with new_database(path).writing() as rows:
        users.save_user(rows, JOE)
    assert run_sql(path, "SELECT procore_id FROM users") == [(11111,)]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PureWindowsPath(r"C:\Users\joe#1\a.db"), "file:///C%3A/Users/joe%231/a.db"),
        (PureWindowsPath(r"\\server\share\a.db"), "file:////server/share/a.db"),
        (PurePosixPath("//one/a.db"), "file:////one/a.db"),
    ],
)
def test_no_part_of_a_path_is_a_server_to_sqlite(path: PurePath, uri: str) -> None:
    assert new_uri(path) == uri


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with new_database(tmp_path / "empty.db").reading() as rows:
        assert users.list_users(rows) == []


def test_a_text_is_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("no database " * 100)
    assert "not an SQLite database" in read_error(path).message
    assert path.read_text() == "no database " * 100


def test_a_damaged_file_is_said_to_be_damaged(world: World) -> None:
    world.sign_in()
    path = world.database.path
    path.write_bytes(path.read_bytes()[:4096])
    assert "damaged" in read_error(path).message


def test_a_writer_waits_for_another_one(test_db: Path) -> None:
    with new_database(test_db).reading():
        pass
    other = sqlite3.connect(test_db, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.1, other.execute, ["COMMIT"])
    timer.start()
    with new_database(test_db, timeout_s=10).writing() as rows:
        users.save_user(rows, JOE)
    timer.join()
    other.close()
    assert run_sql(test_db, "SELECT count(*) FROM users") == [(1,)]


def test_a_failed_transaction_leaves_nothing(world: World) -> None:
    def fail() -> None:
        with world.database.writing() as rows:
            users.save_user(rows, JOE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with world.database.reading() as rows:
        assert users.list_users(rows) == []


def test_an_id_that_sqlite_cannot_hold_is_an_error_of_ours(world: World) -> None:
    with pytest.raises(DatabaseError), world.database.writing() as rows:
        users.save_user(rows, Me(2**63, "second@example.com", None))
    with world.database.writing() as rows:
        assert users.save_user(rows, Me(2**63 - 1, "second@example.com", None))[1]


def test_half_a_surrogate_pair_can_be_stored(world: World) -> None:
    with world.database.writing() as rows:
        users.save_user(rows, Me(1, "a\ud800@example.com", None))
        accounts.save_name(rows, 1, "\udfff")
        (user,) = users.list_users(rows)
        assert accounts.find_account(rows, user).name == "?"
    assert user.email == "a?@example.com"


def test_environments_in_one_file_have_their_own_sessions_and_entries(world: World, test_db: Path) -> None:
    world.database_path = test_db
    joe = world.sign_in(1, JOE)
    world.environment = "sandbox"
    assert world.accounts.find_account() is None
    assert world.new_vault().load(joe) is None
    world.sign_in(2, SECOND)
    world.environment = "production"
    current = world.accounts.find_account()
    assert current is not None
    assert current.user.procore_id == JOE.id


def test_a_session_whose_row_another_program_deleted_is_nobodys(world: World) -> None:
    world.sign_in()
    run_sql(world.database.path, "DELETE FROM users")
    assert world.accounts.find_account() is None


def test_a_read_only_file_can_be_read_and_not_written(public_folder: Path) -> None:
    database = new_database(public_folder / "test.db")
    with database.writing() as rows:
        user, _ = users.save_user(rows, JOE)
        users.save_current(rows, user)
    database.path.chmod(0o444)
    public_folder.chmod(0o555)
    with without_rights():
        with database.reading() as rows:
            assert users.find_current(rows) == user
        with pytest.raises(DatabaseError, match="cannot be written"), database.writing() as rows:
            users.save_current(rows, None)
    public_folder.chmod(0o755)


def test_the_entries_of_an_account_are_listed_oldest_first(world: World) -> None:
    world.now = NOW
    account = world.sign_in(1)
    world.refresh(account)
    with world.database.reading() as rows:
        live = entries.find_live(rows, JOE.id)
    assert live is not None
    assert (live.kind, live.parts, live.created_at) == ("refresh", 1, NOW)


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
