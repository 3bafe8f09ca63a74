"""The one way to Procore's servers: time limits, CA, proxies, and every failure in our own terms.

Follows no redirect, reads no `~/.netrc`, keeps no cookie, repeats nothing that may have arrived.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from procore_cli import log
from procore_cli.client.connections import ADDRESS_TIMEOUT_S, Progress, new_adapter
from procore_cli.client.network_errors import (
    Route,
    answer_lost,
    find_proxy_refusal,
    redirected,
    too_large,
    trouble_of,
    unreachable,
)
from procore_cli.client.request import Call, Stream, new_request
from procore_cli.client.responses import Answer
from procore_cli.config.urls import find_origin, is_at, is_loopback
from procore_cli.errors import (
    AnswerLostError,
    BadUrlError,
    BindingError,
    ProcoreLoginError,
    TokenRefusedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

    from procore_cli.models import Environment


def check_destination(url: str, environment: Environment, form: str | None, bearer: str | None) -> None:
    """Refuse what must not go to `url`. Raises BindingError; TokenRefusedError for a bearer that is none."""
    if form is not None:
        _check_origin(url, environment.login_url, environment)
    if bearer is not None:
        _check_origin(url, environment.api_url, environment)
        _check_bearer(bearer, environment)


def _check_origin(url: str, base_url: str, environment: Environment) -> None:
    if not is_at(url, base_url):
        raise BindingError(
            f"{environment.name}: {find_origin(url)} is not {find_origin(base_url)}; nothing was sent.",
            "Check PROCORE_LOGIN_URL and PROCORE_API_URL.",
        )


def _check_bearer(bearer: str, environment: Environment) -> None:
    # Anything else could end the header and begin another (RFC 6750, section 2.1).
    if not bearer or not all("!" <= character <= "~" for character in bearer):
        raise TokenRefusedError(
            f"{environment.name}: this access token cannot be one (it is empty, or has an odd character).",
            "If it comes from PROCORE_ACCESS_TOKEN, set that again without spaces and line ends.",
        )


def find_proxy(url: str) -> str | None:
    """The proxy's URL for a request to `url`, or None. Raises BadUrlError for one that cannot be used.

    Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; lower case comes first, empty counts as not set.
    """
    from requests.utils import should_bypass_proxies

    target = urlsplit(url)
    # Not by getproxies, for which an empty one in lower case hides the other one.
    names = (name for base in (f"{target.scheme}_proxy", "all_proxy") for name in (base, base.upper()))
    variable = next((name for name in names if os.environ.get(name, "").strip()), None)
    if variable is None or is_loopback(target.hostname or "") or should_bypass_proxies(url, no_proxy=None):
        return None
    return _read_proxy(os.environ[variable].strip(), variable)


def _read_proxy(value: str, variable: str) -> str:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        # A password with # or / in it would be taken for the host, and shown as one.
        usable = usable and "@" not in url.partition("://")[2][len(parts.netloc) :]
    except ValueError:
        usable = False
    if not usable:
        # The value may hold the proxy's password, so it is not shown.
        raise BadUrlError(
            f"The proxy from {variable} cannot be used: it must be http://HOST:PORT or https://HOST:PORT.",
            f"Correct {variable}, or unset it.",
        )
    return url


_SHOWN = ("content-type", "date", "retry-after", "server", "x-request-id")
_SHOWN_PREFIX = "x-rate-limit-"


def exchange_line(method: str, url: str, outcome: str, took_ms: float, headers: Mapping[str, str]) -> str:
    """One line of printable characters; `outcome` is the status, or the name of what went wrong."""
    shown = [
        f"{name}: {value}"
        for name, value in sorted(headers.items())
        if name in _SHOWN or name.startswith(_SHOWN_PREFIX)
    ]
    return _printable("; ".join([f"{method} {url.partition('?')[0]} {outcome} {took_ms:.0f} ms", *shown]))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
LARGEST_BODY = 1024 * 1024
_SAFE_METHODS = frozenset(("GET", "HEAD"))
_FORM_TYPE = "application/x-www-form-urlencoded"
_CHUNK = 16 * 1024


class Transport:
    """Exchanges with Procore, over connections that are kept until `close`.

    `ca_bundle` is REQUESTS_CA_BUNDLE's file or folder, None means the operating system's CA store.
    `connect_timeout_s` is over all addresses of a host, `address_timeout_s` for each but the last.
    """

    def __init__(
        self,
        ca_bundle: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        *,
        address_timeout_s: float = ADDRESS_TIMEOUT_S,
    ) -> None:
        self._ca_bundle = ca_bundle
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._progress = Progress(read_timeout_s, address_timeout_s)
        self._adapter: HTTPAdapter | None = None

    def prepare(self, url: str) -> None:
        """Load what an exchange with `url` needs; connects to nobody. Raises CaFileError, BadUrlError."""
        request = new_request(Call("GET", url), _new_auth(None))
        self._find_adapter().get_connection_with_tls_context(request, verify=True)

    def close(self) -> None:
        """Close the connections that were kept; the transport can be used again."""
        if self._adapter is not None:
            self._adapter.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        environment: Environment,
        form: str | None = None,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One exchange: a `form` goes to the login origin only, a `bearer` to the API origin only.

        Raises BindingError for any other origin, UnreachableError when nothing was sent, AnswerLostError when
        the request may have arrived, RedirectRefusedError, UnexpectedAnswerError for an answer that is too
        large, TokenRefusedError for a bearer that is none, CaFileError, BadUrlError (`url` or a proxy).
        """
        check_destination(url, environment, form, bearer)
        proxy = find_proxy(url)
        route = Route(environment.name, _host_of(url), proxy and _host_of(proxy), self._ca_bundle)
        form_header = {} if form is None else {"Content-Type": _FORM_TYPE}
        call = Call(method, url, {**(headers or {}), **form_header})
        request = new_request(call, _new_auth(bearer))
        if form is not None:
            request.prepare_body(form, None)
        answer = self._repeat_if_safe(call, partial(self._exchange, request, route, proxy))
        if 300 <= answer.status < 400:
            raise redirected(url, answer.status, answer.headers.get("location", ""), route)
        return answer

    def open(self, call: Call, *, environment: Environment, bearer: str | None = None) -> Stream:
        """One exchange whose answer is read as it comes; a `bearer` goes to the API origin only.

        The time limit is for each wait, not for the whole. Raises as `request` does; a redirect is an answer.
        """
        check_destination(call.url, environment, None, bearer)
        proxy = find_proxy(call.url)
        route = Route(environment.name, _host_of(call.url), proxy and _host_of(proxy), self._ca_bundle)

        def begin() -> Stream:
            # A body is opened anew for each attempt.
            return self._begin(new_request(call, _new_auth(bearer)), route, proxy)

        return self._repeat_if_safe(call, begin)

    def _repeat_if_safe(self, call: Call, attempt: Callable[[], T]) -> T:
        """Try; once more if it failed at once and what failed cannot have had an effect."""
        safe = (UnreachableError, AnswerLostError) if call.method in _SAFE_METHODS else (UnreachableError,)
        started = time.monotonic()
        try:
            return attempt()
        except safe:
            if time.monotonic() - started >= self._connect_timeout_s or not call.is_repeatable:
                raise
        return attempt()

    def _begin(self, request: PreparedRequest, route: Route, proxy: str | None) -> Stream:
        started = time.monotonic()
        self._progress.begin(answer_timeout_s=None)
        try:
            with self._translated(route):
                response = self._dispatch(request, proxy)
            if refusal := find_proxy_refusal(response.status_code, request.url or "", route):
                response.close()
                raise refusal
        except ProcoreLoginError as error:
            self._tell(request, type(error).__name__, started, {})
            raise
        stream = Stream(response, request.url or "", partial(self._translated, route))
        self._tell(request, str(stream.status), started, stream.headers)
        return stream

    def _exchange(self, request: PreparedRequest, route: Route, proxy: str | None) -> Answer:
        started = time.monotonic()
        try:
            answer = self._send(request, route, proxy)
        except ProcoreLoginError as error:
            self._tell(request, type(error).__name__, started, {})
            raise
        self._tell(request, str(answer.status), started, answer.headers)
        return answer

    def _send(self, request: PreparedRequest, route: Route, proxy: str | None) -> Answer:
        self._progress.begin(self._read_timeout_s)
        try:
            with self._translated(route), self._dispatch(request, proxy) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                answer = Answer(response.status_code, headers, _read_body(response, route))
        finally:
            self._progress.end()
        if self._progress.late:
            raise answer_lost(self._too_slow(), route)
        return answer

    def _dispatch(self, request: PreparedRequest, proxy: str | None) -> Response:
        adapter = self._find_adapter()
        if request.method != "GET":
            # A kept connection may be dead by now, and then nobody knows whether the request arrived.
            adapter.close()
        return adapter.send(
            request,
            stream=True,
            timeout=(self._connect_timeout_s, self._read_timeout_s),
            proxies={"all": proxy} if proxy else {},
        )

    @contextmanager
    def _translated(self, route: Route) -> Iterator[None]:
        from http.client import HTTPException

        from urllib3.exceptions import HTTPError

        try:
            yield
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            raise self._failure(error, route) from None

    def _failure(self, error: BaseException, route: Route) -> ProcoreLoginError:
        if not self._progress.sent:
            return unreachable(error, route, self._connect_timeout_s)
        late = self._progress.late
        return answer_lost(self._too_slow() if late else trouble_of(error, self._too_slow()), route)

    def _too_slow(self) -> str:
        return f"no complete answer within {self._read_timeout_s:g} s"

    def _find_adapter(self) -> HTTPAdapter:
        if self._adapter is None:
            self._adapter = new_adapter(self._progress, self._ca_bundle)
        return self._adapter

    def _tell(
        self, request: PreparedRequest, outcome: str, started: float, headers: Mapping[str, str]
    ) -> None:
        took_ms = (time.monotonic() - started) * 1000
        log.trace(exchange_line(request.method or "", request.url or "", outcome, took_ms, headers))


def _new_auth(bearer: str | None) -> Callable[[PreparedRequest], PreparedRequest]:
    # requests looks into ~/.netrc where no auth is given, so there always is one.
    def auth(request: PreparedRequest) -> PreparedRequest:
        if bearer is not None:
            request.headers["Authorization"] = f"Bearer {bearer}"
        return request

    return auth


def _read_body(response: Response, route: Route) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > LARGEST_BODY:
            raise too_large(LARGEST_BODY, route)
    return bytes(body)


def _host_of(url: str) -> str:
    return find_origin(url).partition("://")[2]
