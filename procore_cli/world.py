"""What touches the world, put together once for a command and handed to the flow; decides nothing itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from procore_cli.environments import ENVIRONMENTS
from procore_cli.errors import StorageError
from procore_cli.render import Teller
from procore_cli.settings import Asked, Settings, load_settings

if TYPE_CHECKING:
    from procore_cli.callback.inbox import Pairs
    from procore_cli.callback.reception import Opener, Reception, Ways
    from procore_cli.models import StoreName
    from procore_cli.procore.api import Api
    from procore_cli.procore.oauth import OAuth
    from procore_cli.procore.transport import Transport
    from procore_cli.store.apps import KnownApps
    from procore_cli.store.credentials import ClientSecrets
    from procore_cli.store.vault import Vault


@dataclass(frozen=True)
class World:
    """Everything outside of a command that the flow uses."""

    settings: Settings
    teller: Teller
    vault: Vault
    client_secrets: ClientSecrets
    known_apps: KnownApps
    clock: Callable[[], float]
    _closing: ExitStack

    @cached_property
    def oauth(self) -> OAuth:
        """The environment's OAuth server."""
        from procore_cli.procore.oauth import OAuth

        return OAuth(self._transport, self.settings.environment, self.clock)

    @cached_property
    def api(self) -> Api:
        """The environment's API."""
        from procore_cli.procore.api import Api

        return Api(self._transport, self.settings.environment)

    @cached_property
    def _transport(self) -> Transport:
        # Made where something is sent: `token` mostly reads alone.
        from procore_cli.procore.transport import Transport

        transport = Transport(os.environ, self.settings.ca_bundle, self.teller.trace)
        self._closing.callback(transport.close)
        return transport

    def receive(self, link: str, is_ours: Callable[[Pairs], bool], ways: Ways) -> Reception:
        """The way out to the browser and back, for one sign-in."""
        from procore_cli.callback.inbox import Inbox
        from procore_cli.callback.place import Place, find_place
        from procore_cli.callback.reception import Reception

        place = find_place(os.environ, sys.platform)
        opener = None if ways.no_browser else self._find_browser(ways)
        if opener is None and not ways.no_browser and self.settings.own_server:
            # It comes back from inside of this process, wherever that runs.
            opener, place = self._new_visitor(), Place.DESK
        name = self.settings.environment.name
        return Reception(
            self.settings.redirect_uri, link, Inbox(is_ours), ways, opener, self.teller, name, place
        )

    def _find_browser(self, ways: Ways) -> Opener | None:
        from shutil import which

        from procore_cli.callback.browser import find_browser

        return find_browser(ways.browser, os.environ, sys.platform, which)

    def _new_visitor(self) -> Opener:
        from procore_cli.demo.opener import VisitorOpener

        return VisitorOpener(self.teller.warn)


@contextmanager
def open_world(
    asked: Asked, teller: Teller, *, online: bool = True, clock: Callable[[], float] = time.time
) -> Iterator[World]:
    """Load the settings and put the world together; starts the embedded Procore where it is needed.

    `online` says that the command talks to Procore.
    Raises ConfigurationError, UsageMistakeError, StorageError.
    """
    settings = load_settings(asked, os.environ, teller.warn_once)
    teller.environment = settings.environment.name
    for name, source in settings.sources.items():
        teller.trace(f"{name} comes from {source}")
    with ExitStack() as stack:
        if online and settings.own_server:
            from procore_cli.demo.server import DemoServer

            server = stack.enter_context(DemoServer(settings.folder, clock, teller.warn))
            settings = settings.at(server.url)
        yield _new_world(settings, teller, clock, stack)


def find_known_environments(teller: Teller) -> list[str]:
    """The environments that have a database here: the one in force first, others if they have an account.

    Raises as `open_world`.
    """
    settings = load_settings(Asked(heeds_account=False), os.environ, teller.warn_once)
    in_force = settings.environment.name
    others = [name for name in ENVIRONMENTS if name != in_force and _has_accounts(settings, name, teller)]
    return [in_force, *others] if settings.database.exists() else others


def _has_accounts(settings: Settings, environment: str, teller: Teller) -> bool:
    from procore_cli.store.opening import open_storage

    database = settings.find_database(environment)
    if not database.exists():
        return False
    storage = open_storage(
        settings.folder, environment, settings.store, tell=teller.say, warn=teller.warn, database=database
    )
    try:
        return storage.vault.is_known()
    except StorageError:
        # What is wrong with it is told when it is opened.
        return True


def new_client_secrets(settings: Settings, store: str, teller: Teller) -> ClientSecrets:
    """The client secrets of an environment in a store that need not be the one in force."""
    from procore_cli.store.credentials import ClientSecrets
    from procore_cli.store.opening import new_stores

    stores = new_stores(settings.folder, teller.say, teller.warn)
    return ClientSecrets(stores, cast("StoreName", store), settings.environment.name)


def _new_world(settings: Settings, teller: Teller, clock: Callable[[], float], stack: ExitStack) -> World:
    from procore_cli.store.opening import open_storage

    storage = open_storage(
        settings.folder,
        settings.environment.name,
        settings.store,
        tell=teller.say,
        warn=teller.warn,
        database=settings.database,
        clock=clock,
    )
    return World(settings, teller, storage.vault, storage.client_secrets, storage.known_apps, clock, stack)
