"""Proof, sign-in, reading and sign-out, over both stores."""

from __future__ import annotations

import pytest

from procore_cli.errors import KeyringError, NotSignedInError
from procore_cli.models import Me
from procore_cli.storage import entries, files
from procore_cli.storage.files import TOKENS_USERNAME, SecretStore, new_part_service
from procore_cli.storage.store import SignedOut
from procore_cli.threads import Limits
from tests.store.store_world import JOE, NOW, SECOND, World, new_tokens, raising, run_sql, set_fault

DAY_S = 24 * 60 * 60


def test_a_proof_is_as_large_as_a_token_set_and_leaves_nothing_behind(
    either_world: World, saves: list[tuple[str, str]]
) -> None:
    either_world.new_vault().prove()
    ((service, text),) = saves
    assert service.startswith("procore-login/production/")
    assert len(text) == pytest.approx(files.PART_CHARS, abs=4)
    assert (either_world.list_entries(None), either_world.count_secrets()) == ([], 0)


@pytest.mark.parametrize(
    "fault", ["missing", "locked", "fail-at-write", "forget-write", "tear-write", "hang"]
)
def test_a_proof_fails_with_the_keyring_and_lists_nothing(keyring_world: World, fault: str) -> None:
    hangs = fault == "hang"
    keyring_world.limits = Limits(notice_s=0.01, give_up_s=0.05) if hangs else Limits()
    set_fault(fault)
    with pytest.raises(KeyringError, match="given up" if hangs else None):
        keyring_world.new_vault().prove()
    assert (keyring_world.list_entries(None), keyring_world.count_secrets()) == ([], 0)
    assert keyring_world.said == ["Waiting for the keyring ..."] * hangs


def test_a_proof_fails_if_its_value_cannot_be_deleted(keyring_world: World) -> None:
    set_fault("fail-at-delete")
    with pytest.raises(KeyringError, match="delete"):
        keyring_world.new_vault().prove()
    set_fault()
    keyring_world.new_vault().prove()
    assert keyring_world.count_secrets() == 0


def test_a_proof_that_was_given_up_is_remembered_for_a_day(
    keyring_world: World, keyring_entries: dict[tuple[str, str], str]
) -> None:
    world = keyring_world
    world.limits = Limits(notice_s=0.05, give_up_s=0.1)
    # The keyring answers at first, and hangs at the write.
    world.tick = lambda: set_fault("hang" if world.list_entries(None) else "")
    with pytest.raises(KeyringError, match="given up"):
        world.new_vault().prove()
    world.tick = lambda: None
    (entry,) = world.list_entries(None)
    assert (entry.state, entry.forget_after) == ("dead", NOW + DAY_S)
    # Deleting would have taken as long again.
    assert world.said == ["Waiting for the keyring ..."]
    set_fault()
    world.limits = Limits()
    world.new_vault().prove()
    assert [e.name for e in world.list_entries(None)] == [entry.name]
    # The write lands after all, hours later.
    keyring_entries[new_part_service("production", entry.name, 1), TOKENS_USERNAME] = "late"
    world.now = NOW + DAY_S
    world.new_vault().prove()
    assert (world.list_entries(None), keyring_entries) == ([], {})


# A larger one than Windows takes in one entry is kept in parts.
@pytest.mark.parametrize(("size", "parts"), [(520, 1), (6000, 5)])
def test_a_sign_in_can_be_loaded_by_the_next_run(either_world: World, size: int, parts: int) -> None:
    saved = either_world.new_vault().save_signin(new_tokens(1, size), JOE)
    account = either_world.find()
    loaded = either_world.load(account)
    assert (saved.is_new, saved.former, saved.switched_from) == (True, None, None)
    assert (account.user, account.name) == (saved.account.user, "Joe Contractor")
    assert loaded.tokens == new_tokens(1, size)
    (entry,) = either_world.list_entries()
    assert (entry.name, entry.kind, entry.store) == (loaded.generation, "signin", either_world.store_name)
    assert entry.expires_at == NOW + 5400
    assert either_world.count_secrets() == parts
    again = either_world.new_vault().save_signin(new_tokens(2), JOE)
    assert (again.is_new, again.former) == (False, new_tokens(1, size))
    assert either_world.load(either_world.find()).tokens == new_tokens(2)
    assert len(either_world.list_entries()) == either_world.count_secrets() == 1


def test_a_sign_in_names_the_account_that_was_current_before(world: World) -> None:
    joe = world.sign_in(1, JOE)
    assert world.new_vault().save_signin(new_tokens(2), SECOND).switched_from == joe
    assert world.new_vault().save_signin(new_tokens(3), SECOND).switched_from is None


def test_an_unreadable_former_token_set_does_not_keep_anybody_out(world: World) -> None:
    world.sign_in(1)
    for path in (world.home / "secrets").iterdir():
        path.write_text("garbage")
    assert world.new_vault().save_signin(new_tokens(2), JOE).former is None
    assert world.count_secrets() == 1


@pytest.mark.parametrize("fault", ["locked", "forget-write", "tear-write"])
def test_a_failed_write_leaves_what_was_there_as_it_was(keyring_world: World, fault: str) -> None:
    joe = keyring_world.sign_in(1)
    rows = run_sql(keyring_world.database.path, "SELECT * FROM users")
    set_fault(fault)
    for who in (Me(JOE.id, "second@example.com", None), SECOND):
        with pytest.raises(KeyringError):
            keyring_world.new_vault().save_signin(new_tokens(2), who)
    set_fault()
    assert keyring_world.find() == joe
    assert run_sql(keyring_world.database.path, "SELECT * FROM users") == rows
    assert keyring_world.load(joe).tokens == new_tokens(1)
    keyring_world.new_vault().clean_free()
    assert len(keyring_world.list_entries()) == keyring_world.count_secrets() == 1


def test_entries_stay_in_the_store_that_they_were_written_to(
    keyring_world: World, keyring_entries: object
) -> None:
    joe = keyring_world.sign_in(1)
    keyring_world.store_name = "file"
    assert keyring_world.load(joe).tokens == new_tokens(1)
    keyring_world.refresh(joe)
    assert keyring_entries == {}
    assert [entry.store for entry in keyring_world.list_entries()] == ["file"]


def test_a_former_store_that_is_gone_does_not_keep_anybody_out(
    keyring_world: World, keyring_entries: object
) -> None:
    keyring_world.sign_in(1)
    keyring_world.store_name = "file"
    set_fault("missing")
    assert keyring_world.new_vault().save_signin(new_tokens(2), JOE).former is None
    assert any("could not be deleted yet" in line for line in keyring_world.said)
    set_fault()
    keyring_world.sign_in(3)
    assert keyring_entries == {}
    assert len(keyring_world.list_entries()) == 1


def test_a_store_that_deletes_nothing_is_asked_and_spoken_of_once_a_run(keyring_world: World) -> None:
    set_fault("fail-at-delete")
    for number in (1, 2, 3):
        keyring_world.sign_in(number)
    assert keyring_world.states() == ["live", "dead", "dead"]
    keyring_world.said.clear()
    keyring_world.sign_in(4)
    (said,) = keyring_world.said
    assert "could not be deleted yet" in said
    set_fault()
    keyring_world.sign_in(5)
    assert keyring_world.states() == ["live"]


def test_a_name_that_waits_for_a_late_write_is_deleted_once_and_again_a_day_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    joe = world.sign_in(1)
    with pytest.raises(KeyboardInterrupt):
        world.refresh(joe, raising(KeyboardInterrupt()))
    assert world.load(joe).tokens == new_tokens(1)
    (late,) = [entry for entry in world.list_entries() if entry.state == "dead"]
    assert late.forget_after == NOW + DAY_S
    deleted: list[str] = []
    real = files.delete_text

    def delete_text(store: SecretStore, environment: str, name: str, count: int | None) -> None:
        deleted.append(name)
        real(store, environment, name, count)

    monkeypatch.setattr(files, "delete_text", delete_text)
    world.new_vault().clean_free()
    world.new_vault().clean(joe)
    assert deleted == []
    with world.database.reading() as rows:
        assert entries.list_unfinished(rows, NOW + DAY_S - 1) == []
        assert entries.list_unfinished(rows, NOW + DAY_S) == [JOE.id]
    # It lands after all.
    world.stores("file").save(new_part_service("production", late.name, 7), TOKENS_USERNAME, "late")
    world.now += DAY_S
    world.new_vault().clean_free()
    assert deleted == [late.name]
    assert len(world.list_entries()) == world.count_secrets() == 1


def test_tokens_that_the_store_lost_are_said_to_be_lost(either_world: World) -> None:
    joe = either_world.sign_in(1)
    (entry,) = either_world.list_entries()
    store = either_world.stores(either_world.store_name)
    store.delete(new_part_service("production", entry.name, 1), TOKENS_USERNAME)
    with pytest.raises(NotSignedInError, match=r"not in the (file|keyring) store any more") as failure:
        either_world.load(joe)
    assert "procore-login signin --env production" in failure.value.hint


def test_a_reader_whose_entry_goes_reads_the_row_again_without_the_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    joe = world.sign_in(1)
    real = files.load_text
    calls = 0

    def replace_meanwhile(store: SecretStore, environment: str, name: str) -> str | None:
        nonlocal calls
        calls += 1
        monkeypatch.setattr(files, "load_text", real)
        World(world.home, lock_scope=world.home / "elsewhere.db").sign_in(1 + calls)
        if calls < 2:
            monkeypatch.setattr(files, "load_text", replace_meanwhile)
        return real(store, environment, name)

    monkeypatch.setattr(files, "load_text", replace_meanwhile)
    world.lock_timeout_s = 0
    with world.locks.hold(JOE.id):
        assert world.load(joe).tokens == new_tokens(3)
    assert calls == 2


def test_a_sign_out_gives_the_tokens_back_and_keeps_the_row(either_world: World) -> None:
    joe = either_world.sign_in(1)
    vault = either_world.new_vault()
    # Neither a reader nor a sign-out needs the lock.
    with either_world.locks.hold(JOE.id):
        assert either_world.load(joe).tokens == new_tokens(1)
        assert vault.sign_out(joe).tokens == new_tokens(1)
    assert either_world.accounts.find_account() is None
    assert vault.load(joe) is None
    assert either_world.states() == ["dead"]
    assert vault.sign_out(joe) == SignedOut(None, was_live=False)
    assert vault.clean(joe)
    assert (either_world.list_entries(), either_world.count_secrets()) == ([], 0)
    assert either_world.find("11111") == joe


def test_cleaning_does_not_wait_for_a_lock_whose_holder_has_cleaned(world: World) -> None:
    joe = world.sign_in(1)
    left = world.new_vault().sign_out(joe)

    def clean_elsewhere(_: float) -> None:
        World(world.home, lock_scope=world.home / "elsewhere.db").new_vault().clean(joe, left)

    world.sleep = clean_elsewhere
    with world.locks.hold(JOE.id):
        assert world.new_vault().clean(joe, left)
    assert world.count_secrets() == 0


def test_a_keyring_that_fails_is_not_a_lost_entry_and_a_sign_out_counts_all_the_same(
    keyring_world: World, keyring_entries: object
) -> None:
    joe = keyring_world.sign_in(1)
    set_fault("locked")
    with pytest.raises(KeyringError):
        keyring_world.new_vault().load(joe)
    left = keyring_world.new_vault().sign_out(joe)
    assert left.tokens is None
    assert isinstance(left.unread, KeyringError)
    assert not keyring_world.new_vault().clean(joe, left)
    set_fault()
    assert keyring_world.new_vault().load(joe) is None
    assert keyring_world.accounts.find_account() is None
    assert keyring_world.new_vault().clean(joe, left)
    assert keyring_entries == {}


def test_a_sign_out_while_a_refresh_saves_gives_the_newest_tokens_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    real = files.load_text

    def refresh_meanwhile(store: SecretStore, environment: str, name: str) -> str | None:
        text = real(store, environment, name)
        monkeypatch.setattr(files, "load_text", real)
        world.refresh(joe, seen=seen)
        return text

    monkeypatch.setattr(files, "load_text", refresh_meanwhile)
    assert world.new_vault().sign_out(joe).tokens == new_tokens(2)
    assert world.new_vault().load(joe) is None


def test_saving_cleans_the_other_accounts_whose_locks_are_free(world: World) -> None:
    joe = world.sign_in(1, JOE)
    world.new_vault().sign_out(joe)
    with world.locks.hold(JOE.id):
        second = world.sign_in(2, SECOND)
    assert world.states() == ["dead"]
    world.new_vault().clean_free()
    assert world.list_entries(JOE) == []
    assert world.load(second).tokens == new_tokens(2)
    world.new_vault().sign_out(world.sign_in(3, JOE))
    world.sign_in(4, SECOND)
    assert world.list_entries(JOE) == []
    assert world.count_secrets() == 1


def test_environments_in_one_file_have_their_own_sessions_and_entries(world: World) -> None:
    world.database_path = world.home.parent / "test.db"
    joe = world.sign_in(1)
    world.environment = "sandbox"
    assert world.accounts.find_account() is None
    assert world.new_vault().load(joe) is None
    world.sign_in(2)
    world.sign_in(3, SECOND)
    world.new_vault().sign_out(joe)
    world.new_vault().clean(joe)
    world.environment = "production"
    assert world.find() == joe
    assert world.load(joe).tokens == new_tokens(1)
    with world.database.reading() as rows:
        assert entries.list_unfinished(rows, NOW) == []
