"""Every item of a list that Procore gives in pages, through a session of requests or httpx."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from procore_cli.client.paging import Pager
from procore_cli.client.paths import read_url
from procore_cli.client.responses import find_wait_s
from procore_cli.config.urls import find_origin
from procore_cli.errors import UnexpectedAnswerError, UsageMistakeError
from procore_cli.library.auth import ProcoreAuth
from procore_cli.library.token_cache import run_in_worker
from procore_cli.models import Environment

DEFAULT_TIMEOUT_S = 60.0
DEFAULT_MAX_WAIT_S = 60.0


def pages(
    session: Any,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    timeout: float = DEFAULT_TIMEOUT_S,
    max_wait: float = DEFAULT_MAX_WAIT_S,
) -> Pages:
    """The items of a list of the API, one after the other, whatever page they are on.

    `session` is a requests.Session, an httpx.Client (`for item in pages(...)`) or an httpx.AsyncClient
    (`async for`), with whatever authentication it has; a relative `path` goes to the API's base URL of its
    ProcoreAuth, else of the environment in force. Lists of REST v1 and the `data` of v2 are read. `timeout`
    (seconds) is each request's; where Procore asks for a pause (429, 503) it is made, `max_wait` seconds at
    most for each page. Raises UsageMistakeError for a path that cannot be called, RedirectRefusedError for a
    next page at another origin, UnexpectedAnswerError for what is no list, ProcoreLoginError as ProcoreAuth
    does, and what the session itself raises: an error answer is its HTTPError or HTTPStatusError.
    """
    return Pages(session, path, params, timeout, max_wait)


class Pages:
    """What `pages` gives: to be gone through by `for` or `async for`, from the first page each time."""

    def __init__(
        self, session: Any, path: str, params: Mapping[str, Any] | None, timeout_s: float, max_wait_s: float
    ) -> None:
        self._session = session
        self._path = path
        self._params = params
        self._timeout_s = timeout_s
        self._max_wait_s = max_wait_s

    def __iter__(self) -> Iterator[Any]:
        """Each item. Raises as `pages` says."""
        walk = self._begin()
        while walk.url is not None:
            response = self._session.get(walk.url, **self._options(walk.url))
            wait_s = walk.take_wait_s(response)
            if wait_s:
                time.sleep(wait_s)
            else:
                yield from walk.read(response)
                walk.turn(response)

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Each item. Raises as `pages` says."""
        walk = await run_in_worker(partial(self._begin, is_async=True))
        while walk.url is not None:
            response = await self._session.get(walk.url, **self._options(walk.url))
            wait_s = walk.take_wait_s(response)
            if wait_s:
                await _sleep(wait_s)
                continue
            for item in walk.read(response):
                yield item
            walk.turn(response)

    def _begin(self, *, is_async: bool = False) -> _Walk:
        if inspect.iscoroutinefunction(self._session.get) != is_async:
            loop = "for item in pages(...)" if is_async else "async for item in pages(...)"
            raise UsageMistakeError("This loop does not fit the session.", f"Write: {loop}")
        environment = _find_environment(self._session, self._path)
        url = read_url(self._path, environment)
        if self._params:
            url += ("&" if "?" in url else "?") + urlencode(self._params, doseq=True)
        return _Walk(environment, url, self._max_wait_s)

    def _options(self, url: str) -> dict[str, Any]:
        options: dict[str, Any] = {"timeout": self._timeout_s}
        common = getattr(self._session, "params", None)
        if common and not isinstance(common, dict):
            # httpx puts a client's parameters in the place of the URL's own; requests puts them beside these.
            options["params"] = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        return options


class _Walk:
    """Which page is next, and how long to wait before it."""

    def __init__(self, environment: Environment, url: str, max_wait_s: float) -> None:
        self.url: str | None = url
        self._pager = Pager(environment, url)
        self._max_wait_s = max_wait_s
        self._left_s = max_wait_s

    def take_wait_s(self, response: Any) -> float | None:
        """The pause before this page is asked for again; None where none is to be made."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        wait_s = find_wait_s(response.status_code, headers, time.time())
        if wait_s is None or wait_s > self._left_s:
            return None
        self._left_s -= wait_s
        return wait_s

    def read(self, response: Any) -> list[Any]:
        """The page's items."""
        response.raise_for_status()
        content: Any = None
        with suppress(ValueError):
            content = response.json()
        if isinstance(content, dict):
            content = content.get("data")
        if not isinstance(content, list):
            raise UnexpectedAnswerError(
                f"Procore did not answer with a list ({response.status_code}).",
                "Call the path with the session's own get, and see what comes.",
            )
        return content

    def turn(self, response: Any) -> None:
        """On to the next page, which is where `url` says then."""
        self.url = self._pager.find_next(response.headers.get("link", ""), str(response.url))
        self._left_s = self._max_wait_s


def _find_environment(session: Any, path: str) -> Environment:
    auth = getattr(session, "auth", None)
    if isinstance(auth, ProcoreAuth):
        return Environment("", "", auth.api_url)
    if "://" in path and urlsplit(path).scheme in ("http", "https"):
        with suppress(ValueError):
            return Environment("", "", find_origin(path))
    return Environment("", "", ProcoreAuth().api_url)


async def _sleep(seconds: float) -> None:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        from anyio import sleep

        await sleep(seconds)
    else:
        await asyncio.sleep(seconds)
