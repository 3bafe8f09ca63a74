"""What the checks of `doctor` share: a line of the report, what is in force, and the ways to look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from procore_cli.client.transport import Transport
from procore_cli.config.config_file import Config, load_config
from procore_cli.config.folders import find_folder, warn_of_sudo
from procore_cli.config.private_files import looking_only
from procore_cli.config.settings import Overrides, Settings, read_settings
from procore_cli.config.urls import warn_of_urls
from procore_cli.config.variables import find_set
from procore_cli.console import Console
from procore_cli.context import new_storage, trace_settings
from procore_cli.errors import ConfigurationError, ProcoreLoginError, StorageError
from procore_cli.models import SERVICE_ACCOUNT
from procore_cli.storage.database import ReadOnlyDatabase
from procore_cli.storage.local_accounts import LocalAccounts
from procore_cli.storage.opening import Storage

if TYPE_CHECKING:
    from procore_cli.storage.accounts import AccountStore
    from procore_cli.storage.postgres.connection import PostgresDatabase

# So many files are named.
MOST_NAMED = 3
# Shorter than a command's own limits: somebody waits for the whole list.
_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 10.0


class Check(NamedTuple):
    """A line of the report; `fix` is what to type or where to look, `error` why it failed.

    `name` is empty where it is that of the step.
    """

    status: Literal["ok", "warning", "failed"]
    detail: str
    fix: str = ""
    name: str = ""
    error: ProcoreLoginError | None = None


def fine(detail: str, name: str = "") -> Check:
    """All is as it should be."""
    return Check("ok", detail, name=name)


def warning(detail: str, fix: str, name: str = "") -> Check:
    """Signing in can work, but a person should know of this."""
    return Check("warning", detail, fix, name)


def failed(error: ProcoreLoginError, name: str = "") -> Check:
    """Signing in cannot work."""
    return Check("failed", error.message, error.hint, name, error)


def unchecked(ground: str) -> Check:
    """What it relies on is not in order; the line about that says what to do."""
    return warning(f"not checked: {ground} is not in order.", "Mend that first, then run doctor again.")


def shown(value: object, secret: str | None) -> str:
    """A value as the report may show it: not where the client secret was pasted in its place."""
    return "[not shown]" if value == secret else str(value)


def name_some(found: Sequence[object]) -> str:
    """The first of them by name, and how many more there are."""
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(map(str, found[:MOST_NAMED])) + more


@dataclass
class DoctorContext:
    """One run: what is in force, the ways to look at it, and what has been found so far.

    `faults` are what could not be read, by the variable that says it or the check that tells it; `broken`
    the names of those and of the checks that failed or were not made. `server_ahead_s` is what a server's
    Date says.
    """

    settings: Settings
    config: Config
    faults: Mapping[str, ProcoreLoginError]
    offline: bool
    closing: ExitStack
    broken: set[str]
    server_ahead_s: float | None = None

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.settings.environment.name

    @cached_property
    def keeps_nothing(self) -> bool:
        """Whether commands use a service account that lasts as long as their process (CI)."""
        is_asked_for = os.environ.get("PROCORE_LOGIN_ACCOUNT", "").strip().casefold() == SERVICE_ACCOUNT
        is_given = self.settings.is_from_variable("client id") and self.settings.client_secret is not None
        if not (is_asked_for and is_given):
            return False
        try:
            return not self.accounts.list_signed_in(1)
        except StorageError:
            return False

    @cached_property
    def storage(self) -> Storage:
        """What stays of the environment. Raises DataFolderError."""
        return new_storage(self.settings, self.name)

    @cached_property
    def accounts(self) -> AccountStore:
        """Who is known, without a change to it. Raises StorageError."""
        return LocalAccounts(self.database) if self.settings.shared is None else self.storage.accounts

    @cached_property
    def postgres(self) -> PostgresDatabase:
        """The shared database. Raises ConfigurationError."""
        from procore_cli.storage.postgres.connection import PostgresDatabase

        if self.settings.shared is None:
            raise AssertionError("asked for where the settings name one")
        return PostgresDatabase(self.settings.shared)

    @cached_property
    def database(self) -> ReadOnlyDatabase:
        """What the database says, without a change to it. Raises StorageError."""
        return ReadOnlyDatabase(self.settings.folder, self.name, self.settings.database)

    @cached_property
    def transport(self) -> Transport:
        """The way to Procore. Raises CaFileError."""
        transport = Transport(self.settings.ca_bundle, _CONNECT_TIMEOUT_S, _READ_TIMEOUT_S)
        self.closing.callback(transport.close)
        return transport


@contextmanager
def open_doctor_context(overrides: Overrides, console: Console, *, offline: bool) -> Iterator[DoctorContext]:
    """Put a run together. Raises UnknownEnvironmentError."""
    with looking_only(), ExitStack() as stack:
        settings, config, faults = _load(overrides)
        # The rest that commands warn of is a line of the report.
        warn_of_urls(settings.environment)
        warn_of_sudo(settings.home, find_set(os.environ))
        console.environment = settings.environment.name
        trace_settings(settings, console)
        yield DoctorContext(settings, config, faults, offline, stack, set(faults))


def _load(overrides: Overrides) -> tuple[Settings, Config, dict[str, ProcoreLoginError]]:
    """What can be read, with each fault left out and noted. Raises UnknownEnvironmentError (2)."""
    variables, faults = dict(find_set(os.environ)), dict[str, ProcoreLoginError]()
    config: Config | None = None
    while True:
        try:
            home = find_folder(variables)
            config = load_config(home) if config is None else config
            return read_settings(overrides, variables, home, config), config, faults
        except (ConfigurationError, StorageError) as error:
            if variables.pop(error.source, None):
                faults[error.source] = error
            elif "config" in faults:
                raise
            else:
                faults["config"] = error
                # Its redirect URIs alone are checked here; all else was when it was loaded.
                config = (config or Config())._replace(apps={})
