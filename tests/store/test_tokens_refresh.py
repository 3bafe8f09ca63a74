"""One refresh: what is sent, what is saved, what is recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from procore_cli import errors
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage.entries import Entry, EntryStore
from procore_cli.threads import Limits
from tests.store import store_world
from tests.store.store_world import JOE, NOW, World, never, new_tokens, raising, run_sql, set_fault

REFUSED = raising(errors.GrantRefusedError("Refused."))


def assert_refused(world: World, joe: Account) -> str:
    """Trying once with what is there ends with exit code 4; returns what is said."""
    with pytest.raises(errors.RefreshRefusedError) as failure:
        world.refresh(joe, REFUSED)
    assert failure.value.exit_code == 4
    return f"{failure.value.message} {failure.value.hint}"


def test_new_tokens_are_saved_and_the_former_ones_deleted(either_world: World) -> None:
    joe = either_world.sign_in(1)
    sent: list[TokenSet] = []

    def exchange(tokens: TokenSet) -> TokenSet:
        sent.append(tokens)
        return new_tokens(2)

    loaded = either_world.refresh(joe, exchange)
    assert sent == [new_tokens(1)]
    assert loaded.tokens == new_tokens(2)
    assert loaded.issued_at == NOW
    assert either_world.load(joe) == loaded
    assert len(either_world.list_entries()) == either_world.count_secrets() == 1


def test_an_answer_without_a_refresh_token_keeps_the_old_one(world: World) -> None:
    loaded = world.refresh(world.sign_in(1), lambda _: TokenSet("new", None, None, store_world.BINDING))
    assert loaded.tokens == replace(new_tokens(1), access_token="new", expires_at=None)
    (entry,) = world.list_entries()
    assert (entry.name, entry.kind, entry.parts, entry.expires_at) == (loaded.generation, "refresh", 1, None)


def test_nothing_is_sent_if_it_is_not_needed_any_more(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    assert world.refresh(joe, never, seen, may_ask=False) == seen
    world.refresh(joe)
    # Another run has saved these.
    assert world.refresh(joe, never, seen).tokens == new_tokens(2)
    for path in (world.home / "secrets").iterdir():
        path.unlink()
    with pytest.raises(errors.NotSignedInError, match="not in the file store any more"):
        world.refresh(joe, never, seen)
    world.new_vault().sign_out(joe)
    with pytest.raises(errors.NotSignedInError, match="production"):
        world.refresh(joe, never, seen)


def test_without_a_refresh_token_nothing_is_sent(world: World) -> None:
    world.new_vault().save_signin(replace(new_tokens(1), refresh_token=None), JOE)
    with pytest.raises(errors.RefreshRefusedError, match="no refresh token") as failure:
        world.refresh(world.find(), never)
    assert failure.value.exit_code == 4
    assert world.states() == ["live"]


@pytest.mark.parametrize("error", [errors.UnreachableError("No route."), errors.BindingError("Another app.")])
def test_what_was_never_sent_leaves_all_as_it_was(world: World, error: errors.ProcoreLoginError) -> None:
    joe = world.sign_in(1)
    before = world.list_entries()
    with pytest.raises(type(error)) as failure:
        world.refresh(joe, raising(error))
    assert failure.value is error
    assert world.list_entries() == before
    assert world.find().interrupted_at is None
    assert world.refresh(joe).tokens == new_tokens(2)


@pytest.mark.parametrize(
    ("kind", "interrupted_at"),
    [
        (errors.AnswerLostError, NOW),
        (errors.UnexpectedAnswerError, NOW),
        (errors.RedirectRefusedError, NOW),
        (errors.RefusedCredentialsError, None),
    ],
)
def test_a_lost_answer_is_recorded_as_an_interruption(
    world: World, kind: type[errors.ProcoreLoginError], interrupted_at: int | None
) -> None:
    joe = world.sign_in(1)
    with pytest.raises(kind):
        world.refresh(joe, raising(kind("What happened.")))
    now = world.find()
    assert (now.failures, now.interrupted_at) == (1, interrupted_at)
    assert world.states() == ["live"]
    assert world.load(joe).tokens == new_tokens(1)
    # A later run does not share the failure, and clears it.
    assert world.refresh(joe).tokens == new_tokens(2)
    now = world.find()
    assert (now.failure, now.interrupted_at, now.failures) == (None, None, 1)
    # So does a sign-out.
    with pytest.raises(kind):
        world.refresh(joe, raising(kind("What happened.")))
    world.new_vault().sign_out(joe)
    assert (world.find("11111").failure, world.find("11111").interrupted_at) == (None, None)


@pytest.mark.parametrize("error", [errors.AnswerLostError("Lost."), KeyboardInterrupt()])
def test_after_an_interruption_the_next_run_tries_once_and_says_what_happened(
    world: World, error: BaseException
) -> None:
    joe = world.sign_in(1)
    with pytest.raises(type(error)):
        world.refresh(joe, raising(error))
    world.now += 600
    assert world.load(joe).tokens == new_tokens(1)
    assert world.find().interrupted_at == NOW
    said = assert_refused(world, joe)
    assert "2026-05-28T20:26:40Z was interrupted; signing in again mends that" in said
    assert "procore-login signin --env production" in said


def test_a_refused_token_is_never_sent_again(either_world: World) -> None:
    joe = either_world.sign_in(1)
    assert "interrupted" not in assert_refused(either_world, joe)
    assert either_world.new_vault().load(joe) is None
    assert (either_world.list_entries(), either_world.count_secrets()) == ([], 0)
    assert either_world.accounts.find_account() is not None
    # Later runs say the same.
    error = either_world.accounts.new_not_signed_in_error(joe)
    assert (type(error), error.exit_code) == (errors.RefreshRefusedError, 4)


def test_a_refusal_after_somebody_else_saved_newer_tokens_means_those(world: World) -> None:
    joe = world.sign_in(1)
    # Another machine has the same data folder, on a disk whose locks do not reach so far.
    elsewhere = World(world.home, lock_scope=world.home / "elsewhere.db")

    def exchange(_: TokenSet) -> TokenSet:
        elsewhere.sign_in(7)
        raise errors.GrantRefusedError("Refused.")

    assert world.refresh(joe, exchange).tokens == new_tokens(7)
    assert world.load(joe).tokens == new_tokens(7)


def test_a_sign_out_is_not_undone_by_a_refresh_under_way(either_world: World) -> None:
    joe = either_world.sign_in(1)

    def exchange(_: TokenSet) -> TokenSet:
        either_world.new_vault().sign_out(joe)
        return new_tokens(2)

    with pytest.raises(errors.NotSignedInError):
        either_world.refresh(joe, exchange)
    assert either_world.discarded == [new_tokens(2)]
    assert either_world.new_vault().load(joe) is None
    assert either_world.accounts.find_account() is None
    assert (either_world.list_entries(), either_world.count_secrets()) == ([], 0)


def interrupt_before_commit(world: World) -> Account:
    """The new tokens are written, and the run ends before they count."""
    joe = world.sign_in(1)
    seen = world.load(joe)

    def exchange(_: TokenSet) -> TokenSet:
        # Before the write, after it, and when it is read back; the fourth is the commit.
        world.tick = store_world.KillSwitch(4)
        return new_tokens(2)

    with pytest.raises(store_world.Killed):
        world.refresh(joe, exchange, seen)
    world.tick = lambda: None
    assert world.count_secrets() == 2
    return joe


def test_a_sign_out_is_not_undone_by_a_refresh_that_was_interrupted(world: World) -> None:
    joe = interrupt_before_commit(world)
    # While the lock is taken, a sign-out knows of the live tokens alone; else it gives the newest ones back.
    with world.locks.hold(JOE.id):
        assert world.new_vault().sign_out(joe).tokens == new_tokens(1)
    assert world.new_vault().load(joe) is None
    assert world.count_secrets() == 0
    interrupt_before_commit(world)
    assert world.new_vault().sign_out(joe).tokens == new_tokens(2)
    world.new_vault().clean(joe)
    assert world.count_secrets() == 0


def test_a_failed_write_is_tried_once_more_under_another_name(
    keyring_world: World, keyring_entries: dict[tuple[str, str], str]
) -> None:
    joe = keyring_world.sign_in(1)
    seen = keyring_world.load(joe)

    def exchange(_: TokenSet) -> TokenSet:
        faults = iter(["fail-at-write"])
        keyring_world.tick = lambda: set_fault(next(faults, ""))
        return new_tokens(2)

    assert keyring_world.refresh(joe, exchange, seen).tokens == new_tokens(2)
    # Nobody has to wait for the first name.
    assert keyring_world.states() == ["live", "dead"]
    assert keyring_world.load(joe).tokens == new_tokens(2)
    assert len(keyring_entries) == 1


@pytest.mark.parametrize("fault", ["fail-at-write", "forget-write", "tear-write"])
def test_a_save_that_fails_twice_fails_the_run_and_is_an_interruption(
    keyring_world: World, fault: str
) -> None:
    joe = keyring_world.sign_in(1)
    seen = keyring_world.load(joe)
    set_fault(fault)
    with pytest.raises(errors.KeyringError) as failure:
        keyring_world.refresh(joe, seen=seen)
    assert failure.value.exit_code == 6
    set_fault()
    assert keyring_world.find().interrupted_at == NOW
    assert "interrupted" in assert_refused(keyring_world, joe)


def test_a_save_that_was_given_up_and_lands_later_is_found(keyring_world: World) -> None:
    joe = keyring_world.sign_in(1)
    seen = keyring_world.load(joe)
    keyring_world.limits = Limits(notice_s=0.01, give_up_s=0.05)

    def exchange(_: TokenSet) -> TokenSet:
        set_fault("hang")
        return new_tokens(2)

    with pytest.raises(errors.KeyringError, match="given up"):
        keyring_world.refresh(joe, exchange, seen)
    set_fault()
    keyring_world.limits = Limits()
    # A second attempt would have hung as well.
    assert keyring_world.states() == ["pending", "live"]
    store_world.finish_left_calls()
    assert keyring_world.load(joe).tokens == new_tokens(2)
    assert keyring_world.find().interrupted_at is None


def test_an_interrupted_refresh_in_a_keyring_that_is_locked_waits_for_it(keyring_world: World) -> None:
    joe = interrupt_before_commit(keyring_world)
    # It is found in its own store, whichever is in force.
    keyring_world.store_name = "file"
    set_fault("locked")
    with pytest.raises(errors.KeyringError):
        keyring_world.new_vault().load(joe)
    set_fault()
    assert keyring_world.load(joe).tokens == new_tokens(2)


def test_an_interrupted_refresh_in_a_keyring_that_is_gone_keeps_nobody_from_signing_in(
    keyring_world: World,
) -> None:
    joe = interrupt_before_commit(keyring_world)
    keyring_world.store_name = "file"
    set_fault("missing")
    keyring_world.sign_in(3)
    assert keyring_world.load(joe).tokens == new_tokens(3)


def test_of_two_writes_of_an_interrupted_refresh_the_whole_one_counts(
    keyring_world: World, keyring_entries: dict[tuple[str, str], str]
) -> None:
    world = keyring_world
    joe = world.sign_in(1)
    seen = world.load(joe)
    # The first write fails; then come a new name, its write, reading it back, and the commit.
    faults = iter(["fail-at-write", *[""] * 5])

    def tick() -> None:
        fault = next(faults, None)
        set_fault(fault or "")
        if fault is None:
            raise store_world.Killed

    def exchange(_: TokenSet) -> TokenSet:
        world.tick = tick
        return new_tokens(2)

    with pytest.raises(store_world.Killed):
        world.refresh(joe, exchange, seen)
    world.tick = lambda: None
    assert world.states() == ["pending", "pending", "live"]
    assert world.load(joe).tokens == new_tokens(2)
    assert world.find().interrupted_at is None
    assert world.states() == ["live", "dead"]
    assert len(keyring_entries) == 1


@pytest.mark.parametrize("how", ["emptied", "deleted", "rows gone"])
def test_a_database_that_is_emptied_during_a_refresh_is_named_and_nothing_is_revoked(
    world: World, how: str
) -> None:
    joe = world.sign_in(1)
    path = world.database.path

    def empty(_: TokenSet) -> TokenSet:
        if how == "rows gone":
            run_sql(path, "DELETE FROM procore_login_entries")
        else:
            path.write_bytes(b"") if how == "emptied" else path.unlink()
        return new_tokens(2)

    with pytest.raises(errors.DatabaseError, match="was emptied or replaced while new tokens") as caught:
        world.refresh(joe, empty)

    assert "procore-login signin --env production" in caught.value.hint
    assert world.discarded == []
    assert run_sql(path, "SELECT * FROM procore_login_entries") == []


def test_a_database_that_is_put_back_finds_the_tokens_of_the_refresh_that_it_missed(world: World) -> None:
    joe = world.sign_in(1)
    path = world.database.path
    kept = path.with_name("kept.db")

    def move(_: TokenSet) -> TokenSet:
        path.rename(kept)
        return new_tokens(2)

    with pytest.raises(errors.DatabaseError, match="emptied or replaced"):
        world.refresh(joe, move)
    kept.rename(path)
    assert world.load(joe).tokens == new_tokens(2)


def test_a_database_that_is_emptied_during_a_sign_in_saves_nothing_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sign_in(1)
    write = EntryStore.write

    def write_and_empty(ledger: EntryStore, entry: Entry, text: str) -> int:
        count = write(ledger, entry, text)
        run_sql(world.database.path, "DELETE FROM procore_login_entries", "DELETE FROM users")
        return count

    monkeypatch.setattr(EntryStore, "write", write_and_empty)
    with pytest.raises(errors.DatabaseError, match="emptied or replaced"):
        world.new_vault().save_signin(new_tokens(2), JOE)
    assert run_sql(world.database.path, "SELECT * FROM users") == []
