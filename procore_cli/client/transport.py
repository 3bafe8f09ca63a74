"""The one way to Procore's servers: time limits, CA, proxies, and every failure in our own terms.

Follows no redirect, reads no `~/.netrc`, keeps no cookie, repeats nothing that may have arrived.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlsplit

from requests import PreparedRequest, Request, Response
from requests.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError

from procore_cli import __version__, log
from procore_cli.client.connections import ADDRESS_TIMEOUT_S, Adapter, BeforeSend, Progress
from procore_cli.client.network_errors import (
    Proxy,
    Route,
    answer_lost,
    find_proxy_refusal,
    redirected,
    too_large,
    trouble_of,
    unreachable,
)
from procore_cli.client.request import Body, Call, new_body
from procore_cli.client.responses import Answer, Stream
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
    from procore_cli.models import Environment

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
LARGEST_BODY = 1024 * 1024
_SAFE_METHODS = frozenset(("GET", "HEAD"))
# What no error text may repeat, whatever the server says.
_SECRET_FIELDS = frozenset(("client_secret", "code", "code_verifier", "refresh_token", "token"))


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
        self._adapter: Adapter | None = None

    def prepare(self, url: str) -> None:
        """Load what an exchange with `url` needs; connects to nobody. Raises CaFileError, BadUrlError."""
        self._find_adapter().get_connection_with_tls_context(
            _new_request(Call("GET", url), None), verify=True
        )

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
        before_send: BeforeSend | None = None,
    ) -> Answer:
        """One exchange: a `form` goes to the login origin only, a `bearer` to the API origin only.

        `before_send` is called once there is a connection, before the first byte; its errors go through.
        Raises BindingError for any other origin, UnreachableError when nothing was sent, AnswerLostError when
        the request may have arrived, RedirectRefusedError, UnexpectedAnswerError for an answer that is too
        large, TokenRefusedError for a bearer that is none, CaFileError, BadUrlError (`url` or a proxy).
        """
        body = None
        if form is not None:
            _check_origin(url, environment.login_url)
            headers = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
            body = new_body(form.encode())
        call = Call(method, url, headers or {}, body)
        route = self._find_route(call, environment, bearer)
        secrets = [value for name, value in parse_qsl(form or "") if name in _SECRET_FIELDS]

        def exchange() -> Answer:
            try:
                with closing(self._begin(call, bearer, route, self._read_timeout_s, before_send)) as stream:
                    content = _read_body(stream, route)
                    answer = Answer(stream.status, stream.headers, content, (*secrets, *stream.secrets))
            finally:
                self._progress.end()
            if self._progress.late:
                # What was cut off may look like an end.
                raise answer_lost(self._too_slow(), route)
            return answer

        answer = self._repeat_if_safe(call, exchange)
        if 300 <= answer.status < 400:
            raise redirected(url, answer.status, answer.headers.get("location", ""), route)
        return answer

    def open(self, call: Call, *, environment: Environment, bearer: str | None = None) -> Stream:
        """One exchange whose answer is read as it comes; a `bearer` goes to the API origin only.

        The time limit is for each wait, not for the whole. Raises as `request` does; a redirect is an answer.
        """
        route = self._find_route(call, environment, bearer)
        return self._repeat_if_safe(call, lambda: self._begin(call, bearer, route, None))

    def _find_route(self, call: Call, environment: Environment, bearer: str | None) -> Route:
        if bearer is not None:
            _check_origin(call.url, environment.api_url)
            _check_bearer(bearer)
        host = find_origin(call.url).partition("://")[2]
        return Route(host, find_proxy(call.url), self._ca_bundle)

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

    def _begin(
        self,
        call: Call,
        bearer: str | None,
        route: Route,
        answer_timeout_s: float | None,
        before_send: BeforeSend | None = None,
    ) -> Stream:
        """Send the call, whose body is opened anew for it, and read the answer's head."""
        request = _new_request(call, bearer)
        started = time.monotonic()
        self._progress.begin(answer_timeout_s, before_send)
        try:
            with self._translated(route):
                response = self._send(request, route.proxy)
            secrets = (bearer,) if bearer else ()
            stream = Stream(response, call.url, secrets, partial(self._translated, route))
            if refusal := find_proxy_refusal(stream.status, call.url, route):
                stream.close()
                raise refusal
        except ProcoreLoginError as error:
            _trace(call, type(error).__name__, started, {})
            raise
        _trace(call, str(stream.status), started, stream.headers)
        return stream

    def _send(self, request: PreparedRequest, proxy: Proxy | None) -> Response:
        adapter = self._find_adapter()
        if request.method != "GET":
            # A kept connection may be dead by now, and then nobody knows whether the request arrived.
            adapter.close()
        return adapter.send(
            request,
            stream=True,
            timeout=(self._connect_timeout_s, self._read_timeout_s),
            proxies={"all": proxy.url} if proxy else {},
        )

    @contextmanager
    def _translated(self, route: Route) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            if not self._progress.sent:
                raise unreachable(error, route, self._connect_timeout_s) from None
            late = self._progress.late
            why = self._too_slow() if late else trouble_of(error, self._too_slow())
            raise answer_lost(why, route) from None

    def _too_slow(self) -> str:
        return f"no complete answer within {self._read_timeout_s:g} s"

    def _find_adapter(self) -> Adapter:
        if self._adapter is None:
            self._adapter = Adapter(self._progress, self._ca_bundle)
        return self._adapter


_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"procore-login/{__version__}",
}


def _new_request(call: Call, bearer: str | None) -> PreparedRequest:
    """A call as requests sends it, with an access token if it is to have one. Raises BadUrlError."""

    def auth(request: PreparedRequest) -> PreparedRequest:
        if bearer is not None:
            request.headers["Authorization"] = f"Bearer {bearer}"
        return request

    theirs = {name.lower() for name in call.headers}
    headers = {name: value for name, value in _HEADERS.items() if name.lower() not in theirs}
    try:
        # requests looks into ~/.netrc where no auth is given, so there always is one.
        request = Request(call.method, call.url, headers={**headers, **call.headers}, auth=auth).prepare()
    except ValueError:
        raise BadUrlError(
            f"{find_origin(call.url)} is not an address that can be called.",
            "Check PROCORE_LOGIN_URL and PROCORE_API_URL.",
        ) from None
    if call.body is not None:
        _add_body(request, call.body)
    return request


def _add_body(request: PreparedRequest, body: Body) -> None:
    # An iterable of bytes, whatever it comes from; requests would measure and rewind files by itself.
    request.body = body.open()  # type: ignore[assignment]
    request.headers.pop("Content-Length", None)
    if body.length is None:
        request.headers["Transfer-Encoding"] = "chunked"
    else:
        request.headers["Content-Length"] = str(body.length)


def _read_body(stream: Stream, route: Route) -> bytes:
    body = bytearray()
    for chunk in stream.chunks():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise too_large(LARGEST_BODY, route)
    return bytes(body)


def _check_origin(url: str, base_url: str) -> None:
    if not is_at(url, base_url):
        raise BindingError(
            f"{find_origin(url)} is not {find_origin(base_url)}; nothing was sent.",
            "Check PROCORE_LOGIN_URL and PROCORE_API_URL.",
        )


def _check_bearer(bearer: str) -> None:
    # Anything else could end the header and begin another (RFC 6750, section 2.1).
    if not bearer or not all("!" <= character <= "~" for character in bearer):
        raise TokenRefusedError(
            "this access token cannot be one (it is empty, or has an odd character).",
            "If it comes from PROCORE_ACCESS_TOKEN, set that again without spaces and line ends.",
        )


_SHOWN = ("content-type", "date", "retry-after", "server", "x-request-id")
_SHOWN_PREFIX = "x-rate-limit-"


def _trace(call: Call, outcome: str, started: float, headers: Mapping[str, str]) -> None:
    """A line for `--debug`; `outcome` is the status, or the name of what went wrong."""
    took_ms = (time.monotonic() - started) * 1000
    shown = [
        f"{name}: {value}"
        for name, value in sorted(headers.items())
        if name in _SHOWN or name.startswith(_SHOWN_PREFIX)
    ]
    log.trace("; ".join([f"{call.method} {call.url.partition('?')[0]} {outcome} {took_ms:.0f} ms", *shown]))


def find_proxy(url: str) -> Proxy | None:
    """The proxy for a request to `url`, or None. Raises BadUrlError for one that cannot be used.

    Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; lower case comes first, empty counts as not set.
    """
    target = urlsplit(url)
    # Not by getproxies, for which an empty one in lower case hides the other one.
    names = (name for base in (f"{target.scheme}_proxy", "all_proxy") for name in (base, base.upper()))
    variable = next((name for name in names if os.environ.get(name, "").strip()), None)
    if variable is None or is_loopback(target.hostname or "") or should_bypass_proxies(url, no_proxy=None):
        return None
    return Proxy(_read_proxy(os.environ[variable].strip(), variable), variable)


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
