"""The Python API: `ProcoreAuth` for requests and httpx, `get_token`, `current_user`; never opens a browser.

Imports neither requests nor httpx: it attaches headers to whatever request either of them hands over.
"""

from __future__ import annotations

import copy
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from procore_cli import log
from procore_cli.config.environments import COMPANY_HEADER
from procore_cli.config.settings import Overrides, load_settings
from procore_cli.config.urls import find_origin, is_at
from procore_cli.context import Context, open_context
from procore_cli.errors import (
    BindingError,
    ConfigurationError,
    ProcoreLoginError,
    UsageMistakeError,
    errors_in,
)
from procore_cli.flows import access
from procore_cli.models import Profile
from procore_cli.threads import in_own_thread

if TYPE_CHECKING:
    from procore_cli.storage.recovery import Loaded

R = TypeVar("R")

DEFAULT_MIN_TTL_S = 60
AUTHORIZATION = "Authorization"
# Where new tokens are refused as old ones are, each call would cost a refresh.
_GIVEN_UP_S = 60

_living: weakref.WeakSet[ProcoreAuth] = weakref.WeakSet()


def get_token(env: str | None = None, *, account: str | None = None, min_ttl: int = DEFAULT_MIN_TTL_S) -> str:
    """An access token that is valid for `min_ttl` seconds, refreshed when needed, as `procore-login token`.

    `env`: production, sandbox, monthly, federal or demo, else the one in force; `account`: an e-mail or
    Procore id, else the current account. Raises ProcoreLoginError, of which SignInNeededError says that a
    person has to sign in (again).
    """
    _check_min_ttl(min_ttl)
    with _open_context(Overrides(env, account, source="env=")) as context:
        return access.token(context, min_ttl)


def current_user(env: str | None = None, *, account: str | None = None) -> Profile:
    """Who is signed in, as Procore says now (`procore-login whoami`). Arguments and errors as `get_token`."""
    with _open_context(Overrides(env, account, source="env=")) as context:
        return access.whoami(context)


class ProcoreAuth:
    """The `auth=` of requests and httpx: attaches a valid access token, and the company's id if there is one.

    Both go to the environment's API origin (scheme, host, port) alone; a request to any other is left as it
    is, which the logger `procore_cli` says once for each origin. With requests a 401 is answered by one
    refresh and one repetition, if the body can be sent again. httpx repeats nothing, and where it follows a
    redirect to another host (follow_redirects=True), it takes the company's id along, though not the token.
    Keep one for many calls, in many threads and forked processes: the token stays in memory as long as it is
    valid. It acts for one account, the current one of its first call unless one is named, and by the settings
    that were in force then.
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
        self._overrides = Overrides(env, account, source="env=")
        self._company = company
        self._min_ttl_s = min_ttl
        self._lock = threading.Lock()
        self._cache: TokenCache | None = None
        _living.add(self)

    def __call__(self, request: R) -> R:
        """Attach the headers to a request of requests or httpx, and return it. Raises ProcoreLoginError."""
        sent: Any = request
        cache = self._find_cache()
        settings = cache.settings
        origin = find_origin(settings.environment.api_url)
        if not is_at(str(sent.url), origin):
            _warn_of_origin(str(sent.url), origin, settings.environment.name)
            return request
        hears_of_401 = hasattr(sent, "register_hook")
        token = cache.find() if hears_of_401 else cache.find_checked()
        sent.headers[AUTHORIZATION] = f"Bearer {token}"
        company = self._company or settings.company
        if company is not None and COMPANY_HEADER not in sent.headers:
            sent.headers[COMPANY_HEADER] = str(company)
        if hears_of_401:
            sent.register_hook("response", RetryOn401(cache, origin, token))
        return request

    def _find_cache(self) -> TokenCache:
        with self._lock:
            if self._cache is None:
                self._cache = TokenCache(self._overrides, self._min_ttl_s)
            return self._cache

    def _begin_anew(self) -> None:
        """In a process that was forked: what another thread held at that moment would be held for ever."""
        self._lock = threading.Lock()
        if self._cache is not None:
            self._cache.lock = threading.Lock()


def _begin_anew_in_child() -> None:
    for auth in _living:
        auth._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)


def _check_min_ttl(min_ttl: object) -> None:
    if type(min_ttl) is not int or min_ttl < 0:
        raise UsageMistakeError("min_ttl is not a number of seconds.", "Give it as in min_ttl=60.")


def _warn_of_origin(url: str, origin: str, name: str) -> None:
    """Tell once for each origin why a request carries no token; path and query are nobody's business."""
    try:
        other = find_origin(url)
    except ValueError:
        other = "an address that is none"
    if other == origin:
        other += " with more than host and port in its address"
    log.warn(f"{name}: a request to {other} carries no token; ProcoreAuth is for {origin} alone.")


def _open_context(overrides: Overrides) -> AbstractContextManager[Context]:
    # A program's signals are its own: what must not be cut off happens in a thread of its own.
    return open_context(overrides, log.LOG_CONSOLE, shield=in_own_thread)


class TokenCache:
    """One account's tokens: the account that was current at the first call, unless one is named.

    `settings` are those of the first call: a token is never sent to where others would have it sent.
    """

    def __init__(self, overrides: Overrides, min_ttl_s: int) -> None:
        """Raises ConfigurationError, UsageMistakeError."""
        self.settings = load_settings(overrides, os.environ)
        if self.settings.own_server:
            raise ConfigurationError(
                "there is no pretend Procore to call: PROCORE_LOGIN_URL is not set.",
                "Run procore-login demo serve and set the variables that it prints, or run your program by"
                " procore-login exec --env demo -- ...",
            ).happened_in(self.settings.environment.name)
        self.lock = threading.Lock()
        self._min_ttl_s = min_ttl_s
        self._loaded: Loaded | None = None
        self._failure: ProcoreLoginError | None = None
        self._given_up: tuple[str, float] = ("", 0)

    def find(self, refused: str | None = None) -> str:
        """A token that is not `refused`, unless there is no other. Raises any of our errors."""
        if self.settings.access_token:
            access.say_token_is_from_elsewhere()
            return self.settings.access_token
        if refused == self._given_up[0] and time.time() < self._given_up[1]:
            return refused
        former_failure = self._failure
        if token := self._find_in_hand(refused):
            return token
        with self.lock:
            # One thread fetches for all; those who waited share what came of it, a failure too.
            if token := self._find_in_hand(refused):
                return token
            if self._failure is not None and self._failure is not former_failure:
                raise copy.copy(self._failure)
            try:
                self._loaded = loaded = self._load(refused)
            except ProcoreLoginError as error:
                # A copy: the error itself holds the frames that it came through.
                self._failure = copy.copy(error)
                raise
            return loaded.tokens.access_token

    def find_checked(self) -> str:
        """As `find`, for a caller that will not hear of a 401: another process may have renewed the token.

        Costs a look into the database, none into the keyring.
        """
        if (loaded := self._loaded) is not None:
            with self._open() as context:
                expires_at = context.accounts.find_expiry(access.find_account(context))
            if expires_at != loaded.tokens.expires_at:
                self._loaded = None
        return self.find()

    def give_up(self, token: str) -> None:
        """A new token was refused as well: for a minute, its refusals are not the token's fault."""
        self._given_up = (token, time.time() + _GIVEN_UP_S)

    def _find_in_hand(self, refused: str | None) -> str | None:
        """The token that will do without a look into the store, if there is one."""
        loaded = self._loaded
        if loaded is None or loaded.is_due(time.time(), self._min_ttl_s):
            return None
        token = loaded.tokens.access_token
        return token if token != refused else None

    def _load(self, refused: str | None) -> Loaded:
        with self._open() as context:
            account = access.find_account(context)
            # From now on it is this one, whichever may become current meanwhile.
            self.settings = replace(self.settings, account=str(account.user.procore_id))
            try:
                return access.load_valid(context, account, self._min_ttl_s, refused=refused)
            except BindingError as error:
                again = "If it was changed since the first call: make a new ProcoreAuth."
                raise error.reworded(error.message, f"{error.hint} {again}") from None

    @contextmanager
    def _open(self) -> Iterator[Context]:
        with errors_in(self.settings.environment.name), ExitStack() as stack:
            yield Context(self.settings, log.LOG_CONSOLE, time.time, in_own_thread, stack)


class RetryOn401:
    """A response hook for one request of requests, and for the redirects that follow it."""

    def __init__(self, cache: TokenCache, origin: str, token: str) -> None:
        self._cache = cache
        self._origin = origin
        self._token = token
        self._is_spent = False

    def __call__(self, response: Any, *_: Any, **options: Any) -> Any:
        """Return the answer that counts. Raises any of our errors."""
        request = response.request
        if response.status_code == 401 and self._is_ours(request):
            response = self._repeat(response, request, options)
        if not self._stays_here(response):
            # requests copies a request for each redirect, and would hand our headers on.
            for name in (AUTHORIZATION, COMPANY_HEADER):
                request.headers.pop(name, None)
        return response

    def _is_ours(self, request: Any) -> bool:
        sent = request.headers.get(AUTHORIZATION)
        return not self._is_spent and sent == f"Bearer {self._token}" and is_at(request.url, self._origin)

    def _repeat(self, response: Any, request: Any, options: dict[str, Any]) -> Any:
        self._is_spent = True
        try:
            token = self._cache.find(self._token)
        except BaseException:
            # Nobody else will get hold of this answer.
            response.close()
            raise
        connection = getattr(response, "connection", None)
        if token == self._token or connection is None or not _rewind(request):
            return response
        # What is left of the answer is read, so that its connection can be used again.
        _ = response.content
        response.close()
        request.headers[AUTHORIZATION] = f"Bearer {token}"
        repeated = connection.send(request.copy(), **options)
        repeated.history.append(response)
        if repeated.status_code == 401:
            self._cache.give_up(token)
        return repeated

    def _stays_here(self, response: Any) -> bool:
        if not response.is_redirect:
            return True
        target = response.headers["location"]
        try:
            return "\\" not in target and is_at(urljoin(response.url, target), self._origin)
        except ValueError:
            return False


def _rewind(request: Any) -> bool:
    """Whether the body can be sent once more, as it was."""
    if request.body is None or isinstance(request.body, (str, bytes)):
        return True
    # requests notes where a file stood before it was read; of a generator it notes nothing.
    place = getattr(request, "_body_position", None)
    if not isinstance(place, int):
        return False
    try:
        request.body.seek(place)
    except (AttributeError, OSError, ValueError):
        return False
    return True
