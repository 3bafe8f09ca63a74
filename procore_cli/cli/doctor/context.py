"""What the checks of `doctor` share: a check's words, what is in force, and the ways to look at it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from procore_cli.client.transport import Transport
from procore_cli.config.config_file import Config, load_config
from procore_cli.config.folders import find_folder, require_folder
from procore_cli.config.private_files import looking_only
from procore_cli.config.settings import Overrides, Settings, read_settings, warn_of_urls
from procore_cli.config.variables import find_set
from procore_cli.console import Console
from procore_cli.context import new_storage, put_online, trace_settings
from procore_cli.errors import ConfigurationError, DataFolderError, ProcoreLoginError, StorageError
from procore_cli.storage.opening import Storage

# So many files are named.
MOST_NAMED = 3
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


def name_some(found: Sequence[object]) -> str:
    """The first of them by name, and how many more there are."""
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(map(str, found[:MOST_NAMED])) + more


def unchecked(name: str, ground: str) -> Check:
    """What it relies on is not in order; the line about that says what to do."""
    return warning(name, f"not checked: {ground} is not in order.", "Mend that first, then run doctor again.")


# Names of checks that others rely on.
DATA_FOLDER, CONFIG, DATABASE, WRITING, KEYRING = (
    "data folder",
    "config",
    "database",
    "database writing",
    "keyring",
)
PRETEND = "pretend Procore"
# Shorter than a command's own limits: somebody waits for the whole list.
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0


@dataclass
class DoctorContext:
    """One run: what is in force, the ways to look at it, and what has been found so far.

    `faults` are what could not be read, by the variable that says it or the check that tells it; `broken`
    the names of those and of the checks that failed or were not made. `server_ahead_s` is what a server's
    Date says; `clock` gives seconds since the epoch (UTC).
    """

    settings: Settings
    config: Config
    faults: Mapping[str, ProcoreLoginError]
    environ: Mapping[str, str]
    storage: Storage
    transport: Transport
    clock: Callable[[], float]
    offline: bool
    broken: set[str] = field(default_factory=set)
    server_ahead_s: float | None = None

    def __post_init__(self) -> None:
        self.broken |= self.faults.keys()

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.settings.environment.name


@contextmanager
def open_doctor_context(
    overrides: Overrides, console: Console, *, offline: bool, clock: Callable[[], float] = time.time
) -> Iterator[DoctorContext]:
    """Put a run together; starts the embedded Procore where it is needed. Raises UnknownEnvironmentError."""
    with looking_only(), ExitStack() as stack:
        settings, config, faults = _load(overrides)
        # The rest that commands warn of is a line of the report.
        warn_of_urls(settings)
        console.environment = settings.environment.name
        environ = {name: value for name, value in os.environ.items() if name not in faults}
        trace_settings(settings, console, environ)
        if settings.own_server and not offline:
            settings = _start_demo(settings, faults, clock, stack)
        transport = Transport(settings.ca_bundle, CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        stack.callback(transport.close)
        storage = new_storage(settings, settings.environment.name, clock)
        yield DoctorContext(settings, config, faults, dict(os.environ), storage, transport, clock, offline)


def _load(overrides: Overrides) -> tuple[Settings, Config, dict[str, ProcoreLoginError]]:
    """What can be read, with each fault left out and noted. Raises UnknownEnvironmentError (2)."""
    variables, faults = dict(find_set(os.environ)), dict[str, ProcoreLoginError]()
    config: Config | None = None
    while True:
        try:
            home = find_folder(variables)
            if config is None:
                config = load_config(home)
            return _with_folder(read_settings(overrides, variables, home, config), faults), config, faults
        except (ConfigurationError, StorageError) as error:
            if variables.pop(error.source, None):
                faults[error.source] = error
            elif CONFIG in faults:
                raise
            else:
                faults[CONFIG] = error
                config = _without_redirect_uris(config or Config())


def _without_redirect_uris(config: Config) -> Config:
    # All else in it was checked as it was loaded.
    apps = {name: app._replace(redirect_uri=None) for name, app in config.apps.items()}
    return config._replace(apps=apps)


def _with_folder(settings: Settings, faults: dict[str, ProcoreLoginError]) -> Settings:
    """The settings; without a data folder, with one in which there can be nothing, and a fault."""
    try:
        require_folder(settings.home)
    except DataFolderError as error:
        faults[DATA_FOLDER] = error
        return replace(settings, home=Path(os.devnull, "none"))
    return settings


def _start_demo(
    settings: Settings,
    faults: dict[str, ProcoreLoginError],
    clock: Callable[[], float],
    stack: ExitStack,
) -> Settings:
    try:
        if DATA_FOLDER in faults:
            raise faults[DATA_FOLDER]
        return put_online(settings, clock, stack)
    except ProcoreLoginError as error:
        faults[PRETEND] = error
        return settings


_SECRETS = ("PROCORE_CLIENT_SECRET", "PROCORE_ACCESS_TOKEN")
_MAY_HOLD_LOGIN = ("PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_REDIRECT_URI")
# Shorter ones are part of ordinary words.
_SHORTEST = 4


def conceal(check: Check, environ: Mapping[str, str]) -> Check:
    """The check without the values of secret variables, and without the passwords in their URLs."""
    detail, fix = check.detail, check.fix
    for secret in _list_secrets(environ):
        if len(secret) >= _SHORTEST:
            detail, fix = detail.replace(secret, "[not shown]"), fix.replace(secret, "[not shown]")
    return replace(check, detail=detail, fix=fix)


def _list_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if name in _SECRETS:
            yield value
        if name in _MAY_HOLD_LOGIN or name.lower().endswith("_proxy"):
            login, at, _ = value.rpartition("@")
            _, _, password = login.rpartition("/")[2].partition(":")
            yield from (password, unquote(password)) if at else ()
