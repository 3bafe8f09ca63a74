"""The SQLite file: our own, the tutorial's, and those that cannot be used."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from procore_cli.config import private_files
from procore_cli.errors import DatabaseError, DataFolderError
from procore_cli.models import Account, Me
from procore_cli.storage import account_rows, users
from procore_cli.storage.database import new_uri
from procore_cli.storage.opening import Storage
from tests.store.databases import TUTORIAL, new_database, read_error, without_rights
from tests.store.store_world import JOE, NOW, World, new_tokens, run_sql


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that a user without rights can read; pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


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


def test_a_missing_or_empty_file_elsewhere_becomes_a_database(tmp_path: Path) -> None:
    missing, empty = tmp_path / "new.db", tmp_path / "empty.db"
    empty.touch()
    for path in (missing, empty):
        with new_database(path).reading() as rows:
            assert account_rows.find_current(rows) is None
            assert users.list_users(rows) == []
    assert stat.S_IMODE(missing.stat().st_mode) == 0o600


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


def test_what_is_no_database_is_said_to_be_none(world: World, tmp_path: Path) -> None:
    world.sign_in()
    damaged = world.database.path
    damaged.write_bytes(damaged.read_bytes()[:4096])
    text = tmp_path / "text.db"
    text.write_text("no database " * 100)
    for path, said in (
        (text, "not an SQLite database"),
        (damaged, "damaged"),
        (tmp_path, "cannot be opened"),
        (tmp_path / "gone" / "test.db", "No such file"),
    ):
        assert said in read_error(path).message
    assert text.read_text() == "no database " * 100


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
        account_rows.save_name(rows, 1, "\udfff")
        (user,) = users.list_users(rows)
        assert account_rows.read_account(rows, Account(user)).name == "?"
    assert user.email == "a?@example.com"


def test_a_read_only_file_can_be_read_and_not_written(public_folder: Path) -> None:
    database = new_database(public_folder / "test.db")
    with database.writing() as rows:
        user, _ = users.save_user(rows, JOE)
        account_rows.save_current(rows, Account(user))
    database.path.chmod(0o444)
    public_folder.chmod(0o555)
    with without_rights():
        with database.reading() as rows:
            assert account_rows.find_current(rows) == Account(user)
        with pytest.raises(DatabaseError, match="cannot be written"), database.writing() as rows:
            account_rows.save_current(rows, None)
    public_folder.chmod(0o755)
