"""The one way to Procore's servers: time limits, CA, proxies, and every failure in our own terms.

Follows no redirect, reads no `~/.netrc`, keeps no cookie, repeats nothing that may have arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from procore_cli import __version__
from procore_cli.errors import (
    AnswerLostError,
    BadUrlError,
    ProcoreLoginError,
    UnreachableError,
)
from procore_cli.procore.answers import Answer
from procore_cli.procore.origins import check_destination
from procore_cli.procore.progress import Progress, Watched
from procore_cli.procore.proxies import find_proxy
from procore_cli.procore.trace import exchange_line
from procore_cli.procore.troubles import Route, answer_lost, redirected, too_large, trouble_of, unreachable
from procore_cli.procore.trust import new_system_context, read_ca_bundle
from procore_cli.urls import find_origin

if TYPE_CHECKING:
    import ssl

    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

    from procore_cli.models import Environment

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
LARGEST_BODY = 1024 * 1024
_CHUNK = 16 * 1024


class Transport:
    """Exchanges with Procore, over connections that are kept until `close`.

    `environ` holds the proxy variables; `ca_bundle` is REQUESTS_CA_BUNDLE's file or folder, None means the
    operating system's CA store; `trace` takes a line for each exchange (`--debug`).
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        ca_bundle: str | None = None,
        trace: Callable[[str], None] | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._environ = environ
        self._ca_bundle = ca_bundle
        self._trace = trace
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._progress = Progress(read_timeout_s)
        self._adapter: HTTPAdapter | None = None

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
    ) -> Answer:
        """One exchange: a `form` goes to the login origin only, a `bearer` to the API origin only.

        Raises BindingError for any other origin, UnreachableError when nothing was sent, AnswerLostError when
        the request may have arrived, RedirectRefusedError, UnexpectedAnswerError for an answer that is too
        large, TokenRefusedError for a bearer that is none, CaFileError, BadUrlError (`url` or a proxy).
        """
        check_destination(url, environment, form, bearer)
        proxy = find_proxy(url, self._environ)
        route = Route(environment.name, _host_of(url), proxy and _host_of(proxy))
        request = _new_request(method, url, form, bearer)
        answer = self._repeat_if_safe(request, route, proxy)
        if 300 <= answer.status < 400:
            raise redirected(url, answer.status, answer.headers.get("location", ""), route)
        return answer

    def _repeat_if_safe(self, request: PreparedRequest, route: Route, proxy: str | None) -> Answer:
        """Send; once more if it failed at once and what failed cannot have had an effect."""
        safe = (UnreachableError, AnswerLostError) if request.method == "GET" else (UnreachableError,)
        started = time.monotonic()
        try:
            return self._exchange(request, route, proxy)
        except safe:
            if time.monotonic() - started >= self._connect_timeout_s:
                raise
        return self._exchange(request, route, proxy)

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
        from http.client import HTTPException

        from urllib3.exceptions import HTTPError

        adapter = self._find_adapter()
        if request.method != "GET":
            # A kept connection may be dead by now, and then nobody knows whether the request arrived.
            adapter.close()
        self._progress.begin()
        try:
            answer = self._receive(adapter, request, route, proxy)
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            raise self._failure(error, route) from None
        finally:
            self._progress.end()
        if self._progress.late:
            raise answer_lost(self._too_slow(), route)
        return answer

    def _receive(
        self, adapter: HTTPAdapter, request: PreparedRequest, route: Route, proxy: str | None
    ) -> Answer:
        with adapter.send(
            request,
            stream=True,
            timeout=(self._connect_timeout_s, self._read_timeout_s),
            proxies={"all": proxy} if proxy else {},
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, _read_body(response, route))

    def _failure(self, error: BaseException, route: Route) -> ProcoreLoginError:
        if not self._progress.sent:
            return unreachable(error, route, self._connect_timeout_s)
        late = self._progress.late
        return answer_lost(self._too_slow() if late else trouble_of(error, self._too_slow()), route)

    def _too_slow(self) -> str:
        return f"no complete answer within {self._read_timeout_s:g} s"

    def _find_adapter(self) -> HTTPAdapter:
        if self._adapter is None:
            self._adapter = _new_adapter(self._progress, self._ca_bundle)
        return self._adapter

    def _tell(
        self, request: PreparedRequest, outcome: str, started: float, headers: Mapping[str, str]
    ) -> None:
        if self._trace is not None:
            took_ms = (time.monotonic() - started) * 1000
            self._trace(exchange_line(request.method or "", request.url or "", outcome, took_ms, headers))


def _new_request(method: str, url: str, form: str | None, bearer: str | None) -> PreparedRequest:
    from requests import Request

    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"procore-login/{__version__}",
    }
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        return Request(method, url, headers=headers, data=form, auth=_new_auth(bearer)).prepare()
    except ValueError:
        raise BadUrlError(
            f"{find_origin(url)} is not an address that can be called.",
            "Check PROCORE_LOGIN_URL and PROCORE_API_URL.",
        ) from None


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


def _new_adapter(progress: Progress, ca_bundle: str | None) -> HTTPAdapter:
    from requests.adapters import HTTPAdapter

    # A CA file that was asked for is read at once; the system's store, only when TLS is spoken.
    contexts = [read_ca_bundle(ca_bundle)] if ca_bundle else []

    def find_context() -> ssl.SSLContext:
        if not contexts:
            contexts.append(new_system_context())
        return contexts[0]

    class Adapter(HTTPAdapter):
        """requests' adapter with our CA and watched connections."""

        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            if not issubclass(pool.ConnectionCls, Watched):
                bases = (Watched, pool.ConnectionCls)
                pool.ConnectionCls = type("WatchedConnection", bases, {"progress": progress})
            return pool

        def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
            host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
            return host, {"ssl_context": find_context()} if host["scheme"] == "https" else {}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, proxy_ssl_context=find_context(), **kwargs)

        def cert_verify(self, *args: Any, **kwargs: Any) -> None:
            """Do nothing: requests would add certifi's CAs here, the context has ours."""

    return Adapter()
