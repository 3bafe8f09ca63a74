"""Runs that wait for each other while the clock jumps; nothing here measures a wait by the time of day."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from procore_cli import context
from procore_cli.errors import AnswerLostError
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage.refresh import Exchange
from procore_cli.storage.store import Held
from tests.moments import NOW, YEAR_S
from tests.store.store_world import World, new_answer


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
@pytest.mark.parametrize("is_lost", [False, True], ids=["an answer", "a failure"])
def test_a_clock_that_jumps_while_others_wait_changes_nothing_for_them(tmp_path, jump_s, is_lost):
    waits = threading.Event()
    kept = World(tmp_path / "data", now=NOW, sleep=lambda seconds: waits.set() or time.sleep(seconds))
    joe = kept.sign_in()
    seen = kept.load(joe)
    asked = []

    def exchange(tokens: TokenSet) -> TokenSet:
        asked.append(tokens.refresh_token)
        waiting = pool.submit(outcome, kept, joe, exchange, seen)
        assert waits.wait(20)
        kept.now += jump_s
        waiters.append(waiting)
        if is_lost:
            raise AnswerLostError("The answer was lost.")
        return new_answer(2)

    waiters: list[Future[object]] = []
    with ThreadPoolExecutor(1) as pool:
        first = outcome(kept, joe, exchange, seen)
        second = waiters[0].result(20)
    assert asked == ["refresh-1"]
    assert first == second == ("The answer was lost." if is_lost else new_answer(2).access_token)


def test_only_the_clock_of_a_command_knows_the_time_of_day():
    # Whatever waits counts by time.monotonic, which nobody can set.
    package = Path(context.__file__).parent
    waiting = [path for wing in ("storage", "client", "callback") for path in (package / wing).rglob("*.py")]
    users = {path.name for path in waiting if "time.time" in path.read_text("utf-8")}
    assert users == {"opening.py"}


def outcome(kept: World, who: Account, exchange: Exchange, seen: Held) -> object:
    """The access token that a run ends with, or what it says went wrong."""
    try:
        return kept.refresh(who, exchange, seen).tokens.access_token
    except AnswerLostError as error:
        return error.message
