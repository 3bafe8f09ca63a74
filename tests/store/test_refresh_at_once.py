"""Many runs at once: one exchange, whose outcome all of them share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from procore_cli.errors import (
    AnswerLostError,
    BusyError,
    GrantRefusedError,
    ProcoreLoginError,
    RefreshRefusedError,
    RefusedCredentialsError,
    UnreachableError,
)
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage.files import TOKENS_USERNAME, new_part_service
from procore_cli.storage.recovery import Loaded
from tests.store.store_world import JOE, Procore, World, new_answer, new_tokens

RUNS = 5
Outcome = Loaded | ProcoreLoginError


class Crowd:
    """Runs that all have read the same tokens; the first exchange lasts until all others wait for it."""

    def __init__(self, world: World, account: Account, answer: Callable[[TokenSet], TokenSet]) -> None:
        self.world = world
        self.account = account
        self.answer = answer
        self.calls = 0
        self._waiting: set[int] = set()
        self._all_wait = threading.Event()
        world.sleep = self._sleep

    def run(self) -> list[Outcome]:
        """What each run ends with."""
        seen = self.world.load(self.account)
        with ThreadPoolExecutor(RUNS) as pool:
            return list(pool.map(lambda _: self._refresh(seen), range(RUNS)))

    def _refresh(self, seen: Loaded) -> Outcome:
        try:
            return self.world.refresh(self.account, self._exchange, seen)
        except ProcoreLoginError as error:
            return error

    def _exchange(self, tokens: TokenSet) -> TokenSet:
        self.calls += 1
        assert self._all_wait.wait(9)
        return self.answer(tokens)

    def _sleep(self, seconds: float) -> None:
        self._waiting.add(threading.get_ident())
        if len(self._waiting) == RUNS - 1:
            self._all_wait.set()
        # A short wait, so that the runs do not starve each other.
        threading.Event().wait(0.005)


def waiting(waits: threading.Event) -> Callable[[float], None]:
    """A short sleep that says that somebody waits for the lock."""

    def sleep(_: float) -> None:
        waits.set()
        threading.Event().wait(0.005)

    return sleep


@pytest.fixture
def joe(either_world: World) -> Account:
    return either_world.sign_in(1)


def test_runs_at_once_refresh_once_and_share_the_tokens(either_world: World, joe: Account) -> None:
    crowd = Crowd(either_world, joe, Procore().exchange)
    outcomes = crowd.run()
    assert crowd.calls == 1
    assert {o.tokens for o in outcomes if isinstance(o, Loaded)} == {new_tokens(2)}
    assert len(outcomes) == RUNS
    assert either_world.count_secrets() == 1


@pytest.mark.parametrize("kind", [AnswerLostError, RefusedCredentialsError, UnreachableError])
def test_runs_at_once_share_a_failure(world: World, kind: type[ProcoreLoginError]) -> None:
    def fail(_: TokenSet) -> TokenSet:
        raise kind("What happened.", "What to do.")

    crowd = Crowd(world, world.sign_in(1), fail)
    outcomes = crowd.run()
    assert crowd.calls == 1
    assert {(type(o), str(o), getattr(o, "hint", "")) for o in outcomes} == {
        (kind, "What happened.", "What to do.")
    }


def test_runs_at_once_share_a_refusal(world: World) -> None:
    def refuse(_: TokenSet) -> TokenSet:
        raise GrantRefusedError("Refused.")

    crowd = Crowd(world, world.sign_in(1), refuse)
    outcomes = crowd.run()
    assert crowd.calls == 1
    assert {type(outcome) for outcome in outcomes} == {RefreshRefusedError}


def test_a_reader_who_waited_for_a_failed_refresh_shares_the_failure(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    loaded: list[Loaded | None] = []
    waits = threading.Event()
    world.sleep = waiting(waits)
    reader = threading.Thread(target=lambda: loaded.append(world.new_vault().load(joe)))

    def fail(_: TokenSet) -> TokenSet:
        reader.start()
        assert waits.wait(9)
        raise AnswerLostError("Lost.")

    with pytest.raises(AnswerLostError):
        world.refresh(joe, fail, seen)
    reader.join()
    assert loaded == [seen._replace(may_be_revoked=True)]

    def never(_: TokenSet) -> TokenSet:
        raise AssertionError("nothing may be sent")

    with pytest.raises(AnswerLostError, match="Lost"):
        world.refresh(joe, never, loaded[0])


def test_a_reader_waits_for_a_refresh_under_way(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    loaded: list[Loaded | None] = []
    waits = threading.Event()
    world.sleep = waiting(waits)
    reader = threading.Thread(target=lambda: loaded.append(world.new_vault().load(joe)))

    def exchange(_: TokenSet) -> TokenSet:
        reader.start()
        assert waits.wait(9)
        return new_answer(2)

    saved = world.refresh(joe, exchange, seen)
    reader.join()
    assert loaded == [saved]


def test_a_lock_that_is_never_released_is_given_up(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    world.lock_timeout_s = 0.1
    with world.locks.hold(JOE.id), pytest.raises(BusyError) as failure:
        world.refresh(joe, seen=seen)
    assert failure.value.exit_code == 5


def test_a_waiter_whose_news_is_gone_again_asks_under_the_lock(world: World) -> None:
    joe = world.sign_in(1)
    seen = world.load(joe)
    elsewhere = World(world.home, lock_scope=world.home / "elsewhere.db")
    outcomes: list[Loaded] = []
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
    outcomes: list[Loaded] = []
    waits = threading.Event()
    world.sleep = waiting(waits)
    waiter = threading.Thread(target=lambda: outcomes.append(world.refresh(joe, Procore().exchange, seen)))
    with world.locks.hold(JOE.id):
        waiter.start()
        assert waits.wait(9)
        World(world.home, lock_scope=world.home / "elsewhere.db").sign_in(2)
        waiter.join(9)
        assert [loaded.tokens for loaded in outcomes] == [new_tokens(2)]
