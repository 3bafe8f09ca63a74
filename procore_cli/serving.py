"""The pretend Procore in the foreground: started, explained, ended; refuses to mix talk into variables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.render import Teller

if TYPE_CHECKING:
    from procore_cli.demo.exchange import RecordedCall
    from procore_cli.demo.responses import Conditions
    from procore_cli.demo.seed import Seed
    from procore_cli.demo.server import DemoServer


@dataclass(frozen=True)
class Plan:
    """What to run: over which data folder, with what in it, how it behaves; `is_quiet` lists no requests."""

    folder: Path
    seed: Seed | None
    conditions: Conditions
    is_quiet: bool


@contextmanager
def running(plan: Plan, ports: Sequence[int], teller: Teller) -> Iterator[DemoServer]:
    """A server at the first of the ports that is to be had. Raises PortTakenError, StorageError."""
    server = _start(plan, ports, teller)
    try:
        yield server
    finally:
        server.close()


def print_variables(url: str, *, as_json: bool) -> None:
    """What another terminal has to set, on stdout, at once."""
    from procore_cli import tables

    variables = {"PROCORE_ENV": "demo", "PROCORE_LOGIN_URL": url, "PROCORE_API_URL": url}
    if as_json:
        tables.print_json(variables)
    else:
        word = "set" if sys.platform == "win32" else "export"
        for name, value in variables.items():
            tables.print_line(f"{word} {name}={value}")
    # Whoever reads a pipe waits for them.
    sys.stdout.flush()


def explain(url: str, teller: Teller) -> None:
    """What to do next."""
    teller.say(f"The pretend Procore (demo) runs at {url}. Ctrl-C ends it.")
    teller.say("Set these variables in another terminal; then, for example: procore-login signup")
    teller.say(f"A token without a browser: curl -X POST {url}/demo/tokens")
    teller.say(f"What was called: curl {url}/demo/calls")


def wait_for_ever() -> None:
    """Until a signal."""
    import time

    while True:
        time.sleep(3600)


class _TerminatedError(BaseException):
    """SIGTERM: what was asked for is done."""


@contextmanager
def ending_with_sigterm() -> Iterator[None]:
    """SIGTERM ends the block, and is no failure."""
    import signal

    def end(*_: object) -> None:
        raise _TerminatedError

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except _TerminatedError:
        pass
    finally:
        signal.signal(signal.SIGTERM, former)


def _start(plan: Plan, ports: Sequence[int], teller: Teller) -> DemoServer:
    import time

    from procore_cli.demo.exchange import Calls
    from procore_cli.demo.server import DemoServer
    from procore_cli.errors import PortTakenError

    calls = Calls() if plan.is_quiet else Calls(_new_log(teller))
    server = DemoServer(
        plan.folder,
        time.time,
        teller.warn_once,
        ports[0],
        seed=plan.seed,
        conditions=plan.conditions,
        calls=calls,
    )
    try:
        server.start()
    except PortTakenError:
        if len(ports) == 1:
            raise
        teller.say(f"Port {ports[0]} is taken: another one is used.")
        return _start(plan, ports[1:], teller)
    return server


def _new_log(teller: Teller) -> Callable[[RecordedCall], None]:
    import time

    def log(call: RecordedCall) -> None:
        status = "dropped" if call.status is None else str(call.status)
        where = "" if call.company is None else f" (company {call.company})"
        teller.say(f"{time.strftime('%H:%M:%S')} {status} {call.method} {call.path}{where}")

    return log
