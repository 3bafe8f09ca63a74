"""One PROCORE_LOGIN_DB for two data folders, and a data folder that was moved or copied."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from procore_cli.errors import DataFolderError
from procore_cli.grants import TokenSet
from procore_cli.storage import entries as tokens
from tests.store.databases import Home
from tests.store.store_world import JOE, Procore, new_answer, new_tokens, run_sql

DAY_S = 24 * 60 * 60


@pytest.fixture
def one(tmp_path: Path) -> Home:
    return Home(tmp_path / "one", tmp_path / "test.db")


@pytest.fixture
def other(tmp_path: Path) -> Home:
    return Home(tmp_path / "other", tmp_path / "test.db")


def test_what_one_folder_saved_the_other_reads(one: Home, other: Home) -> None:
    one.sign_in(1)
    assert other.load().tokens == new_tokens(1)
    assert (len(one.files()), len(other.files())) == (1, 0)


def test_a_sign_in_with_the_other_folder_deletes_what_the_first_one_kept(one: Home, other: Home) -> None:
    one.sign_in(1)
    saved = other.vault.save_signin(new_tokens(2), JOE)
    assert saved.former == new_tokens(1)
    assert (one.files(), len(other.files())) == ([], 1)
    assert one.load().tokens == new_tokens(2)
    assert one.listed() == [("live", str(other.path))]


def test_both_folders_refresh_in_turn(one: Home, other: Home) -> None:
    procore = Procore()
    one.sign_in(1)
    for turn in range(4):
        home = (other, one)[turn % 2]
        assert home.refresh(procore.exchange).tokens.refresh_token == f"refresh-{turn + 2}"
        assert len(one.files() + other.files()) == 1
    assert one.load().tokens == other.load().tokens
    assert one.said == other.said == []


@pytest.mark.parametrize("database", ["test.db", "one/production.db", "one/test.db"])
def test_a_refresh_through_both_folders_at_once_is_one(tmp_path: Path, database: str) -> None:
    one, other = Home(tmp_path / "one", tmp_path / database), Home(tmp_path / "other", tmp_path / database)
    procore = Procore()
    one.sign_in(1)
    start = threading.Barrier(6)

    def run(home: Home) -> TokenSet:
        account, seen = home.account(), home.load()
        start.wait()
        return home.vault.refresh(
            account, procore.exchange, seen, home.discarded.append, lambda work: work()
        ).tokens

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(run, [one, other] * 3))
    assert procore.calls == 1
    assert {found.refresh_token for found in found} == {"refresh-2"}


def test_a_sign_out_with_the_other_folder_deletes_the_file(one: Home, other: Home) -> None:
    account = one.sign_in(1)
    vault = other.vault
    vault.sign_out(account)
    vault.clean(account)
    assert one.files() == []
    assert one.listed() == []


def test_a_refresh_that_one_folder_left_whole_is_ended_by_the_other(one: Home, other: Home) -> None:
    one.sign_in(1)
    ledger = one.ledger
    ledger.write(ledger.new_pending("refresh", JOE.id), tokens.new_tokens_text(new_tokens(2)))
    assert other.load().tokens == new_tokens(2)
    assert len(one.files()) == 1


def test_tokens_in_a_folder_that_is_away_are_not_lost(one: Home, other: Home, tmp_path: Path) -> None:
    one.sign_in(1)
    ledger = one.ledger
    ledger.write(ledger.new_pending("refresh", JOE.id), tokens.new_tokens_text(new_tokens(2)))
    one.path.rename(tmp_path / "away")
    with pytest.raises(DataFolderError, match="it is not there") as failure:
        other.load()
    assert str(one.path) in failure.value.message
    assert not one.path.exists()
    (tmp_path / "away").rename(one.path)
    assert other.load().tokens == new_tokens(2)


def test_a_sign_in_works_while_the_former_tokens_folder_is_away(
    one: Home, other: Home, tmp_path: Path
) -> None:
    one.sign_in(1)
    one.path.rename(tmp_path / "away")
    other.sign_in(2)
    assert other.load().tokens == new_tokens(2)
    assert other.listed() == [("dead", str(one.path)), ("live", str(other.path))]
    assert [said for said in other.said if "will not be revoked" not in said] == []
    assert not one.path.exists()
    (tmp_path / "away").rename(one.path)
    other.now += DAY_S
    other.refresh(lambda _: new_answer(3))
    assert one.files() == []
    assert other.listed() == [("live", str(other.path))]


def test_a_folder_that_does_not_come_back_is_forgotten_after_a_day(one: Home, other: Home) -> None:
    account = one.sign_in(1)
    shutil.rmtree(one.path)
    other.sign_in(2)
    other.now += DAY_S
    other.vault.sign_out(account)
    assert other.vault.clean(account)
    assert other.listed() == []
    assert [said for said in other.said if "will not be revoked" not in said] == []


def test_a_folder_that_moved_after_a_refresh_was_killed_costs_a_refresh_at_most(
    tmp_path: Path, one: Home
) -> None:
    account = one.sign_in(1)
    one.ledger.new_pending("refresh", JOE.id)
    one.path.rename(tmp_path / "moved")
    moved = Home(tmp_path / "moved", one.database)
    assert moved.refresh(lambda _: new_answer(2)).tokens == new_tokens(2)
    moved.now += DAY_S
    moved.vault.sign_out(account)
    assert moved.vault.clean(account)
    assert (moved.listed(), moved.files(), moved.said) == ([], [], [])


def test_what_lies_here_is_deleted_though_another_folder_is_away(
    one: Home, other: Home, tmp_path: Path
) -> None:
    one.sign_in(1)
    one.path.rename(tmp_path / "away")
    for number in (2, 3, 4):
        other.sign_in(number)
    assert len(other.files()) == 1
    assert [state for state, _ in other.listed()] == ["dead", "live"]


def spoil_mode(path: Path) -> None:
    path.chmod(0o755)


def spoil_by_link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))


def spoil_secrets_by_link(path: Path) -> None:
    spoil_by_link(path / "secrets")


def spoil_by_file(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.write_text("a file")


def spoil_by_loop(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path)


@pytest.mark.parametrize(
    "spoil", [spoil_mode, spoil_by_link, spoil_secrets_by_link, spoil_by_file, spoil_by_loop]
)
def test_a_place_that_is_not_a_folder_of_ours_alone_is_neither_read_nor_changed(
    one: Home, other: Home, spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    one.sign_in(1)
    spoil(one.path)
    before = {path: stat.S_IMODE(path.lstat().st_mode) for path in tmp_path.rglob("*")}
    with pytest.raises(DataFolderError):
        other.load()
    other.sign_in(2)
    assert other.load().tokens == new_tokens(2)
    assert other.listed()[0] == ("dead", str(one.path))
    assert (
        before.items() <= {path: stat.S_IMODE(path.lstat().st_mode) for path in tmp_path.rglob("*")}.items()
    )


@pytest.mark.parametrize("place", ["'one'", "''", "'/a' || char(0) || 'b'", "place || '/../one'"])
def test_a_place_that_somebody_made_up_leads_nowhere(
    one: Home, other: Home, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(one.path.parent)
    one.sign_in(1)
    assert one.database is not None
    run_sql(one.database, f"UPDATE procore_login_entries SET place = {place}")
    with pytest.raises(DataFolderError):
        other.load()
    # Our own folder comes first, whatever stands there.
    assert one.load().tokens == new_tokens(1)


def test_nothing_is_added_to_another_data_folder(one: Home, other: Home) -> None:
    one.sign_in(1)
    with pytest.raises(DataFolderError, match="another data folder"):
        other.ledger._stores("file", str(one.path)).save("procore-login/production/x/1", "token-set", "x")
    assert len(one.files()) == 1


def test_a_place_without_secrets_holds_nothing(one: Home, other: Home) -> None:
    account = one.sign_in(1)
    shutil.rmtree(one.path / "secrets")
    vault = other.vault
    vault.sign_out(account)
    vault.clean(account)
    assert other.listed() == []
    assert not (one.path / "secrets").exists()


def test_a_keyring_has_no_place(one: Home, other: Home, keyring_entries: dict[object, str]) -> None:
    one.store = other.store = "keyring"
    one.sign_in(1)
    assert other.load().tokens == new_tokens(1)
    assert one.listed() == [("live", None)]


@pytest.mark.parametrize("database", ["test.db", "one/production.db", "one/test.db"])
@pytest.mark.parametrize("is_gone", [False, True])
def test_an_accounts_lock_is_the_same_for_both_folders(tmp_path: Path, database: str, is_gone: bool) -> None:
    # The first folder that used the database has the locks, or the next one once it has gone.
    (tmp_path / "one").mkdir(mode=0o700)
    Home(tmp_path / "first", tmp_path / database).sign_in(1)
    if is_gone:
        shutil.rmtree(tmp_path / "first")
    one, other = Home(tmp_path / "one", tmp_path / database), Home(tmp_path / "other", tmp_path / database)
    with one.vault._locks.hold(JOE.id), other.vault._locks.try_hold(JOE.id) as held:
        assert not held


def test_a_row_that_names_a_folder_without_locks_gets_none_there(tmp_path: Path, one: Home) -> None:
    one.sign_in(1)
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    assert one.database is not None
    run_sql(one.database, f"UPDATE procore_login_home SET path = '{keys}'")
    one.sign_in(2)
    assert list(keys.iterdir()) == []
    assert run_sql(one.database, "SELECT path FROM procore_login_home") == [(str(one.path),)]


def test_nothing_is_laid_beside_a_database_that_is_not_ours(one: Home, tmp_path: Path) -> None:
    one.sign_in(1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "one", "test.db"]


def test_a_folder_that_is_missing_is_not_made_for_the_locks(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "gone" / "test.db")
    with pytest.raises(Exception, match="No such file"):
        home.sign_in(1)
    assert not (tmp_path / "gone").exists()
