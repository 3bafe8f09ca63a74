"""Processes that share a database: each does one job, and can be held, stopped or killed at a step of it.

Nothing of this is in the product, whose classes are wrapped in the process alone. They come from
multiprocessing's fork server, which has everything imported and no threads.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import pkgutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple
from unittest import mock

import procore_cli
from procore_cli.config.settings import Overrides
from procore_cli.context import Context
from procore_cli.errors import ProcoreLoginError
from procore_cli.flows import access
from procore_cli.flows import sign_out as flow
from procore_cli.grants import TokenSet
from procore_cli.library.token_cache import load_program_settings, open_program_context
from procore_cli.models import Binding, Me
from tests.cli import ROOT

# The steps of a refresh, in their order.
STEPS = ("claimed", "begun", "sent", "answered", "saved")
PATIENCE_S = 60
IMPORTED = (
    *("cryptography.hazmat.primitives.ciphers.aead", "oauthlib.oauth2", "psycopg", "psycopg_pool"),
    *("requests", "tests.cli"),
)
MEETS = Literal["hold", "kill", "stop"]


@dataclass(frozen=True)
class Job:
    """What a process does: `work` is a function of this module, or `module:function`.

    `at` says what becomes of it at a step. `constants` are put in place of the product's, by `module:NAME`;
    `ahead_s`: how far its clock is ahead of the others'.
    """

    work: str
    arguments: tuple[Any, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    at: dict[str, MEETS] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    ahead_s: float = 0.0


class Outcome(NamedTuple):
    """What a job returned, or the exit code and the words of its error."""

    value: Any = None
    code: int = 0
    said: str = ""


def describe(error: ProcoreLoginError) -> str:
    return f"{error.exit_code} {type(error).__name__}: {error.message} {error.hint}"


# The process


def run(job: Job, pipe: Connection) -> None:
    """Do the job and tell what came of it; this is the whole life of a process."""
    os.environ.clear()
    os.environ.update(job.variables)
    # Whoever hangs ends by itself, whoever is left to see it.
    signal.alarm(3 * PATIENCE_S)
    logging.disable()
    for place, value in job.constants.items():
        module, _, name = place.partition(":")
        assert hasattr(importlib.import_module(module), name), place
        setattr(importlib.import_module(module), name, value)
    if job.ahead_s:
        true_time = time.time
        time.time = lambda: true_time() + job.ahead_s
    if job.at:
        watch(lambda step: meet(step, job.at, pipe))
    try:
        module, _, name = job.work.rpartition(":")
        outcome = Outcome(getattr(importlib.import_module(module or __name__), name)(*job.arguments))
    except ProcoreLoginError as error:
        outcome = Outcome(None, error.exit_code, describe(error))
    pipe.send(outcome)


def meet(step: str, at: dict[str, MEETS], pipe: Connection) -> None:
    if step not in at:
        return
    pipe.send(step)
    if at[step] == "hold":
        pipe.recv()
    else:
        # To this thread: where another one takes the signal, this one may go on a little.
        signal.raise_signal(signal.SIGKILL if at[step] == "kill" else signal.SIGSTOP)


def watch(reach: Callable[[str], None]) -> None:
    """From now on `reach` hears of every step of a refresh in this process."""
    import http.client

    from procore_cli.client.oauth import OAuth
    from procore_cli.storage.postgres.store import PostgresStore

    claim, refresh, get_response = PostgresStore.claim, OAuth.refresh, http.client.HTTPConnection.getresponse
    sending = threading.local()

    def claim_watched(self: Any, *rest: Any, **options: Any) -> Any:
        claimed = claim(self, *rest, **options)
        if claimed is None:
            return None
        reach("claimed")
        return WatchedClaim(claimed, reach)

    def refresh_watched(self: Any, *rest: Any) -> Any:
        sending.is_ours = True
        try:
            answer = refresh(self, *rest)
        finally:
            sending.is_ours = False
        reach("answered")
        return answer

    def get_response_watched(self: Any, *rest: Any) -> Any:
        if getattr(sending, "is_ours", False):
            reach("sent")
        return get_response(self, *rest)

    PostgresStore.claim = claim_watched  # type: ignore[method-assign]
    OAuth.refresh = refresh_watched  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = get_response_watched  # type: ignore[method-assign]


class WatchedClaim:
    def __init__(self, claim: Any, reach: Callable[[str], None]) -> None:
        self._claim, self._reach = claim, reach

    def __enter__(self) -> None:
        self._claim.__enter__()

    def __exit__(self, *error: object) -> None:
        self._claim.__exit__(*error)

    def begin(self) -> None:
        self._claim.begin()
        self._reach("begun")

    def save(self, tokens: Any) -> Any:
        saved = self._claim.save(tokens)
        self._reach("saved")
        return saved

    def __getattr__(self, name: str) -> Any:
        return getattr(self._claim, name)


# The jobs


def prepare_database() -> None:
    """What `procore-login database init` does."""
    from procore_cli.config.shared_database import find_shared_database
    from procore_cli.storage.postgres import schema
    from procore_cli.storage.postgres.connection import PostgresDatabase

    shared = find_shared_database(os.environ)
    assert shared is not None
    schema.init(PostgresDatabase(shared))


@contextmanager
def opening(account: int | None = None) -> Iterator[Context]:
    """What the library opens for a call."""
    overrides = Overrides(account=None if account is None else str(account))
    with open_program_context(load_program_settings(overrides)) as context:
        yield context


def save_sign_ins(answers: Sequence[tuple[dict[str, Any], dict[str, Any]]], left_s: int) -> None:
    """Save sign-ins as Procore answered them some time ago: tokens, and `/me`."""
    with opening() as context:
        for tokens, me in answers:
            fresh = new_token_set(context, tokens, left_s)
            context.tokens.save_signin(fresh, Me(**me), makes_current=False)


def new_token_set(context: Context, answer: dict[str, Any], left_s: int) -> TokenSet:
    """What Procore answered, as it is kept."""
    environment = context.settings.environment
    binding = Binding(os.environ["PROCORE_CLIENT_ID"], environment.login_url, environment.api_url)
    end = int(context.tokens.now()) + left_s
    return TokenSet(answer["access_token"], answer["refresh_token"], end, binding, answer["expires_in"])


def find_token(account: int, min_ttl_s: int = 60, refused: str | None = None) -> str:
    """What `procore-login token` prints."""
    return procore_cli.get_token(account=str(account), min_ttl=min_ttl_s, refused=refused)


def sign_out(account: int) -> None:
    """What `procore-login signout` does."""
    with opening(account) as context:
        flow.sign_out(context)


def refresh_in_turn(accounts: Sequence[int], seconds: float) -> Counter[str]:
    """`procore-login refresh` for these accounts in turn, for so long; how many ended in which way."""
    ends: Counter[str] = Counter()
    end = time.monotonic() + seconds
    for account in cycle(accounts):
        if time.monotonic() > end:
            break
        try:
            with opening(account) as context:
                access.refresh(context)
        except ProcoreLoginError as error:
            ends[describe(error)] += 1
        else:
            ends["0"] += 1
    return ends


def make_calls(accounts: Sequence[int], seconds: float) -> Counter[str]:
    """Calls of the API for these accounts in turn, for so long; how many ended in which way."""
    import requests

    auths = [procore_cli.ProcoreAuth(account=str(account)) for account in accounts]
    ends: Counter[str] = Counter()
    end = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False
        for auth in cycle(auths):
            if time.monotonic() > end:
                break
            ends[make_call(session, auth)] += 1
    return ends


def make_call(session: Any, auth: Any) -> str:
    try:
        answer = session.get(f"{auth.api_url}/rest/v1.0/me", auth=auth, timeout=PATIENCE_S)
    except ProcoreLoginError as error:
        return describe(error)
    return str(answer.status_code)


def find_process_elsewhere() -> str:
    """Who has a claim, where that is another machine's process; a constant of a job."""
    return "another-machine 1 1"


# The test's end


class Worker:
    """One process, from its start to its end."""

    def __init__(self, job: Job) -> None:
        context = start_fork_server()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=run, args=(job, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def reach(self, step: str) -> None:
        """Wait until it has come to a step of `Job.at`."""
        assert self._pipe.poll(PATIENCE_S), f"{step} is not reached"
        found = self._pipe.recv()
        assert found == step, found

    def go_on(self) -> None:
        """From where it is held or stopped."""
        self._pipe.send(None)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def find_outcome(self, patience_s: float = PATIENCE_S) -> Outcome:
        """What came of its job."""
        assert self._pipe.poll(patience_s), "it does not end"
        found: Outcome = self._pipe.recv()
        self._process.join(PATIENCE_S)
        assert self._process.exitcode == 0, self._process.exitcode
        return found

    def is_at_work_for(self, seconds: float) -> bool:
        """Whether so much later nothing has come of its job."""
        return not self._pipe.poll(seconds)

    def wait_for_death(self) -> None:
        self._process.join(PATIENCE_S)
        assert self._process.exitcode == -signal.SIGKILL, self._process.exitcode

    def end(self) -> None:
        """Whatever it does, it is over."""
        self._process.kill()
        self._process.join(PATIENCE_S)
        self._pipe.close()


def start_fork_server() -> Any:
    """What forks the processes, with everything imported that they use."""
    context = multiprocessing.get_context("forkserver")
    ours = [module.name for module in pkgutil.walk_packages(procore_cli.__path__, "procore_cli.")]
    context.set_forkserver_preload([*ours, *IMPORTED, __name__])
    # It does not get our sys.path.
    with mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT)}):
        forkserver.ensure_running()
    return context


@contextmanager
def working(*jobs: Job) -> Iterator[list[Worker]]:
    """These processes; whatever is left of them ends with the block."""
    workers: list[Worker] = []
    try:
        workers += (Worker(job) for job in jobs)
        yield workers
    finally:
        for worker in workers:
            worker.end()
