"""The process ends, or a store fails, at every step, and the next run has an account, or says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from procore_cli.errors import KeyringError, RefreshRefusedError, StorageError
from procore_cli.grants import TokenSet
from procore_cli.storage.files import ClosedError, GivenUpError
from procore_cli.storage.store import Held
from tests.store.databases import Home
from tests.store.store_world import JOE, SECOND, Killed, KillSwitch, Procore, World, new_tokens

DAY_S = 24 * 60 * 60
MOST_STEPS = 60


def each_death(
    home: Path, work: Callable[[World], None], prepare: Callable[[World], object]
) -> Iterator[World]:
    """For every step of `work`, a machine on which it ended there; stops when it runs to its end."""
    for step in range(1, MOST_STEPS):
        world = World(home / str(step))
        prepare(world)
        world.tick = KillSwitch(step)
        try:
            work(world)
        except Killed:
            world.tick = lambda: None
            yield world
        else:
            assert step > 4, "nothing was killed"
            return
    raise AssertionError("it never ends")


def assert_tidy(world: World, most: int) -> None:
    """A day and a save later nothing is left but what is live."""
    world.new_vault().clean_free()
    world.now += DAY_S
    world.new_vault().clean_free()
    assert [entry.state for entry in world.list_entries()] == ["live"] * most
    assert world.list_entries(None) == []
    assert world.count_secrets() == most


def test_a_first_sign_in_that_ends_early_is_saved_whole_or_not_at_all(own_world: Path) -> None:
    for world in each_death(own_world, lambda w: w.sign_in(1), lambda w: None):
        account = world.accounts.find_account()
        if account is None:
            assert world.accounts.list_accounts() == []
        else:
            assert world.load(account).tokens == new_tokens(1)
        # Somebody else's save cleans up as well.
        world.sign_in(2, SECOND)
        assert world.count_secrets() == (1 if account is None else 2)
        world.new_vault().sign_out(world.find("22222"))
        assert_tidy(world, 0 if account is None else 1)


def test_a_sign_in_that_ends_early_leaves_the_former_tokens_or_the_new_ones(own_world: Path) -> None:
    found = set()
    for world in each_death(own_world, lambda w: w.sign_in(2), lambda w: w.sign_in(1)):
        read = world.load(world.find()).tokens
        found.add(read.access_token)
        # One that nobody was told of never comes into force, and whatever it left, the next one works.
        world.new_vault().clean_free()
        assert world.load(world.find()).tokens == read
        assert world.load(world.sign_in(3)).tokens == new_tokens(3)
        assert_tidy(world, 1)
    assert found == {new_tokens(1).access_token, new_tokens(2).access_token}


def test_a_refresh_that_ends_early_keeps_the_account_or_says_how_to_mend_it(own_world: Path) -> None:
    procores: dict[Path, Procore] = {}

    def prepare(world: World) -> None:
        procores[world.home] = Procore()
        world.sign_in(1)

    def refresh(world: World) -> None:
        def exchange(tokens: TokenSet) -> TokenSet:
            world.tick()
            answer = procores[world.home].exchange(tokens)
            world.tick()
            return answer

        world.refresh(world.find(), exchange)

    outcomes = set()
    for world in each_death(own_world, refresh, prepare):
        procore = procores[world.home]
        calls = procore.calls
        # A reader gets the newest tokens that were written.
        read = world.load(world.find()).tokens.access_token
        assert read in {new_tokens(1).access_token, new_tokens(2).access_token}
        assert calls == 1 or read == new_tokens(1).access_token
        assert not any(entry.state == "pending" for entry in world.list_entries())
        outcome = _try_refresh(world, procore)
        if isinstance(outcome, Held):
            assert outcome.tokens.refresh_token == f"refresh-{procore.number}"
        else:
            # The one gap that nobody can close: sent, and not yet written.
            assert calls == 1
            assert "2026-05-28T20:26:40Z was interrupted; signing in again mends that" in outcome.message
            assert world.new_vault().load(world.find()) is None
            world.sign_in(9)
        outcomes.add(type(outcome))
        assert_tidy(world, 1)
    assert outcomes == {Held, RefreshRefusedError}


def _try_refresh(world: World, procore: Procore) -> Held | RefreshRefusedError:
    try:
        return world.refresh(world.find(), procore.exchange)
    except RefreshRefusedError as error:
        return error


def test_a_sign_out_that_ends_early_leaves_the_account_in_or_out(own_world: Path) -> None:
    def sign_out(world: World) -> None:
        vault = world.new_vault()
        vault.sign_out(world.find("11111"))
        vault.clean(world.find("11111"))

    for world in each_death(own_world, sign_out, lambda w: w.sign_in(1)):
        vault = world.new_vault()
        is_in = world.accounts.find_account() is not None
        assert (vault.load(world.find("11111")) is not None) == is_in
        assert_tidy(world, 1 if is_in else 0)


def test_a_proof_that_ends_early_is_cleaned_by_the_next_one(own_world: Path) -> None:
    for world in each_death(own_world, lambda w: w.new_vault().prove(), lambda w: None):
        world.new_vault().prove()
        assert world.count_secrets() == 0
        world.now += DAY_S
        world.new_vault().prove()
        assert world.list_entries(None) == []


def test_a_large_token_set_is_never_used_in_part(own_world: Path) -> None:
    # Its five parts are written and read back before it counts.
    for step in range(1, 13):
        world = World(own_world / str(step))
        world.sign_in(1)
        world.tick = KillSwitch(step)
        with pytest.raises(Killed):
            world.new_vault().save_signin(new_tokens(2, size=6000), JOE)
        world.tick = lambda: None
        assert world.load(world.find()).tokens == new_tokens(1)
        world.sign_in(3)
        assert world.count_secrets() == 1


def each_failure(home: Path, work: Callable[[World], object]) -> Iterator[tuple[World, bool]]:
    """For each touch of the store and class of error, a machine where it failed; and whether `work` did."""
    for kind in (KeyringError, ClosedError, GivenUpError):
        for step in range(1, MOST_STEPS):
            world = Home(home / kind.__name__ / str(step))
            world.sign_in(1)
            # At the nth time that a store is touched, before or after; it is well from then on.
            world.tick = switch = KillSwitch(step, kind("The store did not do it."))
            has_failed = False
            try:
                work(world)
            except StorageError:
                has_failed = True
            if switch.fuse > 0:
                assert step > 2, "nothing failed"
                break
            world.tick = lambda: None
            yield world, has_failed


def test_a_sign_in_whose_store_fails_leaves_the_former_tokens(own_world: Path) -> None:
    outcomes = set()
    for world, has_failed in each_failure(own_world, lambda w: w.sign_in(2)):
        assert world.load(world.find()).tokens == new_tokens(1 if has_failed else 2)
        assert_tidy(world, 1)
        outcomes.add(has_failed)
    assert outcomes == {True, False}


def test_a_refresh_whose_store_fails_keeps_the_account_or_says_how_to_mend_it(own_world: Path) -> None:
    procores: dict[Path, Procore] = {}

    def work(world: World) -> None:
        procores[world.home] = Procore()
        world.refresh(world.find(), procores[world.home].exchange)

    outcomes = set()
    for world, has_failed in each_failure(own_world, work):
        procore = procores[world.home]
        outcome = _try_refresh(world, procore)
        if isinstance(outcome, Held):
            assert outcome.tokens.refresh_token == f"refresh-{procore.number}"
        else:
            assert has_failed
            assert "was interrupted; signing in again mends that" in outcome.message
            world.sign_in(9)
        outcomes.add((has_failed, type(outcome)))
        assert_tidy(world, 1)
    assert outcomes == {(False, Held), (True, Held), (True, RefreshRefusedError)}


def test_a_sign_out_counts_whatever_its_store_does(own_world: Path) -> None:
    def sign_out(world: World) -> None:
        vault = world.new_vault()
        left = vault.sign_out(world.find("11111"))
        vault.clean(world.find("11111"), left)

    for world, has_failed in each_failure(own_world, sign_out):
        assert not has_failed
        assert world.new_vault().load(world.find("11111")) is None
        assert_tidy(world, 0)
