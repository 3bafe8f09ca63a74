"""Many runs at once: one exchange, whose outcome all of them share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from procore_cli import errors
from procore_cli.grants import TokenSet
from procore_cli.storage.files import TOKENS_USERNAME, new_part_service
from procore_cli.storage.store import Held
from tests.store.store_world import JOE, Procore, World, never, new_tokens, raising

RUNS = 5
Outcome = Held | errors.ProcoreLoginError


def run_all(world: World, answer: Callable[[TokenSet], TokenSet]) -> list[Outcome]:
    """What the runs end with that all have read the same tokens; the exchange lasts until all others wait."""
    joe = world.sign_in(1)
    seen = world.load(joe)
    calls: list[TokenSet] = []
    waiting: set[int] = set()
    all_wait = threading.Event()

    def exchange(tokens: TokenSet) -> TokenSet:
        calls.append(tokens)
        assert all_wait.wait(9)
        return answer(tokens)

    def sleep(_: float) -> None:
        waiting.add(threading.get_ident())
        if len(waiting) == RUNS - 1:
            all_wait.set()
        # A short wait, so that the runs do not starve each other.
        threading.Event().wait(0.005)

    def refresh(_: int) -> Outcome:
        try:
            return world.refresh(joe, exchange, seen)
        except errors.ProcoreLoginError as error:
            return error

    world.sleep = sleep
    with ThreadPoolExecutor(RUNS) as pool:
        outcomes = list(pool.map(refresh, range(RUNS)))
    assert len(calls) == 1
    return outcomes


def new_wait(world: World) -> threading.Event:
    """Set as soon as somebody waits for the lock."""
    waits = threading.Event()

    def sleep(_: float) -> None:
        waits.set()
        threading.Event().wait(0.005)

    world.sleep = sleep
    return waits


def test_runs_at_once_refresh_once_and_share_the_tokens(either_world: World) -> None:
    outcomes = run_all(either_world, Procore().exchange)
    assert [o.tokens for o in outcomes if isinstance(o, Held)] == [new_tokens(2)] * RUNS
    assert either_world.count_secrets() == 1


@pytest.mark.parametrize(
    "kind", [errors.AnswerLostError, errors.RefusedCredentialsError, errors.UnreachableError]
)
def test_runs_at_once_share_a_failure(world: World, kind: type[errors.ProcoreLoginError]) -> None:
    outcomes = run_all(world, raising(kind("What happened.", "What to do.")))
    assert {(type(o), str(o), getattr(o, "hint", "")) for o in outcomes} == {
        (kind, "What happened.", "What to do.")
    }


def test_runs_at_once_share_a_refusal(world: World) -> None:
    outcomes = run_all(world, raising(errors.GrantRefusedError("Refused.")))
    assert {type(outcome) for outcome in outcomes} == {errors.RefreshRefusedError}


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_reader_waits_for_a_refresh_under_way_and_shares_its_failure(world: World, is_lost: bool) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    loaded: list[Held | None] = []
    waits = new_wait(world)
    reader = threading.Thread(target=lambda: loaded.append(world.new_vault().load(joe)))

    def exchange(_: TokenSet) -> TokenSet:
        reader.start()
        assert waits.wait(9)
        if is_lost:
            raise errors.AnswerLostError("Lost.")
        return new_tokens(2)

    if not is_lost:
        saved = world.refresh(joe, exchange, seen)
        reader.join()
        assert loaded == [saved]
        return
    with pytest.raises(errors.AnswerLostError):
        world.refresh(joe, exchange, seen)
    reader.join()
    assert loaded == [seen._replace(may_be_revoked=True)]
    with pytest.raises(errors.AnswerLostError, match="Lost"):
        world.refresh(joe, never, loaded[0])


def test_a_lock_that_is_never_released_is_given_up(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    world.lock_timeout_s = 0.1
    with world.locks.hold(JOE.id), pytest.raises(errors.BusyError) as failure:
        world.refresh(joe, seen=seen)
    assert failure.value.exit_code == 5


def test_a_waiter_whose_news_is_gone_again_asks_under_the_lock(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    elsewhere = World(world.home, lock_scope=world.home / "elsewhere.db")
    outcomes: list[Held] = []
    waits, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def sleep(_: float) -> None:
        waits.release()
        assert go_on.acquire(timeout=9)

    world.sleep = sleep
    waiter = threading.Thread(target=lambda: outcomes.append(world.refresh(joe, Procore(2).exchange, seen)))
    with world.locks.hold(JOE.id):
        waiter.start()
        assert waits.acquire(timeout=9)
        # While it sleeps, somebody saves new tokens whose entry is gone again when it wakes.
        elsewhere.sign_in(2)
        entry = world.list_entries()[0]
        world.stores("file").delete(new_part_service("production", entry.name, 1), TOKENS_USERNAME)
        go_on.release()
        # Now it waits for the lock itself, and meanwhile there are newer ones.
        assert waits.acquire(timeout=9)
        elsewhere.sign_in(3)
    go_on.release()
    waiter.join(9)
    assert [loaded.tokens for loaded in outcomes] == [new_tokens(3)]


def test_a_waiter_leaves_without_the_lock_once_there_is_news(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    outcomes: list[Held] = []
    waits = new_wait(world)
    waiter = threading.Thread(target=lambda: outcomes.append(world.refresh(joe, Procore().exchange, seen)))
    with world.locks.hold(JOE.id):
        waiter.start()
        assert waits.wait(9)
        World(world.home, lock_scope=world.home / "elsewhere.db").sign_in(2)
        waiter.join(9)
        assert [loaded.tokens for loaded in outcomes] == [new_tokens(2)]
