"""What the checks of one run share, put together once; refuses to judge any of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from procore_cli.cli.doctor.in_force import DATA_FOLDER, InForce, load_in_force
from procore_cli.client.connections import ADDRESS_TIMEOUT_S
from procore_cli.config.private_files import looking_only
from procore_cli.config.settings import Asked, Settings
from procore_cli.context import trace_settings
from procore_cli.errors import ProcoreLoginError
from procore_cli.render import Teller

if TYPE_CHECKING:
    from procore_cli.client.transport import Transport
    from procore_cli.storage.opening import Storage


# What a demo that cannot be started is called among the faults.
PRETEND = "pretend Procore"
# Shorter than a command's own limits: somebody waits for the whole list.
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0


@dataclass
class Case:
    """One run: what is in force, the ways to look at it, and what has been found so far.

    `broken` names the checks that others rely on and that failed; `server_ahead_s` is what a server's Date
    says; `clock` gives seconds since the epoch (UTC).
    """

    in_force: InForce
    environ: Mapping[str, str]
    teller: Teller
    storage: Storage
    transport: Transport
    clock: Callable[[], float]
    offline: bool
    platform: str = sys.platform
    broken: set[str] = field(default_factory=set)
    server_ahead_s: float | None = None

    @property
    def settings(self) -> Settings:
        """What is in force, without what is broken."""
        return self.in_force.settings

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.settings.environment.name


@contextmanager
def open_case(
    asked: Asked, teller: Teller, *, offline: bool, clock: Callable[[], float] = time.time
) -> Iterator[Case]:
    """Put a run together; starts the embedded Procore where it is needed. Raises UnknownEnvironmentError."""
    with ExitStack() as stack:
        stack.enter_context(looking_only())
        # Only what the contract asks of every command is said; the rest is a line of the report.
        loaded = load_in_force(asked, os.environ, lambda text: _tell_url(teller, text))
        teller.environment = loaded.settings.environment.name
        heeded = {name: value for name, value in os.environ.items() if name not in loaded.faults}
        trace_settings(loaded.settings, asked, teller, heeded)
        case = _new_case(loaded, teller, clock, stack, offline)
        if loaded.settings.own_server and not offline:
            _start_demo(case, stack)
        yield case


def _new_case(
    loaded: InForce, teller: Teller, clock: Callable[[], float], stack: ExitStack, offline: bool
) -> Case:
    from procore_cli.client.transport import Transport
    from procore_cli.storage.opening import open_storage

    settings = loaded.settings
    limits = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    transport = Transport(
        os.environ, settings.ca_bundle, teller.trace, *limits, address_timeout_s=ADDRESS_TIMEOUT_S
    )
    stack.callback(transport.close)
    storage = open_storage(
        settings.folder,
        settings.environment.name,
        settings.store,
        tell=teller.say,
        warn=teller.trace,
        database=settings.database,
        clock=clock,
    )
    return Case(loaded, dict(os.environ), teller, storage, transport, clock, offline)


def _start_demo(case: Case, stack: ExitStack) -> None:
    from procore_cli.demo.server import DemoServer

    try:
        if DATA_FOLDER in case.in_force.faults:
            raise case.in_force.faults[DATA_FOLDER]
        server = stack.enter_context(DemoServer(case.settings.folder, case.clock, case.teller.trace))
    except ProcoreLoginError as error:
        case.in_force = InForce(case.settings, case.in_force.config, {**case.in_force.faults, PRETEND: error})
        return
    case.in_force = InForce(case.settings.at(server.url), case.in_force.config, case.in_force.faults)


def _tell_url(teller: Teller, text: str) -> None:
    if "(PROCORE_LOGIN_URL)" in text or "(PROCORE_API_URL)" in text:
        teller.warn_once(text)
