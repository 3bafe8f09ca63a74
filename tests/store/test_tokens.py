"""Proof, sign-in, reading and sign-out, over both stores."""

from __future__ import annotations

import pytest

from procore_cli.errors import KeyringError, NotSignedInError
from procore_cli.grants import TokenSet
from procore_cli.models import Me
from procore_cli.storage import entries, files
from procore_cli.storage.files import SecretStore
from procore_cli.storage.tokens import SignedOut
from procore_cli.threads import Limits
from tests import memory_keyring
from tests.store.store_world import JOE, NOW, SECOND, World, new_tokens, run_sql

DAY_S = 24 * 60 * 60


def test_a_proof_leaves_nothing_behind(either_world: World) -> None:
    either_world.new_vault().prove()
    assert either_world.list_entries(None) == []
    assert either_world.count_secrets() == 0


def test_a_proof_is_as_large_as_a_token_set(
    world: World, keyring_entries: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    put = memory_keyring.MemoryKeyring.put

    def measure(self: memory_keyring.MemoryKeyring, service: str, username: str, password: str) -> None:
        assert service.startswith("procore-login/production/")
        sizes.append(len(password))
        put(self, service, username, password)

    monkeypatch.setattr(memory_keyring.MemoryKeyring, "put", measure)
    world.store_name = "keyring"
    world.new_vault().prove()
    assert sizes == [pytest.approx(files.PART_CHARS, abs=4)]


@pytest.mark.parametrize("fault", ["missing", "locked", "fail-at-write", "forget-write", "tear-write"])
def test_a_proof_fails_with_the_keyring_and_lists_nothing(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    world.store_name = "keyring"
    monkeypatch.setenv("TEST_KEYRING_FAULT", fault)
    with pytest.raises(KeyringError):
        world.new_vault().prove()
    assert world.list_entries(None) == []
    assert world.count_secrets() == 0
    assert world.said == []


def test_a_proof_fails_if_its_value_cannot_be_deleted(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    monkeypatch.setenv("TEST_KEYRING_FAULT", "fail-at-delete")
    with pytest.raises(KeyringError, match="delete"):
        world.new_vault().prove()
    monkeypatch.delenv("TEST_KEYRING_FAULT")
    world.new_vault().prove()
    assert world.count_secrets() == 0


def test_a_proof_that_hangs_from_the_start_lists_nothing(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    world.limits = Limits(notice_s=0.01, give_up_s=0.05)
    monkeypatch.setenv("TEST_KEYRING_FAULT", "hang")
    with pytest.raises(KeyringError, match="given up"):
        world.new_vault().prove()
    assert world.list_entries(None) == []


def test_a_proof_that_was_given_up_is_remembered_for_a_day(
    world: World, keyring_entries: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    world.limits = Limits(notice_s=0.05, give_up_s=0.1)
    # The keyring answers at first, and hangs at the write.
    world.tick = lambda: monkeypatch.setenv("TEST_KEYRING_FAULT", "hang" if world.list_entries(None) else "")
    with pytest.raises(KeyringError, match="given up"):
        world.new_vault().prove()
    world.tick = lambda: None
    (entry,) = world.list_entries(None)
    assert (entry.state, entry.forget_after) == ("dead", NOW + DAY_S)
    # Deleting would have taken as long again.
    assert world.said == ["Waiting for the keyring ..."]
    monkeypatch.delenv("TEST_KEYRING_FAULT")
    world.limits = Limits()
    world.new_vault().prove()
    assert [e.name for e in world.list_entries(None)] == [entry.name]
    # The write lands after all, hours later.
    keyring_entries[files.new_part_service("production", entry.name, 1), files.TOKENS_USERNAME] = "late"
    world.now = NOW + DAY_S
    world.new_vault().prove()
    assert world.list_entries(None) == []
    assert keyring_entries == {}


def test_a_sign_in_can_be_loaded_by_the_next_run(either_world: World) -> None:
    saved = either_world.new_vault().save_signin(new_tokens(1), JOE)
    account = either_world.accounts.find_account()
    assert account is not None
    loaded = either_world.load(account)
    assert (saved.is_new, saved.former, saved.switched_from) == (True, None, None)
    assert (account.user, account.name) == (saved.user, "Joe Contractor")
    assert loaded.tokens == new_tokens(1)
    assert (loaded.entry.kind, loaded.entry.store) == ("signin", either_world.store_name)
    assert loaded.entry.expires_at == NOW + 5400


def test_a_token_set_larger_than_windows_takes_in_one_entry_is_kept(either_world: World) -> None:
    large = new_tokens(1, size=6000)
    either_world.new_vault().save_signin(large, JOE)
    account = either_world.accounts.find_account()
    assert account is not None
    assert either_world.load(account).tokens == large
    assert either_world.count_secrets() == 5
    either_world.sign_in(2)
    assert either_world.count_secrets() == 1


def test_a_second_sign_in_gives_the_former_tokens_back_and_replaces_them(either_world: World) -> None:
    either_world.sign_in(1)
    saved = either_world.new_vault().save_signin(new_tokens(2), JOE)
    assert (saved.is_new, saved.former) == (False, new_tokens(1))
    account = either_world.accounts.find_account()
    assert account is not None
    assert either_world.load(account).tokens == new_tokens(2)
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
def test_a_failed_write_leaves_the_former_sign_in_as_it_was(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    world.store_name = "keyring"
    joe = world.sign_in(1)
    monkeypatch.setenv("TEST_KEYRING_FAULT", fault)
    with pytest.raises(KeyringError):
        world.new_vault().save_signin(new_tokens(2), Me(JOE.id, "second@example.com", None))
    monkeypatch.delenv("TEST_KEYRING_FAULT")
    assert world.accounts.find_account() == joe
    assert world.load(joe).tokens == new_tokens(1)
    world.new_vault().clean_free()
    assert len(world.list_entries()) == world.count_secrets() == 1


def test_a_failed_write_of_a_first_sign_in_makes_no_row(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    monkeypatch.setenv("TEST_KEYRING_FAULT", "forget-write")
    with pytest.raises(KeyringError):
        world.new_vault().save_signin(new_tokens(1), JOE)
    assert world.accounts.list_accounts() == []
    assert run_sql(world.database.path, "SELECT count(*) FROM users") == [(0,)]


def test_entries_stay_in_the_store_that_they_were_written_to(world: World, keyring_entries: object) -> None:
    world.store_name = "keyring"
    joe = world.sign_in(1)
    world.store_name = "file"
    assert world.load(joe).tokens == new_tokens(1)
    world.refresh(joe)
    assert keyring_entries == {}
    assert world.load(joe).entry.store == "file"


def test_a_former_store_that_is_gone_does_not_keep_anybody_out(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    world.sign_in(1)
    world.store_name = "file"
    monkeypatch.setenv("TEST_KEYRING_FAULT", "missing")
    saved = world.new_vault().save_signin(new_tokens(2), JOE)
    assert saved.former is None
    assert any("could not be deleted yet" in line for line in world.said)
    monkeypatch.delenv("TEST_KEYRING_FAULT")
    world.sign_in(3)
    assert keyring_entries == {}
    assert len(world.list_entries()) == 1


def test_a_store_that_deletes_nothing_is_asked_and_spoken_of_once_a_run(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    monkeypatch.setenv("TEST_KEYRING_FAULT", "fail-at-delete")
    for number in (1, 2, 3):
        world.sign_in(number)
    assert [entry.state for entry in world.list_entries()] == ["live", "dead", "dead"]
    world.said.clear()
    world.sign_in(4)
    assert len(world.said) == 1
    assert "could not be deleted yet" in world.said[0]
    monkeypatch.delenv("TEST_KEYRING_FAULT")
    world.sign_in(5)
    assert [entry.state for entry in world.list_entries()] == ["live"]


def test_a_name_that_waits_for_a_late_write_is_deleted_once_and_again_a_day_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    joe = world.sign_in(1)

    def exchange(_: TokenSet) -> TokenSet:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.refresh(joe, exchange)
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
    world.stores("file").save(
        files.new_part_service("production", late.name, 7), files.TOKENS_USERNAME, "late"
    )
    world.now += DAY_S
    world.new_vault().clean_free()
    assert deleted == [late.name]
    assert len(world.list_entries()) == world.count_secrets() == 1


def test_a_reader_takes_no_lock(world: World) -> None:
    joe = world.sign_in(1)
    with world.locks.hold(JOE.id):
        assert world.load(joe).tokens == new_tokens(1)


def test_tokens_that_the_store_lost_are_said_to_be_lost(either_world: World) -> None:
    joe = either_world.sign_in(1)
    store = either_world.stores(either_world.store_name)
    store.delete(
        files.new_part_service("production", either_world.list_entries()[0].name, 1), files.TOKENS_USERNAME
    )
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
        loaded = world.load(joe)
    assert loaded.tokens == new_tokens(3)
    assert calls == 2


def test_a_keyring_that_fails_is_not_a_lost_entry(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    joe = world.sign_in(1)
    monkeypatch.setenv("TEST_KEYRING_FAULT", "locked")
    with pytest.raises(KeyringError):
        world.new_vault().load(joe)


def test_a_sign_out_gives_the_tokens_back_and_keeps_the_row(either_world: World) -> None:
    joe = either_world.sign_in(1)
    vault = either_world.new_vault()
    assert vault.sign_out(joe).tokens == new_tokens(1)
    assert either_world.accounts.find_account() is None
    assert vault.load(joe) is None
    assert [entry.state for entry in either_world.list_entries()] == ["dead"]
    assert vault.clean(joe)
    assert either_world.list_entries() == []
    assert either_world.count_secrets() == 0
    assert either_world.accounts.find_account("11111") == joe


def test_signing_out_twice_gives_nothing_back(world: World) -> None:
    joe = world.sign_in(1)
    world.new_vault().sign_out(joe)
    assert world.new_vault().sign_out(joe) == SignedOut(None)


def test_signing_somebody_else_out_leaves_the_session(world: World) -> None:
    joe = world.sign_in(1, JOE)
    second = world.sign_in(2, SECOND)
    world.new_vault().sign_out(joe)
    assert world.accounts.find_account() == second


def test_a_sign_out_needs_no_lock(world: World) -> None:
    joe = world.sign_in(1)
    with world.locks.hold(JOE.id):
        assert world.new_vault().sign_out(joe).tokens == new_tokens(1)


def test_cleaning_does_not_wait_for_a_lock_whose_holder_has_cleaned(world: World) -> None:
    joe = world.sign_in(1)
    left = world.new_vault().sign_out(joe)

    def clean_elsewhere(_: float) -> None:
        World(world.home, lock_scope=world.home / "elsewhere.db").new_vault().clean(joe, left)

    world.sleep = clean_elsewhere
    with world.locks.hold(JOE.id):
        assert world.new_vault().clean(joe, left)
    assert world.count_secrets() == 0


def test_a_sign_out_counts_even_if_the_keyring_fails(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    joe = world.sign_in(1)
    monkeypatch.setenv("TEST_KEYRING_FAULT", "locked")
    left = world.new_vault().sign_out(joe)
    assert left.tokens is None
    assert isinstance(left.unread, KeyringError)
    assert not world.new_vault().clean(joe, left)
    monkeypatch.delenv("TEST_KEYRING_FAULT")
    assert world.new_vault().load(joe) is None
    assert world.accounts.find_account() is None
    assert world.new_vault().clean(joe, left)
    assert keyring_entries == {}


def test_a_sign_out_while_a_refresh_saves_gives_the_newest_tokens_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    real = files.load_text

    def refresh_meanwhile(store: object, environment: str, name: str) -> str | None:
        text = real(store, environment, name)  # type: ignore[arg-type]
        monkeypatch.setattr(files, "load_text", real)
        world.refresh(joe, seen=seen)
        return text

    monkeypatch.setattr(files, "load_text", refresh_meanwhile)
    left = world.new_vault().sign_out(joe)
    assert left.tokens == new_tokens(2)
    assert world.new_vault().load(joe) is None


def test_saving_cleans_the_other_accounts_whose_locks_are_free(world: World) -> None:
    joe = world.sign_in(1, JOE)
    world.new_vault().sign_out(joe)
    with world.locks.hold(JOE.id):
        world.sign_in(2, SECOND)
    assert [entry.state for entry in world.list_entries(JOE)] == ["dead"]
    world.sign_in(3, SECOND)
    assert world.list_entries(JOE) == []
    assert world.count_secrets() == 1


def test_cleaning_what_is_free_leaves_what_is_live(world: World) -> None:
    joe = world.sign_in(1, JOE)
    second = world.sign_in(2, SECOND)
    world.new_vault().sign_out(joe)
    world.new_vault().clean_free()
    assert world.list_entries(JOE) == []
    assert world.load(second).tokens == new_tokens(2)


def test_no_secret_stands_in_the_database(world: World) -> None:
    world.sign_in(1)
    raw = world.database.path.read_bytes()
    assert b"access-1" not in raw
    assert b"refresh-1" not in raw


def test_nothing_is_deleted_of_another_environment(world: World) -> None:
    world.database_path = world.home.parent / "test.db"
    joe = world.sign_in(1)
    world.environment = "sandbox"
    world.sign_in(2)
    world.new_vault().sign_out(joe)
    world.new_vault().clean(joe)
    world.environment = "production"
    assert world.load(joe).tokens == new_tokens(1)
    with world.database.reading() as rows:
        assert entries.list_unfinished(rows, NOW) == []
