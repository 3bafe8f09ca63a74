"""A crowd of threads in one process: as with processes, one request at the provider for all of them."""

from __future__ import annotations

import io
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from procore_cli import flow
from procore_cli.errors import ProcoreLoginError
from procore_cli.procore.transport import Transport
from procore_cli.render import Teller
from procore_cli.settings import Asked
from procore_cli.store.lock import POLL_S
from procore_cli.world import World, open_world
from tests.cli import Machine
from tests.crowd.crowd import SlowProvider

pytestmark = pytest.mark.crowd

RUNS = 60
READ_TIMEOUT_S = 3.0
# Waiters that took the lock in turn would need one poll each; that a busy machine is slow is added.
AT_ONCE_S = RUNS * POLL_S / 2
Outcome = tuple[int, str]


@dataclass
class Threads:
    """Asks for a token in many threads, which share one world or have one each."""

    shares: bool

    def run(self, min_ttl_s: int = 60) -> tuple[Counter[Outcome], float]:
        """What they ended with, and when the last one did."""
        outcomes = self._run(lambda world: flow.token(world, min_ttl_s))
        return outcomes, time.monotonic()

    def measure_idle(self) -> float:
        """How many seconds this machine takes for so many threads with nothing to wait for."""
        started = time.monotonic()
        self._run(lambda world: str(flow.whoami_offline(world)))
        return time.monotonic() - started

    def _run(self, work: Callable[[World], str]) -> Counter[Outcome]:
        together = threading.Barrier(RUNS)

        def ask(world: World) -> Outcome:
            together.wait()
            try:
                return 0, work(world)
            except ProcoreLoginError as error:
                return error.exit_code, ""

        def ask_alone(_: int) -> Outcome:
            with new_world() as world:
                return ask(world)

        with ThreadPoolExecutor(RUNS) as pool:
            if not self.shares:
                return Counter(pool.map(ask_alone, range(RUNS)))
            with new_world() as world:
                return Counter(pool.map(ask, [world] * RUNS))


def new_world() -> AbstractContextManager[World]:
    return open_world(Asked(), Teller(io.StringIO()))


@pytest.fixture(params=[True, False], ids=["one-world", "a-world-each"])
def threads(machine: Machine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Threads:
    for name, value in machine.environ().items():
        monkeypatch.setenv(name, value)
    assert os.environ["PROCORE_LOGIN_HOME"] == str(machine.data)
    return Threads(request.param)


@pytest.fixture
def limit_reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Replaces the minute that a run waits for an answer."""

    def limit() -> None:
        defaults = Transport.__init__.__defaults__ or ()
        monkeypatch.setattr(Transport.__init__, "__defaults__", (*defaults[:-1], READ_TIMEOUT_S))

    return limit


@pytest.mark.parametrize("min_ttl_s", [60, 99999])
def test_threads_get_one_token_for_one_refresh(
    threads: Threads, provider: SlowProvider, min_ttl_s: int
) -> None:
    provider.delay_s = 1.0

    outcomes, ended_at = threads.run(min_ttl_s)

    assert outcomes == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 1
    assert ended_at - provider.answered_at < AT_ONCE_S + threads.measure_idle()


def test_a_hanging_endpoint_costs_all_threads_one_request_and_one_read_limit(
    threads: Threads, provider: SlowProvider, limit_reads: Callable[[], None]
) -> None:
    provider.hangs = lambda _: True
    limit_reads()

    outcomes, ended_at = threads.run()

    assert outcomes == {(5, ""): RUNS}
    assert len(provider.sent()) == 1
    assert ended_at - provider.asked_at < READ_TIMEOUT_S + AT_ONCE_S + threads.measure_idle()


def test_a_refused_token_is_sent_once_for_all_threads_and_never_again(
    threads: Threads, provider: SlowProvider
) -> None:
    provider.refuses, provider.delay_s = True, 1.0

    outcomes, ended_at = threads.run()
    arrived = len(provider.requests)
    later, _ = threads.run()

    assert outcomes == later == {(4, ""): RUNS}
    assert len(provider.sent()) == 1
    assert ended_at - provider.answered_at < AT_ONCE_S + threads.measure_idle()
    assert len(provider.requests) == arrived
