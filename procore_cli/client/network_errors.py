"""Why an exchange failed, in plain words and as one of our errors; repeats no text that may hold a secret."""

from __future__ import annotations

import os
import re
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import ProxyError

from procore_cli.client.certificates import find_store_faults
from procore_cli.config.urls import find_origin
from procore_cli.errors import (
    AnswerLostError,
    RedirectRefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)

# OpenSSL's numbers (x509_vfy.h).
_EARLY, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_UNKNOWN_CA = frozenset((2, 19, 20, 21))
_ANOTHER_HOST = frozenset((62, 64))


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EARLY:
        return "its certificate is not valid yet"
    if error.verify_code == _EXPIRED:
        return "its certificate has expired"
    if error.verify_code in _ANOTHER_HOST:
        return "its certificate is for another host"
    if error.verify_code == _SELF_SIGNED:
        return "its certificate is not trusted: it is self-signed"
    if error.verify_code in _UNKNOWN_CA:
        return "its certificate is not trusted: it was issued by a CA that this machine does not know"
    return f"its certificate is not trusted ({error.verify_message or 'no reason given'})"


def _certificate_hint(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code in (_EARLY, _EXPIRED):
        return f"Check the date and time of this machine; if they are right, tell those who run {host}."
    if error.verify_code in _ANOTHER_HOST:
        return (
            "Check PROCORE_LOGIN_URL, PROCORE_API_URL and HTTPS_PROXY; a network that asks for a login page"
            " answers for other hosts too."
        )
    return (
        "If your network inspects TLS, ask those who run it for its CA certificate, and set"
        " REQUESTS_CA_BUNDLE to the file; a file that is set there replaces the system's CAs."
    )


# Foreign libraries wrap an error in an error; deeper than this nothing new turns up.
_MOST_CAUSES = 20
_TUNNEL_ANSWER = re.compile(r"Tunnel connection failed: (\d{3})")
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
# Only a variable sends anybody there.
_NOT_RUNNING = (
    "Run what is to answer there, such as `procore-login demo serve`, or unset PROCORE_LOGIN_URL and"
    " PROCORE_API_URL."
)
_TRY_AGAIN = "Check the network and Procore's status page, then run the command again."
_NO_NAME = "its name cannot be resolved"
_NO_NAME_HINT = "Check the network; if only a proxy leads out of it, set HTTPS_PROXY to http://HOST:PORT."
_PASSWORD_ASKED = 407


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the variable that names it."""

    url: str = field(repr=False)
    variable: str

    @property
    def host(self) -> str:
        """Its host and port; its user and password are nobody's business."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


class Route(NamedTuple):
    """Where a request goes: the host, and the proxy before it if there is one.

    `ca_bundle` is whose certificates are believed, as for `Transport`.
    """

    host: str
    proxy: Proxy | None
    ca_bundle: str | None


def unreachable(error: BaseException, route: Route, connect_timeout_s: float) -> UnreachableError:
    """The error for a connection that was never made, from what a library raised."""
    causes = list(_causes(error))
    answers = (_TUNNEL_ANSWER.match(str(cause)) for cause in causes)
    tunnel_status = next((int(answer[1]) for answer in answers if answer), None)
    is_proxys = tunnel_status is not None or any(isinstance(each, ProxyError) for each in causes)
    proxy = route.proxy if is_proxys else None
    reason, hint = trouble_of(error, f"no connection within {connect_timeout_s:g} s"), ""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason, hint = _explain_certificate(cause, proxy.host if proxy else route.host, route)
            break
    if proxy:
        return _proxy_refusal(proxy, route.host, tunnel_status, reason, hint)
    if not hint and route.host.startswith(_THIS_MACHINE):
        hint = _NOT_RUNNING
    return UnreachableError(
        f"{route.host} cannot be reached: {reason}. Nothing was sent.",
        hint or (_NO_NAME_HINT if reason == _NO_NAME else _TRY_AGAIN),
    )


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str, route: Route) -> tuple[str, str]:
    """What is wrong with a certificate, and what to do: perhaps it is this machine that knows no CA."""
    is_untrusted = error.verify_code == _SELF_SIGNED or error.verify_code in _UNKNOWN_CA
    faults = find_store_faults(os.environ) if is_untrusted and not route.ca_bundle else []
    if faults:
        words = f"its certificate is not trusted: {' and '.join(fault.words for fault in faults)}"
        return words, " ".join(fault.fix for fault in faults)
    return _certificate_words(error), _certificate_hint(error, host)


def find_proxy_refusal(status: int, url: str, route: Route) -> UnreachableError | None:
    """The error for a plain http request that the proxy did not pass on; None if the answer is a server's."""
    # In a tunnel no answer is the proxy's own (RFC 9110, section 15.5.8).
    if status != _PASSWORD_ASKED or route.proxy is None or url.startswith("https:"):
        return None
    return _proxy_refusal(route.proxy, route.host, status, "", "")


def _proxy_refusal(proxy: Proxy, host: str, status: int | None, reason: str, hint: str) -> UnreachableError:
    hint = hint or "Check HTTPS_PROXY (http://USER:PASSWORD@HOST:PORT) and NO_PROXY."
    if status == _PASSWORD_ASKED:
        reason = "it asks for a user name and password (407)"
        hint = (
            "Set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT, or correct it there; write special characters"
            " as in a URL (%40 for @)."
        )
    elif status is not None:
        reason = f"it refuses to connect to {host} ({status})"
    return UnreachableError(f"the proxy {proxy.host} cannot be used: {reason}. Nothing was sent.", hint)


def answer_lost(reason: str, route: Route) -> AnswerLostError:
    """The error for a request that may have arrived while its answer did not."""
    return AnswerLostError(f"no usable answer from {route.host}: {reason}.", _TRY_AGAIN)


def redirected(url: str, status: int, location: str, route: Route) -> RedirectRefusedError:
    """The error for a redirect; of its target only the origin is named, the rest may hold a secret."""
    target = "an unknown place"
    with suppress(ValueError):
        joined = urlsplit(urljoin(url, location))
        if location and joined.scheme in ("http", "https") and joined.hostname:
            target = find_origin(joined.geturl())
    return RedirectRefusedError(
        f"{route.host} answered with a redirect ({status}) to {target}; it was not followed.",
        "Check PROCORE_LOGIN_URL and PROCORE_API_URL; a network that asks for a login page redirects too.",
    )


def too_large(limit: int, route: Route) -> UnexpectedAnswerError:
    """The error for an answer of more than `limit` bytes."""
    return UnexpectedAnswerError(
        f"{route.host} answered with more than {limit} bytes.",
        "Check PROCORE_LOGIN_URL and PROCORE_API_URL if they are set; otherwise try again later.",
    )


# From the particular to the general: several of these are subclasses of a later one.
_KINDS: list[tuple[type[BaseException], Callable[[Any], str]]] = [
    (socket.gaierror, lambda _: _NO_NAME),
    (ssl.SSLCertVerificationError, _certificate_words),
    (ssl.SSLError, lambda e: f"TLS failed ({(e.reason or 'no reason').replace('_', ' ').lower()})"),
    (TimeoutError, lambda _: ""),
    (ConnectionRefusedError, lambda _: "connection refused"),
    (RemoteDisconnected, lambda _: "it closed the connection without an answer"),
    (ConnectionError, lambda _: "the connection was reset"),
    (IncompleteRead, lambda _: "the answer broke off"),
    (HTTPException, lambda _: "the answer is not HTTP"),
    (zlib.error, lambda _: "the answer cannot be decompressed"),
]


def trouble_of(error: BaseException, timed_out: str) -> str:
    """What went wrong, from an exception of requests, urllib3, ssl or socket.

    `timed_out` is what to say of a time limit that passed.
    """
    causes = list(_causes(error))
    for kind, words in _KINDS:
        for cause in causes:
            if isinstance(cause, kind):
                return words(cause) or timed_out
    numbers = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno]
    return os.strerror(numbers[0]).lower() if numbers else f"an unexpected failure ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], 0
    while waiting and seen < _MOST_CAUSES:
        cause = waiting.pop(0)
        seen += 1
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        waiting.extend(each for each in inner if isinstance(each, BaseException) and each not in waiting)
