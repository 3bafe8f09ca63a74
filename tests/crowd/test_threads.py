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
from dataclasses import dataclass, field

import pytest

from procore_cli.client.transport import Transport
from procore_cli.config.settings import Overrides
from procore_cli.console import Console
from procore_cli.context import Context, open_context
from procore_cli.errors import ProcoreLoginError
from procore_cli.flows import access
from tests.cli import Machine
from tests.crowd.crowd import SlowProvider
from tests.crowd.figures import hand_in
from tests.crowd.turnstile import Turnstile

pytestmark = pytest.mark.crowd

RUNS = 60
READ_TIMEOUT_S = 1.5
# Who waits for the others so long has waited for somebody who will not come.
PATIENCE_S = 20.0
# No proof of anything, the lock's holder is that: a waiter that takes so long has waited for something else.
SANE_S = 30.0
Outcome = tuple[int, str]


@dataclass
class Threads:
    """Asks for a token in many threads, which share one context or have one each.

    All are at the lock before its holder goes on, and it keeps the lock until all the others have ended.
    """

    shares: bool
    turnstile: Turnstile = field(init=False)
    last_waiter_at: float = field(default=0.0, init=False)
    _comers: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0), init=False)
    _enders: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0), init=False)
    _is_late: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.turnstile = Turnstile(
            came=self._comers.release,
            wait_for_all=lambda: self._wait_for(self._comers, RUNS),
            wait_for_ends=lambda: self._wait_for(self._enders, RUNS - 1),
        )

    def run(self, min_ttl_s: int = 60) -> Counter[Outcome]:
        """What they ended with."""
        together = threading.Barrier(RUNS)

        def ask(context: Context) -> Outcome:
            together.wait()
            try:
                return 0, access.token(context, min_ttl_s)
            except ProcoreLoginError as error:
                return error.exit_code, ""
            finally:
                self._enders.release()

        def ask_alone(_: int) -> Outcome:
            with new_context() as context:
                return ask(context)

        with ThreadPoolExecutor(RUNS) as pool:
            if not self.shares:
                return Counter(pool.map(ask_alone, range(RUNS)))
            with new_context() as context:
                return Counter(pool.map(ask, [context] * RUNS))

    def _wait_for(self, others: threading.Semaphore, count: int) -> None:
        for _ in range(count):
            # Once in vain is enough: the rest of a failing test need not take an hour.
            if self._is_late or not others.acquire(timeout=PATIENCE_S):
                self._is_late = True
                raise AssertionError("the others did not get on without the lock")
        self.last_waiter_at = time.monotonic()


def new_context() -> AbstractContextManager[Context]:
    return open_context(Overrides(), Console(io.StringIO()))


@pytest.fixture
def threads(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Threads:
    for name, value in machine.environ().items():
        monkeypatch.setenv(name, value)
    assert os.environ["PROCORE_LOGIN_HOME"] == str(machine.data)
    # Each store with one of the two ways.
    threads = Threads(shares=machine.variables["PROCORE_LOGIN_STORE"] == "file")
    threads.turnstile.watch(monkeypatch.setattr)
    return threads


@pytest.fixture
def limit_reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Replaces the minute that a run waits for an answer."""

    def limit() -> None:
        defaults = Transport.__init__.__defaults__ or ()
        monkeypatch.setattr(Transport.__init__, "__defaults__", (*defaults[:-1], READ_TIMEOUT_S))

    return limit


def assert_nobody_waited_in_turn(
    threads: Threads, since: float, request: pytest.FixtureRequest, what: str
) -> None:
    """One thread got the lock, which it kept until all the others had ended: they left without it."""
    assert threads.turnstile.got == 1
    last_s = threads.last_waiter_at - since
    hand_in(request, f"{RUNS} threads, {what}, the last waiter ended {last_s:.2f} s after it")
    assert last_s < SANE_S


@pytest.mark.parametrize("min_ttl_s", [60, 99999])
def test_threads_get_one_token_for_one_refresh(
    threads: Threads, provider: SlowProvider, request: pytest.FixtureRequest, min_ttl_s: int
) -> None:
    outcomes = threads.run(min_ttl_s)

    assert outcomes == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 1
    assert_nobody_waited_in_turn(threads, provider.answered_at, request, "1 request, answered")


def test_a_hanging_endpoint_costs_all_threads_one_request_and_one_read_limit(
    threads: Threads,
    provider: SlowProvider,
    limit_reads: Callable[[], None],
    request: pytest.FixtureRequest,
) -> None:
    provider.hangs = lambda _: True
    limit_reads()

    outcomes = threads.run()

    assert outcomes == {(5, ""): RUNS}
    assert len(provider.sent()) == 1
    given_up_at = provider.asked_at + READ_TIMEOUT_S
    assert_nobody_waited_in_turn(threads, given_up_at, request, "1 request, unanswered, given up")


def test_a_refused_token_is_sent_once_for_all_threads_and_never_again(
    threads: Threads, provider: SlowProvider, request: pytest.FixtureRequest
) -> None:
    provider.refuses = True

    outcomes = threads.run()
    assert_nobody_waited_in_turn(threads, provider.answered_at, request, "1 request, refused")
    arrived = len(provider.requests)
    later = threads.run()

    assert outcomes == later == {(4, ""): RUNS}
    assert len(provider.sent()) == 1
    assert len(provider.requests) == arrived
