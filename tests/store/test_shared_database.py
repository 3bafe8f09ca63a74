"""One PROCORE_LOGIN_DB for two data folders: accounts and locks are shared, and a keyring; files are not."""

from __future__ import annotations

import shlex
import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from procore_cli.errors import DatabaseError, DataFolderError, NotSignedInError
from procore_cli.grants import TokenSet
from procore_cli.storage import entries, recovery, tokens_text
from procore_cli.storage.files import new_place
from tests.store.databases import Home
from tests.store.store_world import JOE, NOW, SECOND, Procore, new_tokens, run_sql

DAY_S = 24 * 60 * 60
DATABASES = ["test.db", "one/production.db", "one/test.db"]


@pytest.fixture
def one(tmp_path: Path) -> Home:
    return Home(tmp_path / "one", database_path=tmp_path / "test.db")


@pytest.fixture
def other(tmp_path: Path) -> Home:
    return Home(tmp_path / "other", database_path=tmp_path / "test.db")


@pytest.fixture
def both(one: Home, other: Home, keyring_entries: dict[object, str]) -> tuple[Home, Home]:
    """Two folders whose tokens lie in one keyring."""
    one.store_name = other.store_name = "keyring"
    return one, other


def assert_signed_out(home: Home, place: Path | str) -> None:
    """Joe is signed out with this folder, and told where his tokens lie."""
    account = home.find()
    assert home.new_vault().load(account) is None
    assert home.accounts.list_signed_in() == []
    assert not home.accounts.switch(account)
    for ask in (home.accounts.find_live, lambda who: home.accounts.find_shown_end(who, NOW)):
        with pytest.raises(NotSignedInError) as failure:
            ask(account)
        assert failure.value.exit_code == 4
        assert str(place) in failure.value.message
        # Between marks and quoted: a folder's name could hold a mark, and so a command of its own.
        assert f"`PROCORE_LOGIN_HOME={shlex.quote(str(place))}`" in failure.value.hint
        assert "procore-login signin" in failure.value.hint


def leave_refresh(home: Home, number: int | None = 2) -> None:
    """A refresh that ended early, after its tokens were written if they have a number."""
    ledger = home.ledger
    pending = ledger.new_pending("refresh", JOE.id)
    if number is not None:
        ledger.write(pending, tokens_text.new_tokens_text(new_tokens(number)))


def test_in_a_keyring_what_one_folder_saved_the_other_reads_renews_and_deletes(
    both: tuple[Home, Home], keyring_entries: dict[object, str]
) -> None:
    one, other = both
    procore = Procore()
    account = one.sign_in(1)
    assert other.load().tokens == new_tokens(1)
    assert one.listed() == [("live", None)]
    for turn in range(4):
        home = both[(turn + 1) % 2]
        assert home.refresh(home.find(), procore.exchange).tokens.refresh_token == f"refresh-{turn + 2}"
        assert home.listed() == [("live", None)]
    # A refresh that one of them left whole is ended by the other.
    leave_refresh(one, 6)
    assert other.load().tokens == one.load().tokens == new_tokens(6)
    assert one.said == []
    other.new_vault().sign_out(account)
    other.new_vault().clean(account)
    assert (keyring_entries, one.listed()) == ({}, [])


@pytest.mark.parametrize("database", DATABASES)
def test_a_refresh_through_both_folders_at_once_is_one(
    tmp_path: Path, database: str, keyring_entries: dict[object, str]
) -> None:
    homes = [Home(tmp_path / name, "keyring", database_path=tmp_path / database) for name in ("one", "other")]
    procore = Procore()
    homes[0].sign_in(1)
    start = threading.Barrier(6, timeout=9)

    def run(home: Home) -> TokenSet:
        account, seen = home.find(), home.load()
        start.wait()
        return home.refresh(account, procore.exchange, seen).tokens

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(run, homes * 3))
    assert procore.calls == 1
    assert {found.refresh_token for found in found} == {"refresh-2"}


def test_a_sign_out_with_the_other_folder_ends_nothing(one: Home, other: Home) -> None:
    account = one.sign_in(1)
    assert_signed_out(other, one.home)
    assert one.load().tokens == new_tokens(1)
    leave_refresh(one)
    vault = other.new_vault()
    assert not vault.sign_out(account).was_live
    vault.clean(account)
    vault.clean_free()
    assert other.files() == []
    assert one.find() == account
    assert one.load().tokens == new_tokens(2)


def test_of_two_sign_ins_the_later_one_counts_and_each_folder_deletes_its_own(one: Home, other: Home) -> None:
    one.sign_in(1)
    saved = other.new_vault().save_signin(new_tokens(2), JOE)
    assert saved.former is None
    assert f"lie in the data folder {one.home}; they will not be revoked" in other.said[0]
    for number in (3, 4, 2):
        # What lies here is deleted, though another folder has something too.
        other.sign_in(number)
        assert (len(one.files()), len(other.files())) == (1, 1)
        assert other.listed() == [("dead", str(one.home)), ("live", str(other.home))]
    assert_signed_out(one, other.home)
    assert other.load().tokens == new_tokens(2)
    one.new_vault().clean_free()
    assert (one.files(), len(other.files())) == ([], 1)
    assert other.listed() == [("live", str(other.home))]


@pytest.mark.parametrize("number", [2, None])
def test_what_became_of_a_refresh_its_own_folder_alone_finds_out(
    one: Home, other: Home, number: int | None
) -> None:
    one.sign_in(1)
    leave_refresh(one, number)
    assert_signed_out(other, one.home)
    other.new_vault().clean_free()
    assert one.load().tokens == new_tokens(number or 1)
    assert one.load().may_be_revoked == (number is None)


def test_a_refresh_out_of_a_keyring_into_one_folder_is_not_doubted_with_the_other(
    one: Home, other: Home, keyring_entries: dict[object, str]
) -> None:
    one.store_name = "keyring"
    one.sign_in(1)
    seen = other.load()
    one.store_name = "file"
    leave_refresh(one)
    assert other.new_vault().load(other.find()) is None
    with pytest.raises(NotSignedInError, match=str(one.home)):
        other.refresh(other.find(), pytest.fail, seen)
    assert one.load().tokens == new_tokens(2)


def test_a_sign_in_with_the_other_folder_is_not_undone_by_a_refresh_from_before(
    one: Home, other: Home
) -> None:
    one.sign_in(1)
    leave_refresh(one)
    other.sign_in(3)
    assert one.new_vault().load(one.find()) is None
    assert other.load().tokens == new_tokens(3)
    one.now += DAY_S
    one.new_vault().clean_free()
    assert one.files() == []
    assert other.listed() == [("live", str(other.home))]


def test_a_sign_in_that_fails_with_the_other_folder_costs_nothing(
    one: Home, other: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.sign_in(1)
    leave_refresh(one)
    other.new_vault().prove()
    (other.home / "secrets").rmdir()
    (other.home / "secrets").write_text("not a folder")
    with pytest.raises(DataFolderError):
        other.new_vault().save_signin(new_tokens(3), JOE)
    assert one.load().tokens == new_tokens(2)


def test_who_waits_for_a_refresh_hears_of_a_sign_in_with_the_other_folder(one: Home, other: Home) -> None:
    one.sign_in(1)
    seen = one.load()
    other.sign_in(2)
    with pytest.raises(NotSignedInError, match=str(other.home)):
        one.refresh(one.find(), pytest.fail, seen)


def test_a_folder_that_is_away_is_not_lost_and_keeps_nobody_from_signing_in(
    one: Home, other: Home, tmp_path: Path
) -> None:
    one.sign_in(1)
    leave_refresh(one)
    for number in (None, 3):
        one.home.rename(tmp_path / "away")
        if number is None:
            assert_signed_out(other, one.home)
            other.new_vault().clean_free()
        else:
            other.sign_in(number)
            assert other.load().tokens == new_tokens(number)
        assert not one.home.exists()
        (tmp_path / "away").rename(one.home)
        if number is None:
            assert one.load().tokens == new_tokens(2)
    assert [said for said in other.said if "will not be revoked" not in said] == []
    # What it holds stays there: no list names it, and `doctor` does.
    other.refresh(other.find(), lambda _: new_tokens(4))
    assert len(one.files()) == 1
    assert other.listed() == [("live", str(other.home))]


def test_a_sign_in_under_way_with_one_folder_is_left_alone_by_the_other(one: Home, other: Home) -> None:
    # Its lock is no sign: another user's lie in that user's state folder.
    other.new_vault().save_signin(new_tokens(1), SECOND)
    one.new_vault().prove()
    one.ledger.new_pending("signin", JOE.id)
    other.new_vault().clean_free()
    with one.ledger.database.reading() as rows:
        assert [entry.kind for entry in entries.list_in_state(rows, JOE.id, "pending")] == ["signin"]


def test_a_sign_in_under_way_with_one_folder_keeps_the_other_from_no_refresh(both: tuple[Home, Home]) -> None:
    one, other = both
    one.sign_in(1)
    one.store_name = "file"
    one.new_vault().prove()
    one.ledger.new_pending("signin", JOE.id)
    assert other.refresh(other.find(), lambda _: new_tokens(2)).tokens == new_tokens(2)


def test_what_came_into_force_meanwhile_is_not_ended(one: Home) -> None:
    ledger = one.ledger
    pending = ledger.new_pending("signin", JOE.id)
    with ledger.database.writing() as rows:
        entries.make_live(rows, pending, 1, None)
    recovery._make_dead(ledger, pending, is_lost=True)
    assert [state for state, _ in one.listed()] == ["live"]


def test_a_folder_that_has_gone_is_forgotten(one: Home, other: Home) -> None:
    account = one.sign_in(1)
    shutil.rmtree(one.home)
    other.sign_in(2)
    other.new_vault().sign_out(account)
    assert other.new_vault().clean(account)
    assert other.listed() == []
    assert [said for said in other.said if "will not be revoked" not in said] == []


@pytest.mark.parametrize("number", [2, None])
def test_a_folder_that_moved_after_a_refresh_was_killed_costs_a_refresh_at_most(
    tmp_path: Path, one: Home, number: int | None
) -> None:
    account = one.sign_in(1)
    leave_refresh(one, number)
    one.home.rename(tmp_path / "moved")
    moved = Home(tmp_path / "moved", database_path=one.database.path)
    assert moved.load().tokens == new_tokens(number or 1)
    assert moved.refresh(moved.find(), lambda _: new_tokens(3)).tokens == new_tokens(3)
    moved.now += DAY_S
    moved.new_vault().sign_out(account)
    assert moved.new_vault().clean(account)
    assert (moved.listed(), moved.files(), moved.said) == ([], [], [])


def test_a_copied_folder_leaves_an_interrupted_refresh_to_the_original(tmp_path: Path, one: Home) -> None:
    one.sign_in(1)
    shutil.copytree(one.home, tmp_path / "copy")
    leave_refresh(one)
    copy = Home(tmp_path / "copy", database_path=one.database.path)
    assert copy.new_vault().load(copy.find()) is None
    assert one.load().tokens == new_tokens(2)


def load_or_say_why(home: Home) -> None:
    if home.new_vault().load(home.find()) is None:
        raise home.accounts.new_not_signed_in_error(home.find())


@pytest.mark.parametrize(
    "place", ["'one'", "''", "'/a' || char(0) || 'b'", "place || '/../one'", "7", "x'00'"]
)
def test_a_place_that_somebody_made_up_leads_nowhere(
    one: Home, other: Home, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    one.sign_in(1)
    run_sql(one.database.path, f"UPDATE procore_login_entries SET place = {place}")
    before = {path: stat.S_IMODE(path.lstat().st_mode) for path in one.home.rglob("*")}
    with pytest.raises(NotSignedInError):
        load_or_say_why(other)
    # Our own folder comes first, whatever stands there.
    assert one.load().tokens == new_tokens(1)
    other.sign_in(2)
    assert before == {path: stat.S_IMODE(path.lstat().st_mode) for path in one.home.rglob("*")}


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("first", ["one", "other", "first"])
def test_an_accounts_lock_is_the_same_for_both_folders(tmp_path: Path, database: str, first: str) -> None:
    # A data folder is known by its locks: the first use of that one comes first.
    (tmp_path / "one").mkdir(mode=0o700)
    if database != "test.db":
        Home(tmp_path / "one", database_path=tmp_path / database).sign_in(1)
    Home(tmp_path / first, database_path=tmp_path / database).sign_in(1)
    shutil.rmtree(tmp_path / "first", ignore_errors=True)
    one, other = (
        Home(tmp_path / "one", database_path=tmp_path / database),
        Home(tmp_path / "other", database_path=tmp_path / database),
    )
    with one.new_vault()._locks.hold(JOE.id), other.new_vault()._locks.try_hold(JOE.id) as held:
        assert not held
    with other.new_vault()._locks.hold(None), one.new_vault()._locks.try_hold(None) as held:
        assert not held


@pytest.mark.parametrize("home", ["one", "other"])
def test_the_locks_of_a_database_in_a_data_folder_lie_there_whoever_names_it(
    tmp_path: Path, own_world: Path, home: str
) -> None:
    Home(tmp_path / "one", database_path=tmp_path / "one" / "production.db").sign_in(1)
    before = set((tmp_path / "one" / "locks").iterdir())
    (tmp_path / "link").symlink_to(tmp_path / "one")
    Home(tmp_path / home, database_path=tmp_path / "link" / "production.db").new_vault().prove()
    assert set((tmp_path / "one" / "locks").iterdir()) == before
    assert not (own_world / ".local" / "state").exists()


def test_the_locks_of_a_database_elsewhere_lie_in_the_state_folder(
    one: Home, own_world: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one.sign_in(1)
    state = own_world / ".local" / "state" / "procore-login"
    assert stat.S_IMODE(state.stat().st_mode) == stat.S_IMODE((state / "locks").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in (state / "locks").iterdir()] == [0o600] * 2
    assert not (one.home / "locks").exists()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    one.sign_in(1)
    assert len(list((tmp_path / "state" / "procore-login" / "locks").iterdir())) == 2


def test_a_folder_whose_locks_are_none_of_ours_gets_none(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "locks").mkdir(parents=True)
    (project / "locks" / "web.lock").write_text("")
    project.chmod(0o755)
    Home(tmp_path / "one", database_path=project / "test.db").sign_in(1)
    assert [path.name for path in (project / "locks").iterdir()] == ["web.lock"]
    assert sorted(path.name for path in project.iterdir()) == ["locks", "test.db"]
    assert stat.S_IMODE(project.stat().st_mode) == 0o755
    # One that is missing is not made.
    with pytest.raises(DatabaseError, match="No such file"):
        Home(tmp_path / "one", database_path=tmp_path / "gone" / "test.db").sign_in(1)
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(("is_there", "said"), [(True, r"state.*cannot be used"), (False, "no state folder")])
def test_a_state_folder_that_cannot_be_used_is_named(
    one: Home, own_world: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool, said: str
) -> None:
    if is_there:
        (own_world / ".local").mkdir()
        (own_world / ".local" / "state").write_text("a file")
    else:
        monkeypatch.setattr("platformdirs.user_state_dir", lambda *_, **__: "~/.local/state/procore-login")
    with pytest.raises(DataFolderError, match=said) as failure:
        one.sign_in(1)
    assert "XDG_STATE_HOME" in failure.value.hint


# A data folder that was moved or copied, with the database in it


def test_a_moved_data_folder_works_as_before(tmp_path: Path) -> None:
    home = Home(tmp_path / "old")
    home.sign_in(1)
    home.sign_in(2, SECOND)
    home.home.rename(tmp_path / "new")
    moved = Home(tmp_path / "new")
    assert moved.load().tokens == new_tokens(2)
    moved.refresh(moved.find(), lambda _: new_tokens(3))
    assert moved.load().tokens == new_tokens(3)
    assert len(moved.files()) == 2
    assert moved.said == []
    assert not home.home.exists()


def test_a_copied_data_folder_leaves_the_original_alone(tmp_path: Path) -> None:
    home, copy = Home(tmp_path / "old"), Home(tmp_path / "copy")
    home.sign_in(1)
    shutil.copytree(home.home, copy.home)
    copy.refresh(copy.find(), lambda _: new_tokens(2))
    assert copy.load().tokens == new_tokens(2)
    assert home.load().tokens == new_tokens(1)
    assert (len(home.files()), len(copy.files())) == (1, 1)


def test_a_data_folder_whose_name_no_database_holds_is_not_noted(tmp_path: Path) -> None:
    assert new_place(tmp_path / "caf\udce9") is None
    assert new_place(tmp_path / "caf\u00e9") == str(tmp_path / "caf\u00e9")
