"""What the checks of `doctor` share: what is in force, a check's words, and the order of the checks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from procore_cli.client.connections import ADDRESS_TIMEOUT_S
from procore_cli.config.config_file import Config, load_config
from procore_cli.config.private_files import find_folder, looking_only, require_folder
from procore_cli.config.settings import Overrides, Settings, read_settings, warn_of_urls
from procore_cli.console import Console
from procore_cli.context import trace_settings
from procore_cli.errors import ConfigurationError, DataFolderError, ProcoreLoginError, StorageError

if TYPE_CHECKING:
    from procore_cli.client.transport import Transport
    from procore_cli.storage.opening import Storage


Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """A line of the report; `fix` is what to type or where to look, `error` why it failed."""

    name: str
    status: Status
    detail: str
    fix: str = ""
    error: ProcoreLoginError | None = None


def fine(name: str, detail: str) -> Check:
    """All is as it should be."""
    return Check(name, "ok", detail)


def warning(name: str, detail: str, fix: str) -> Check:
    """Signing in can work, but a person should know of this."""
    return Check(name, "warning", detail, fix)


def failed(name: str, error: ProcoreLoginError) -> Check:
    """Signing in cannot work."""
    return Check(name, "failed", error.message, error.hint, error)


def unchecked(name: str, why: str) -> Check:
    """Another check's failure makes this one impossible; that one says what to do."""
    return Check(name, "warning", f"not checked: {why}.", "Mend that first, then run doctor again.")


_SECRETS = ("PROCORE_CLIENT_SECRET", "PROCORE_ACCESS_TOKEN")
_MAY_HOLD_LOGIN = ("PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_REDIRECT_URI")
# Shorter ones are part of ordinary words.
_SHORTEST = 4
_INSTEAD = "[not shown]"


def conceal(context: DoctorContext, text: str) -> str:
    """The text without the values of secret variables, and without the user part of their URLs."""
    for secret in _list_secrets(context):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _INSTEAD)
    return text


def _list_secrets(context: DoctorContext) -> Iterator[str]:
    for name in _SECRETS:
        yield context.environ.get(name, "")
    for name, value in context.environ.items():
        if name in _MAY_HOLD_LOGIN or name.lower().endswith("_proxy"):
            login, at, _ = value.rpartition("@")
            _, _, password = login.rpartition("/")[2].partition(":")
            yield from (password, unquote(password)) if at else ()


DATA_FOLDER = "data folder"


@dataclass(frozen=True)
class InForce:
    """The settings that could be read, what config.toml says, and each fault by the name of its setting."""

    settings: Settings
    config: Config
    faults: Mapping[str, ProcoreLoginError]


def load_in_force(overrides: Overrides, environ: Mapping[str, str]) -> InForce:
    """Load the settings, one fault after another left out. Raises UnknownEnvironmentError (2)."""
    variables, faults, config = dict(environ), dict[str, ProcoreLoginError](), Config()
    home = find_folder(variables)
    try:
        config = load_config(home) if home else config
    except (ConfigurationError, StorageError) as error:
        faults["config"] = error
    while True:
        try:
            settings = read_settings(overrides, variables, home, config)
            return InForce(_with_folder(settings, faults), config, faults)
        except (ConfigurationError, StorageError) as error:
            if error.source in variables:
                faults[error.source] = error
                del variables[error.source]
            elif error.setting == "redirect URI":
                faults["config"] = error
                config = _without_redirect_uris(config)
            else:
                raise


def _without_redirect_uris(config: Config) -> Config:
    return config._replace(apps={name: app._replace(redirect_uri=None) for name, app in config.apps.items()})


def _with_folder(settings: Settings, faults: dict[str, ProcoreLoginError]) -> Settings:
    """The settings; without a data folder, with one in which there can be nothing, and a fault."""
    try:
        require_folder(settings.home)
    except DataFolderError as error:
        faults[DATA_FOLDER] = error
        return replace(settings, home=Path(os.devnull, "none"))
    return settings


# What a demo that cannot be started is called among the faults.
PRETEND = "pretend Procore"
# Shorter than a command's own limits: somebody waits for the whole list.
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0


@dataclass
class DoctorContext:
    """One run: what is in force, the ways to look at it, and what has been found so far.

    `broken` names the checks that others rely on and that failed; `server_ahead_s` is what a server's Date
    says; `clock` gives seconds since the epoch (UTC).
    """

    in_force: InForce
    environ: Mapping[str, str]
    console: Console
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
def open_doctor_context(
    overrides: Overrides, console: Console, *, offline: bool, clock: Callable[[], float] = time.time
) -> Iterator[DoctorContext]:
    """Put a run together; starts the embedded Procore where it is needed. Raises UnknownEnvironmentError."""
    with ExitStack() as stack:
        stack.enter_context(looking_only())
        loaded = load_in_force(overrides, os.environ)
        # Only what the contract asks of every command is said; the rest is a line of the report.
        warn_of_urls(loaded.settings)
        console.environment = loaded.settings.environment.name
        heeded = {name: value for name, value in os.environ.items() if name not in loaded.faults}
        trace_settings(loaded.settings, console, heeded)
        context = _new_context(loaded, console, clock, stack, offline)
        if loaded.settings.own_server and not offline:
            _start_demo(context, stack)
        yield context


def _new_context(
    loaded: InForce, console: Console, clock: Callable[[], float], stack: ExitStack, offline: bool
) -> DoctorContext:
    from procore_cli.client.transport import Transport
    from procore_cli.storage.opening import open_storage

    settings = loaded.settings
    limits = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    transport = Transport(
        os.environ, settings.ca_bundle, console.trace, *limits, address_timeout_s=ADDRESS_TIMEOUT_S
    )
    stack.callback(transport.close)
    storage = open_storage(
        settings.folder,
        settings.environment.name,
        settings.store,
        tell=console.say,
        warn=console.trace,
        database=settings.database,
        clock=clock,
    )
    return DoctorContext(loaded, dict(os.environ), console, storage, transport, clock, offline)


def _start_demo(context: DoctorContext, stack: ExitStack) -> None:
    from procore_cli.demo.server import DemoServer

    try:
        if DATA_FOLDER in context.in_force.faults:
            raise context.in_force.faults[DATA_FOLDER]
        server = stack.enter_context(
            DemoServer(context.settings.folder, context.clock, context.console.trace)
        )
    except ProcoreLoginError as error:
        context.in_force = InForce(
            context.settings, context.in_force.config, {**context.in_force.faults, PRETEND: error}
        )
        return
    context.in_force = InForce(
        context.settings.at(server.url), context.in_force.config, context.in_force.faults
    )
