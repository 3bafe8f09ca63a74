"""Who is known, who is current, and who is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from procore_cli.errors import NotSignedInError, UnknownAccountError
from procore_cli.models import Me
from procore_cli.storage.local_accounts import list_known_in
from tests.store.databases import new_tutorial_file
from tests.store.store_world import JOE, NOW, SECOND, World, run_sql

SEVENTH = "INSERT INTO users (procore_id, email) VALUES (7, 'seventh@example.com')"
COPY = "INSERT INTO users VALUES (50, 11111, 'copy@example.com')"


@pytest.mark.parametrize(
    "who", ["joecontractor@procore.com", "JoeContractor@PROCORE.com", "11111", " 11111 "]
)
def test_an_account_is_meant_by_its_email_or_its_id(world: World, who: str) -> None:
    world.sign_in(1, JOE)
    world.sign_in(2, SECOND)
    account = world.find(who)
    assert (account.user.procore_id, account.name) == (11111, "Joe Contractor")


# The last one is a later row of the same person's.
@pytest.mark.parametrize(
    "who", ["stranger@example.com", "1", "", "99999999999999999999999999", "copy@example.com"]
)
def test_an_unknown_account_is_refused_with_the_candidates(world: World, who: str) -> None:
    assert world.accounts.find_account() is None
    assert world.accounts.list_accounts() == []
    with pytest.raises(UnknownAccountError, match="No account is known"):
        world.accounts.find_account("11111")
    world.sign_in(1, JOE)
    run_sql(world.database.path, COPY)
    with pytest.raises(UnknownAccountError) as failure:
        world.accounts.find_account(who)
    assert failure.value.exit_code == 2
    assert "joecontractor@procore.com (11111)" in failure.value.message
    assert "production" in failure.value.message


def test_an_ambiguous_email_is_refused_with_the_candidates(world: World) -> None:
    world.sign_in(1, JOE)
    world.sign_in(2, SECOND._replace(login=JOE.login))
    with pytest.raises(UnknownAccountError, match=r"more than one.*11111.*22222") as failure:
        world.accounts.find_account(JOE.login)
    assert failure.value.exit_code == 2


def test_many_candidates_are_cut_short(world: World) -> None:
    with world.database.writing() as rows:
        for number in range(30):
            rows.run("INSERT INTO users (procore_id) VALUES (?)", (number,))
    with pytest.raises(UnknownAccountError, match=r"no e-mail \(10\), \.\.\.\.$"):
        world.accounts.find_account("nobody@example.com")


def test_a_row_that_nobody_signed_in_to_can_be_meant_and_is_not_known(world: World) -> None:
    world.sign_in(1, JOE)
    run_sql(world.database.path, SEVENTH)
    account = world.find("seventh@example.com")
    assert (account.name, account.failures) == (None, 0)
    assert world.new_vault().load(account) is None
    with pytest.raises(NotSignedInError):
        world.accounts.find_live(account)
    assert [listed.account.user.procore_id for listed in world.accounts.list_known()] == [11111]
    assert [listed.account.user.procore_id for listed in world.accounts.list_accounts()] == [11111, 7]
    assert [account.name for account in world.accounts.list_signed_in()] == ["Joe Contractor"]


def test_the_list_says_who_is_current_and_who_is_signed_in(world: World) -> None:
    joe = world.sign_in(1, JOE)
    second = world.sign_in(2, SECOND)
    assert world.accounts.switch(joe)
    assert world.find() == joe
    assert world.accounts.switch(second)
    # When a token ends is found without its secret, wherever that lies.
    world.store_name = "keyring"
    assert world.accounts.find_live(joe).expires_at == NOW + 5400
    world.new_vault().sign_out(joe)
    assert not world.accounts.switch(joe)
    assert world.find() == second
    assert [
        (one.account.user.email, one.is_current, one.is_signed_in, one.expires_at)
        for one in world.accounts.list_accounts()
    ] == [(JOE.login, False, False, None), (SECOND.login, True, True, NOW + 5400)]


def test_a_session_on_a_duplicate_row_is_its_persons(world: World) -> None:
    joe = world.sign_in(1, JOE)
    run_sql(world.database.path, COPY, "UPDATE procore_login_session SET user_id = 50")
    assert world.find() == joe
    # One whose row another program deleted is nobody's.
    run_sql(world.database.path, "DELETE FROM users")
    assert world.accounts.find_account() is None


def test_a_new_email_or_name_is_remembered_and_what_is_known_is_not_written(world: World) -> None:
    joe = world.sign_in(1, JOE)
    before = world.database.path.read_bytes()
    assert world.accounts.remember(joe, JOE) == joe
    assert world.database.path.read_bytes() == before
    account = world.accounts.remember(joe, Me(11111, "second@example.com", None))
    assert (account.user.email, account.name) == ("second@example.com", None)
    assert world.find() == account


def test_an_email_that_only_unicode_takes_for_the_same_is_found(world: World) -> None:
    umlaut = world.sign_in(1, JOE._replace(login="JÖRG@example.com"))
    assert world.accounts.find_account("jörg@example.com") == umlaut


def test_a_look_for_a_greeting_leaves_nothing_beside_a_file_in_wal_mode(world: World) -> None:
    world.sign_in(1, JOE)
    run_sql(world.database.path, "PRAGMA journal_mode = WAL")
    before = set(world.home.iterdir())
    (listed,) = list_known_in(world.database.path, "production", world.home) or []
    assert listed.account.user.procore_id == JOE.id
    assert set(world.home.iterdir()) == before


def test_a_look_for_a_greeting_changes_no_byte_of_another_programs_file(tmp_path: Path) -> None:
    path = new_tutorial_file(tmp_path)
    run_sql(path, "INSERT INTO users VALUES (1, 11111, 'joecontractor@procore.com')")
    before = path.read_bytes()
    assert list_known_in(path, "production", tmp_path / "home") == []
    assert path.read_bytes() == before
