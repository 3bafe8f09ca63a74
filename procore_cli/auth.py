"""The Python API: `ProcoreAuth` for requests and httpx, `get_token`, `current_user`; never opens a browser.

Imports neither requests nor httpx: it attaches headers to whatever request either of them hands over.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from procore_cli.config.environments import COMPANY_HEADER
from procore_cli.config.settings import Asked, Settings, load_settings
from procore_cli.config.urls import find_origin, is_at
from procore_cli.errors import ConfigurationError, UsageMistakeError
from procore_cli.models import Profile

if TYPE_CHECKING:
    from procore_cli.bearer import Bearers

DEFAULT_MIN_TTL_S = 60

R = TypeVar("R")

_living: weakref.WeakSet[ProcoreAuth] = weakref.WeakSet()


def get_token(env: str | None = None, *, account: str | None = None, min_ttl: int = DEFAULT_MIN_TTL_S) -> str:
    """An access token that is valid for `min_ttl` seconds, refreshed when needed, as `procore-login token`.

    `env`: production, sandbox, monthly, federal or demo, else the one in force; `account`: an e-mail or
    Procore id, else the current account. Raises ProcoreLoginError, of which SignInNeededError says that a
    person has to sign in (again).
    """
    from procore_cli.flows import access
    from procore_cli.logged import TELLER
    from procore_cli.threads import in_own_thread
    from procore_cli.world import open_world

    _check_min_ttl(min_ttl)
    with open_world(Asked(env, account, source="env="), TELLER, shield=in_own_thread) as world:
        return access.token(world, min_ttl)


def current_user(env: str | None = None, *, account: str | None = None) -> Profile:
    """Who is signed in, as Procore says now (`procore-login whoami`). Arguments and errors as `get_token`."""
    from procore_cli.flows import access
    from procore_cli.logged import TELLER
    from procore_cli.threads import in_own_thread
    from procore_cli.world import open_world

    with open_world(Asked(env, account, source="env="), TELLER, shield=in_own_thread) as world:
        return access.whoami(world)


class ProcoreAuth:
    """The `auth=` of requests and httpx: attaches a valid access token, and the company's id if there is one.

    Both go to the environment's API origin (scheme, host, port) alone; a request to any other is left as it
    is, which the logger `procore_cli` says once for each origin. With requests a 401 is answered by one
    refresh and one repetition, if the body can be sent again. httpx repeats nothing, and where it follows a
    redirect to another host (follow_redirects=True), it takes the company's id along, though not the token.
    Keep one for many calls, in many threads and forked processes: the token stays in memory as long as it is
    valid. It acts for one account, the current one of its first call unless one is named.
    """

    def __init__(
        self,
        env: str | None = None,
        *,
        account: str | None = None,
        company: int | None = None,
        min_ttl: int = DEFAULT_MIN_TTL_S,
    ) -> None:
        """`company` goes before PROCORE_COMPANY_ID and `configure`'s; the rest as `get_token`.

        Nothing is read before the first request. Raises UsageMistakeError for a company or time that is none.
        """
        if company is not None and (type(company) is not int or company < 1):
            raise UsageMistakeError("The company is not a number.", "Give its id, for example company=123.")
        _check_min_ttl(min_ttl)
        self._asked = Asked(env, account, source="env=")
        self._company = company
        self._min_ttl_s = min_ttl
        self._lock = threading.Lock()
        self._opened: tuple[Settings, Bearers] | None = None
        _living.add(self)

    def __call__(self, request: R) -> R:
        """Attach the headers to a request of requests or httpx, and return it. Raises ProcoreLoginError."""
        from procore_cli import repetition

        sent: Any = request
        settings, bearers = self._open()
        origin = find_origin(settings.environment.api_url)
        if not is_at(str(sent.url), origin):
            _say_refused(str(sent.url), origin, settings.environment.name)
            return request
        hears_of_401 = hasattr(sent, "register_hook")
        token = bearers.find() if hears_of_401 else bearers.find_checked()
        sent.headers[repetition.AUTHORIZATION] = f"Bearer {token}"
        company = self._company or settings.company
        if company is not None and COMPANY_HEADER not in sent.headers:
            sent.headers[COMPANY_HEADER] = str(company)
        if hears_of_401:
            sent.register_hook(
                "response", repetition.Repetition(origin, token, bearers.find, bearers.give_up)
            )
        return request

    def _open(self) -> tuple[Settings, Bearers]:
        with self._lock:
            if self._opened is None:
                self._opened = self._new_opened()
            return self._opened

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        if self._opened is not None:
            self._opened[1].begin_anew()

    def _new_opened(self) -> tuple[Settings, Bearers]:
        from procore_cli.bearer import Bearers
        from procore_cli.logged import TELLER

        settings = load_settings(self._asked, os.environ, TELLER.warn_once)
        if settings.own_server:
            raise ConfigurationError(
                "demo: there is no pretend Procore to call: PROCORE_LOGIN_URL is not set.",
                "Run procore-login demo serve and set the variables that it prints, or run your program by"
                " procore-login exec --env demo -- ...",
            )
        return settings, Bearers(self._asked, settings, self._min_ttl_s, TELLER, time.time)


def _say_refused(url: str, origin: str, name: str) -> None:
    """Tell once for each origin why a request carries no token; path and query are nobody's business."""
    from procore_cli.logged import TELLER

    try:
        other = find_origin(url)
    except ValueError:
        other = "an address that is none"
    if other == origin:
        other += " with more than host and port in its address"
    TELLER.warn_once(f"{name}: a request to {other} carries no token; ProcoreAuth is for {origin} alone.")


def _begin_anew_in_child() -> None:
    # A lock that another thread held at the fork would be held in the child for ever.
    for auth in _living:
        auth._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)


def _check_min_ttl(min_ttl: object) -> None:
    if type(min_ttl) is not int or min_ttl < 0:
        raise UsageMistakeError("min_ttl is not a number of seconds.", "Give it as in min_ttl=60.")
