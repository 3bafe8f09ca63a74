"""What touches the world, put together once for a command and handed to the flow; decides nothing itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli import log
from procore_cli.config.settings import Overrides, Settings, load_settings
from procore_cli.config.variables import find_set, without_what_exec_set
from procore_cli.console import Console, load_drawing
from procore_cli.errors import BadUrlError, ProcoreLoginError, errors_in
from procore_cli.interruption import new_command_shield
from procore_cli.threads import once

if TYPE_CHECKING:
    from procore_cli.callback.receiver import BrowserOptions, CallbackReceiver, Opener
    from procore_cli.client.api import Api
    from procore_cli.client.oauth import OAuth
    from procore_cli.client.transport import Transport
    from procore_cli.models import Environment, StoreName
    from procore_cli.storage.accounts import AccountStore
    from procore_cli.storage.files import ClientSecrets
    from procore_cli.storage.opening import Storage
    from procore_cli.storage.store import TokenStore
    from procore_cli.threads import Shield


# What a command does not use it does not load: each part is imported where it is put together.

# Whoever waits for a browser is told soon whether Procore answers at all.
_REACH_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Context:
    """Everything outside of a command that the flow uses."""

    settings: Settings
    console: Console
    local_clock: Callable[[], float]
    shield: Shield
    _closing: ExitStack

    @once
    def storage(self) -> Storage:
        """What stays of the environment; accounts and tokens are what most flows ask of it."""
        # Put together where it is needed: a token from elsewhere takes no data folder.
        return new_storage(self.settings, self.settings.environment.name, self.local_clock)

    def clock(self) -> float:
        """Seconds (UTC) by the clock that the ages of tokens go by: this machine's, or the database's."""
        return self.local_clock() if self.settings.shared is None else self.tokens.now()

    @property
    def accounts(self) -> AccountStore:
        """Who is known and current; loads nothing that keeps secrets."""
        return self.storage.accounts

    @property
    def tokens(self) -> TokenStore:
        """The accounts and their tokens."""
        return self.storage.tokens

    @once
    def oauth(self) -> OAuth:
        """The environment's OAuth server."""
        from procore_cli.client.oauth import OAuth

        environment = self._environment
        return OAuth(self._transport, environment, self.clock)

    @once
    def api(self) -> Api:
        """The environment's API."""
        from procore_cli.client.api import Api

        environment = self._environment
        return Api(self._transport, environment, self.settings.company)

    def prepare(self) -> None:
        """Load what a sign-in needs once the browser is back, so that nobody waits for it then."""
        load_drawing()
        # What fails here fails again where it is used, and is told there.
        with suppress(ProcoreLoginError):
            _ = self.oauth, self.api
            self._transport.prepare(self._environment.login_url)
            self._transport.prepare(self._environment.api_url)

    @once
    def _environment(self) -> Environment:
        """Where things are sent; starts the embedded Procore if that is it and nobody has done so."""
        return put_online(self.settings, self.local_clock, self._closing).environment

    @once
    def _transport(self) -> Transport:
        # Made where something is sent: `token` mostly reads alone.
        from procore_cli.client.transport import Transport

        transport = Transport(self.settings.ca_bundle)
        self._closing.callback(transport.close)
        return transport

    def receive(self, link: str, state: str, browser_options: BrowserOptions) -> CallbackReceiver:
        """The way out to the browser and back, for one sign-in, whose link carries `state`."""
        from shutil import which

        from procore_cli.callback.browser import Place, find_browser, find_place
        from procore_cli.callback.pending import PendingCallback
        from procore_cli.callback.receiver import CallbackReceiver

        pending = PendingCallback(state, bare_code=self.settings.redirect_uri.is_oob)
        place = find_place(os.environ, sys.platform)
        opener: Opener | None = None
        if not browser_options.no_browser:
            opener = find_browser(browser_options.browser, os.environ, sys.platform, which)
            if opener is None and self.settings.own_server:
                from procore_cli.demo.visitor import VisitorOpener

                # It comes back from inside of this process, wherever that runs.
                opener, place = VisitorOpener(pending.give_up), Place.DESK
        name = self.settings.environment.name
        reach = None if self.settings.own_server else self._reach
        return CallbackReceiver(
            self.settings.redirect_uri,
            link,
            pending,
            browser_options,
            opener,
            self.console,
            name,
            place,
            reach=reach,
        )

    def _reach(self) -> None:
        """Find out whether the login host answers, beside whatever else is sent. Raises as `OAuth.reach`."""
        from procore_cli.client.oauth import OAuth
        from procore_cli.client.transport import Transport

        transport = Transport(self.settings.ca_bundle, read_timeout_s=_REACH_TIMEOUT_S)
        with closing(transport):
            OAuth(transport, self._environment, self.clock).reach()


@contextmanager
def open_context(
    overrides: Overrides,
    console: Console,
    *,
    online: bool = True,
    clock: Callable[[], float] | None = None,
    shield: Shield | None = None,
) -> Iterator[Context]:
    """Load the settings and put the world together; starts the embedded Procore where it is needed.

    `online`: the command talks to Procore in any case; else the embedded one starts with the first call.
    `shield` does what must not be cut off; a command's own holds signals back.
    Raises ConfigurationError, UsageMistakeError, StorageError.
    """
    settings = load_command_settings(overrides, console)
    # Looked up here: a test of a program's may have put another one there.
    clock = clock or time.time
    with errors_in(settings.environment.name), ExitStack() as stack:
        if online:
            settings = put_online(settings, clock, stack)
        yield Context(settings, console, clock, shield or new_command_shield(console), stack)


def load_command_settings(
    overrides: Overrides, console: Console, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings of a command, whose errors name the environment then. Raises as `load_settings`."""
    with log.phase("settings"):
        settings = load_settings(overrides, environ)
    console.environment = settings.environment.name
    trace_settings(settings, console)
    return settings


def trace_settings(settings: Settings, console: Console) -> None:
    """Say for `--debug` what is in force, and who says so."""
    if not console.debug:
        return
    for name, (value, source) in settings.describe().items():
        console.trace(f"setting: {name} = {value} (from {source})")
    for what, url in (("login", settings.environment.login_url), ("API", settings.environment.api_url)):
        console.trace(f"setting: proxy for the {what} URL {_describe_proxy(url)}")
    present = find_set(os.environ)
    ignored = present.keys() - without_what_exec_set(settings.environment.name, present).keys()
    if ignored:
        names = ", ".join(sorted(ignored))
        console.trace(f"ignored, since exec set them for {present['PROCORE_ENV']}: {names}")


def _describe_proxy(url: str) -> str:
    from procore_cli.client.transport import find_proxy

    if not url:
        return "= none (from loopback)"
    try:
        proxy = find_proxy(url)
    except BadUrlError as error:
        return f"cannot be used: {error.message}"
    if proxy is None:
        return "= none (from default)"
    return f"= {urlsplit(proxy.url).scheme}://{proxy.host} (from {proxy.variable})"


def put_online(settings: Settings, clock: Callable[[], float], stack: ExitStack) -> Settings:
    """The settings with the embedded Procore's address, if that is what is meant; starts it then."""
    if not settings.own_server or settings.environment.login_url:
        return settings
    from procore_cli.demo.server import DemoServer

    server = stack.enter_context(DemoServer(settings.folder, clock))
    return settings.at(server.url)


def new_client_secrets(settings: Settings, store: StoreName) -> ClientSecrets:
    """The client secrets of an environment in a store that need not be the one in force."""
    from procore_cli.storage.opening import Storage

    return Storage(settings.home, settings.environment.name, store).client_secrets


def new_storage(settings: Settings, environment: str, clock: Callable[[], float] | None = None) -> Storage:
    """What stays of an environment, which need not be the one in force."""
    from procore_cli.storage.opening import Storage

    return Storage(
        settings.home,
        environment,
        settings.store,
        database=settings.named_database,
        shared=settings.shared,
        clock=clock,
    )
