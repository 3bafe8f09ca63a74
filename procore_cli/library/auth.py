"""The Python API: `ProcoreAuth` for requests, httpx, aiohttp; `get_token`, `current_user`; opens no browser.

Imports none of the three: it attaches headers to whatever request they hand over.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from procore_cli import log
from procore_cli.config.config_file import is_company
from procore_cli.config.environments import COMPANY_HEADER
from procore_cli.config.settings import Overrides
from procore_cli.config.urls import find_origin, is_at
from procore_cli.context import open_context
from procore_cli.errors import UsageMistakeError
from procore_cli.flows import access, service_account
from procore_cli.library.retry import AUTHORIZATION, RetryOn401
from procore_cli.library.token_cache import TokenCache, run_in_worker
from procore_cli.models import Profile
from procore_cli.threads import in_own_thread

if TYPE_CHECKING:
    from procore_cli.context import Context

R = TypeVar("R")

DEFAULT_MIN_TTL_S = 60

_living: weakref.WeakSet[ProcoreAuth] = weakref.WeakSet()


def get_token(
    env: str | None = None,
    *,
    account: str | None = None,
    company: int | str | None = None,
    min_ttl: int = DEFAULT_MIN_TTL_S,
    refused: str | None = None,
) -> str:
    """An access token that is valid for `min_ttl` seconds, refreshed when needed, as `procore-login token`.

    `env`: production, sandbox, monthly, federal or demo, else the one in force; `account`: an e-mail, a
    Procore id or "service-account", else the current account; `company` tells service accounts apart;
    `refused` is a token to which Procore answered 401: it is renewed, unless another process has done so.
    Raises ProcoreLoginError, of which SignInNeededError says that a person has to sign in (again).
    """
    _check_min_ttl(min_ttl)
    with _open_context(_new_overrides(env, account, company)) as context:
        return access.find_any_token(context, min_ttl, refused).text


def current_user(
    env: str | None = None, *, account: str | None = None, company: int | str | None = None
) -> Profile:
    """Who is signed in, as Procore says now (`procore-login whoami`). Arguments and errors as `get_token`."""
    with _open_context(_new_overrides(env, account, company)) as context:
        return access.whoami(context)


class ProcoreAuth:
    """The `auth=` of requests and httpx: attaches a valid access token, and the company's id if there is one.

    Both go to the environment's API origin (scheme, host, port) alone; a request to any other is left as it
    is, which the logger `procore_cli` says once for each origin. A 401 is answered by one renewal and one
    repetition, if the body can be sent again. Where httpx follows a redirect to another host
    (follow_redirects=True), it takes the company's id along, though not the token. Keep one for many calls,
    in many threads, tasks and forked processes: the token stays in memory as long as it is valid. It acts for
    one account, the current one of its first call unless one is named, and by the settings that were in force
    then. It can be pickled and copied: its arguments travel, no token does.
    """

    def __init__(
        self,
        env: str | None = None,
        *,
        account: str | None = None,
        company: int | str | None = None,
        min_ttl: int = DEFAULT_MIN_TTL_S,
    ) -> None:
        """`company` goes before PROCORE_COMPANY_ID and `configure`'s; the rest as `get_token`.

        Nothing is read before the first request. Raises UsageMistakeError for a company or time that is none.
        """
        _check_min_ttl(min_ttl)
        self._overrides = _new_overrides(env, account, company)
        self._min_ttl_s = min_ttl
        self._lock = threading.Lock()
        self._cache: TokenCache | None = None
        _living.add(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickle and copy take: the arguments."""
        return _new_auth, (type(self), self._overrides, self._min_ttl_s)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """ProcoreAuth itself; to httpx, which is never imported here, one of its own Auth classes."""
        return _find_class(type(self))

    @property
    def api_url(self) -> str:
        """The API's base URL, without a slash at its end. Raises ConfigurationError, UsageMistakeError."""
        return self._find_cache().settings.environment.api_url

    def __call__(self, request: R) -> R:
        """Attach the headers to a request of requests, or of anything alike. Raises ProcoreLoginError."""
        sent: Any = request
        cache = self._find_cache()
        if not _is_ours(cache, str(sent.url)):
            return request
        hears_of_401 = hasattr(sent, "register_hook")
        token = cache.find() if hears_of_401 else cache.find_checked()
        _attach(cache, sent.headers, token)
        if hears_of_401:
            sent.register_hook("response", RetryOn401(cache, token))
        return request

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """What an `httpx.Client` runs for each request. Raises ProcoreLoginError."""
        cache = self._find_cache()
        if not _is_ours(cache, str(request.url)):
            yield request
            return
        token = cache.find()
        _attach(cache, request.headers, token)
        response = yield request
        if _is_refused(cache, request, response, token):
            renewed = cache.find(token)
            if renewed != token:
                _attach(cache, request.headers, renewed)
                if (yield request).status_code == 401:
                    cache.give_up(renewed)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """What an `httpx.AsyncClient` runs for each request: nothing in it holds up the event loop.

        Raises ProcoreLoginError.
        """
        cache = await self._find_cache_async()
        if not _is_ours(cache, str(request.url)):
            yield request
            return
        token = await cache.find_async()
        _attach(cache, request.headers, token)
        response = yield request
        if _is_refused(cache, request, response, token):
            renewed = await cache.find_async(token)
            if renewed != token:
                _attach(cache, request.headers, renewed)
                if (yield request).status_code == 401:
                    cache.give_up(renewed)

    async def async_headers(self, url: object, *, refused: Mapping[str, str] | None = None) -> dict[str, str]:
        """The headers of one request to `url`, as aiohttp takes them; none for another origin than the API's.

        `refused` are those that got a 401: their token is renewed. Nothing in it holds up the event loop.
        Raises ProcoreLoginError.
        """
        cache = await self._find_cache_async()
        headers: dict[str, str] = {}
        if _is_ours(cache, str(url)):
            old = None if refused is None else refused.get(AUTHORIZATION, "").removeprefix("Bearer ")
            _attach(cache, headers, await cache.find_async(old, is_checked=True))
        return headers

    def _find_cache(self) -> TokenCache:
        with self._lock:
            if self._cache is None:
                self._cache = self._new_cache()
            return self._cache

    def _new_cache(self) -> TokenCache:
        return TokenCache(self._overrides, self._min_ttl_s)

    async def _find_cache_async(self) -> TokenCache:
        # The first call reads files.
        if self._cache is not None:
            return self._cache
        return await run_in_worker(self._find_cache)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        if self._cache is not None:
            self._cache.begin_anew()

    def _forget(self) -> None:
        with self._lock:
            self._cache = None


def _new_auth(kind: type[ProcoreAuth], overrides: Overrides, min_ttl_s: int) -> ProcoreAuth:
    return kind(
        overrides.environment, account=overrides.account, company=overrides.company, min_ttl=min_ttl_s
    )


_httpx_classes: dict[tuple[type, type], type] = {}


def _find_class(own: type) -> type:
    """What an object's class is said to be: httpx asks whether it is an `httpx.Auth`, and takes no other.

    By then httpx is loaded, whenever the object was made.
    """
    httpx = sys.modules.get("httpx")
    base = None if httpx is None else getattr(httpx, "Auth", None)
    if not isinstance(base, type):
        return own
    if (own, base) not in _httpx_classes:
        _httpx_classes[own, base] = type(own.__name__, (own, base), {})
    return _httpx_classes[own, base]


def _is_ours(cache: TokenCache, url: str) -> bool:
    """Whether a URL is at the API; that it is not is told once for each origin."""
    environment = cache.settings.environment
    if is_at(url, environment.api_url):
        return True
    _warn_of_origin(url, find_origin(environment.api_url), environment.name)
    return False


def _attach(cache: TokenCache, headers: Any, token: str) -> None:
    headers[AUTHORIZATION] = f"Bearer {token}"
    company = cache.company
    if company is not None and COMPANY_HEADER not in headers:
        headers[COMPANY_HEADER] = str(company)


def _is_refused(cache: TokenCache, request: Any, response: Any, token: str) -> bool:
    """Whether httpx got a 401 for our token from the API itself, and the request can be sent again."""
    sent = response.request
    # After a redirect it would begin at the first address once more.
    is_harmless = not response.history or request.method in ("GET", "HEAD")
    return (
        response.status_code == 401
        and is_at(str(sent.url), cache.settings.environment.api_url)
        and sent.headers.get(AUTHORIZATION) == f"Bearer {token}"
        and is_harmless
        and _is_body_there(request)
    )


def _is_body_there(request: Any) -> bool:
    """Whether httpx still has the body: what it has in memory, or a form whose files can be read again."""
    try:
        _ = request.content
    except RuntimeError:
        # httpx.RequestNotRead: the body is a stream.
        fields = getattr(request.stream, "fields", None)
        if fields is None:
            return False
        files = [getattr(field, "file", b"") for field in fields]
        return all(isinstance(file, (str, bytes)) or _is_seekable(file) for file in files)
    return True


def _is_seekable(file: Any) -> bool:
    seekable = getattr(file, "seekable", None)
    return seekable is not None and bool(seekable())


def forget_everything() -> None:
    """Let every token, account and setting go that this process holds: the next calls begin anew."""
    service_account.forget()
    for auth in list(_living):
        auth._forget()


def _begin_anew_in_child() -> None:
    for auth in _living:
        auth._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)


def _new_overrides(env: str | None, account: str | None, company: object) -> Overrides:
    if company is None:
        return Overrides(env, account, source="env=")
    text = str(company) if type(company) in (int, str) else ""
    if not is_company(text):
        raise UsageMistakeError("The company is not a number.", "Give its id, for example company=123.")
    return Overrides(env, account, int(text), source="env=")


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
