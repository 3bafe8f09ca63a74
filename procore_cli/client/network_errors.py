"""Why an exchange failed, in plain words and as one of our errors; whose certificates are believed.

Repeats no text that may hold a secret. Never certifi's list, and never nobody's.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from procore_cli.config.urls import find_origin
from procore_cli.errors import (
    AnswerLostError,
    CaFileError,
    RedirectRefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)

if TYPE_CHECKING:
    from ssl import SSLContext


# OpenSSL's numbers (x509_vfy.h).
_EXPIRED, _EARLY, _ANOTHER_HOST = "expired", "early", "another host"
_KINDS: Final = {9: _EARLY, 10: _EXPIRED, 62: _ANOTHER_HOST, 64: _ANOTHER_HOST}
_WORDS: Final = {
    _EARLY: "its certificate is not valid yet",
    _EXPIRED: "its certificate has expired",
    _ANOTHER_HOST: "its certificate is for another host",
}
_UNTRUSTED: Final = {
    2: "it was issued by a CA that this machine does not know",
    18: "it is self-signed",
    19: "it was issued by a CA that this machine does not know",
    20: "it was issued by a CA that this machine does not know",
    21: "it was issued by a CA that this machine does not know",
}
_INSPECTED: Final = (
    "If your network inspects TLS, ask those who run it for its CA certificate, and set REQUESTS_CA_BUNDLE to"
    " the file; a file that is set there replaces the system's CAs."
)


def certificate_words(error: Any) -> str:
    """What an `ssl.SSLCertVerificationError` says, for the middle of a sentence."""
    code = getattr(error, "verify_code", 0)
    if code in _KINDS:
        return _WORDS[_KINDS[code]]
    if code in _UNTRUSTED:
        return f"its certificate is not trusted: {_UNTRUSTED[code]}"
    return f"its certificate is not trusted ({getattr(error, 'verify_message', '') or 'no reason given'})"


def is_untrusted(error: Any) -> bool:
    """Whether the one who issued it is not known here."""
    return getattr(error, "verify_code", 0) in _UNTRUSTED


def certificate_hint(error: Any, host: str) -> str:
    """What to do about it; `host` is whose certificate it is."""
    kind = _KINDS.get(getattr(error, "verify_code", 0))
    if kind in (_EARLY, _EXPIRED):
        return f"Check the date and time of this machine; if they are right, tell those who run {host}."
    if kind == _ANOTHER_HOST:
        return (
            "Check PROCORE_LOGIN_URL, PROCORE_API_URL and HTTPS_PROXY; a network that asks for a login page"
            " answers for other hosts too."
        )
    return _INSPECTED


# As OpenSSL looks for a CA in a folder: by the hash of its name.
_HASHED = re.compile(r"[0-9a-fA-F]{8}\.[0-9]+")


class StoreFault(NamedTuple):
    """What is wrong with the operating system's CA store, for the middle of a sentence, and what to do."""

    words: str
    fix: str


def new_system_context() -> SSLContext:
    """A TLS context over the operating system's CA store."""
    import ssl

    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def read_ca_bundle(path: str) -> SSLContext:
    """A TLS context over a PEM file, or a folder of them as OpenSSL hashes it. Raises CaFileError."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if reason := _load(context, path, is_folder=Path(path).is_dir()):
        raise CaFileError(
            f"The CA file that REQUESTS_CA_BUNDLE names cannot be used: {path}: {reason}.",
            "Point REQUESTS_CA_BUNDLE to a file of PEM certificates, or unset it.",
        )
    return context


def find_store_faults(environ: Mapping[str, str]) -> list[StoreFault]:
    """Why the system's store may know nobody: it is empty, or `environ` has OpenSSL look elsewhere.

    Only where OpenSSL's store is the system's: macOS and Windows always have one.
    """
    if sys.platform in ("darwin", "win32"):
        return []
    faults = list(_find_wrong_variables(environ))
    if _is_store_empty():
        none = StoreFault(
            "this machine has no CA certificates at all",
            "Install them (Debian and Ubuntu: apt-get update && apt-get install ca-certificates; Alpine:"
            " apk add ca-certificates), or let REQUESTS_CA_BUNDLE name a file of them.",
        )
        faults.insert(0, none)
    return faults


def _find_wrong_variables(environ: Mapping[str, str]) -> Iterator[StoreFault]:
    import ssl

    named = {"SSL_CERT_FILE": [environ.get("SSL_CERT_FILE", "")]}
    named["SSL_CERT_DIR"] = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    for name, paths in named.items():
        for path in filter(None, paths):
            # OpenSSL passes over what it cannot read, without a word.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if reason := _load(context, path, is_folder=name == "SSL_CERT_DIR"):
                words = f"{name} names {path}, which cannot be used ({reason})"
                yield StoreFault(words, f"Correct {name}, or unset it: unset {name}")


def _is_store_empty() -> bool:
    import ssl

    try:
        # truststore looks for the store as a connection begins.
        begun = new_system_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        folder = ssl.get_default_verify_paths().capath
        # A folder's CAs are read when they are needed.
        paths = list(Path(folder).iterdir()) if folder else []
    except OSError:
        return False
    is_known = begun.context.cert_store_stats()["x509"] > 0
    return not is_known and not any(_HASHED.fullmatch(path.name) and path.exists() for path in paths)


def _load(context: SSLContext, path: str, *, is_folder: bool) -> str:
    """Have a file or folder of CAs believed; returns why that cannot be, if so."""
    import ssl

    try:
        if is_folder:
            # OpenSSL says nothing of a folder that it cannot read.
            next(Path(path).iterdir(), None)
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        return "it holds no certificate in PEM form"
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        return os.strerror(number).lower() if number else "it is not a path"
    return ""


# Foreign libraries wrap an error in an error; deeper than this nothing new turns up.
_MOST_CAUSES = 20
_TUNNEL_ANSWER = re.compile(r"Tunnel connection failed: (\d{3})")
_TRY_AGAIN = "Check the network and Procore's status page, then run the command again."
_NO_NAME = "its name cannot be resolved"
_NO_NAME_HINT = "Check the network; if only a proxy leads out of it, set HTTPS_PROXY to http://HOST:PORT."
_PASSWORD_ASKED = 407
_PROXY_HINTS = {
    _PASSWORD_ASKED: "Set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT, or correct it there; write special"
    " characters as in a URL (%40 for @).",
    None: "Check HTTPS_PROXY (http://USER:PASSWORD@HOST:PORT) and NO_PROXY.",
}


@dataclass(frozen=True)
class Route:
    """Where a request goes: the environment's name, the host, and the proxy's host if there is one.

    `ca_bundle` is whose certificates are believed, as for `Transport`.
    """

    environment_name: str
    host: str
    proxy_host: str | None
    ca_bundle: str | None = None


def unreachable(error: BaseException, route: Route, connect_timeout_s: float) -> UnreachableError:
    """The error for a connection that was never made, from what a library raised."""
    reason = trouble_of(error, f"no connection within {connect_timeout_s:g} s")
    faults = _find_store_faults(error, route)
    if faults:
        reason = f"its certificate is not trusted: {' and '.join(fault.words for fault in faults)}"
    fixes = " ".join(fault.fix for fault in faults)
    tunnel_status = _find_tunnel_status(error)
    if tunnel_status is not None or (route.proxy_host and _is_proxy_trouble(error)):
        hint = fixes or _find_certificate_hint(error, str(route.proxy_host))
        return _proxy_refusal(route, tunnel_status, reason, hint)
    otherwise = _NO_NAME_HINT if reason == _NO_NAME else _TRY_AGAIN
    return UnreachableError(
        f"{route.environment_name}: {route.host} cannot be reached: {reason}. Nothing was sent.",
        fixes or _find_certificate_hint(error, route.host) or otherwise,
    )


def find_proxy_refusal(status: int, url: str, route: Route) -> UnreachableError | None:
    """The error for a plain http request that the proxy did not pass on; None if the answer is a server's."""
    # In a tunnel no answer is the proxy's own (RFC 9110, section 15.5.8).
    if status != _PASSWORD_ASKED or route.proxy_host is None or url.startswith("https:"):
        return None
    return _proxy_refusal(route, status, "")


def answer_lost(reason: str, route: Route) -> AnswerLostError:
    """The error for a request that may have arrived while its answer did not."""
    return AnswerLostError(
        f"{route.environment_name}: no usable answer from {route.host}: {reason}.", _TRY_AGAIN
    )


def redirected(url: str, status: int, location: str, route: Route) -> RedirectRefusedError:
    """The error for a redirect; of its target only the origin is named, the rest may hold a secret."""
    return RedirectRefusedError(
        f"{route.environment_name}: {route.host} answered with a redirect ({status}) to "
        f"{_find_target(url, location)}; it was not followed.",
        "Check PROCORE_LOGIN_URL and PROCORE_API_URL; a network that asks for a login page redirects too.",
    )


def too_large(limit: int, route: Route) -> UnexpectedAnswerError:
    """The error for an answer of more than `limit` bytes."""
    return UnexpectedAnswerError(
        f"{route.environment_name}: {route.host} answered with more than {limit} bytes.",
        "Check PROCORE_LOGIN_URL and PROCORE_API_URL if they are set; otherwise try again later.",
    )


def trouble_of(error: BaseException, timed_out: str) -> str:
    """What went wrong, from an exception of requests, urllib3, ssl or socket.

    `timed_out` is what to say of a time limit that passed.
    """
    causes = list(_causes(error))
    for kind, words in _kinds(timed_out):
        for cause in causes:
            if isinstance(cause, kind):
                return words(cause)
    numbers = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno]
    return os.strerror(numbers[0]).lower() if numbers else f"an unexpected failure ({type(error).__name__})"


def _find_target(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        known = urlsplit(target).scheme in ("http", "https") and urlsplit(target).hostname
        return find_origin(target) if location and known else "an unknown place"
    except ValueError:
        return "an unknown place"


def _proxy_refusal(route: Route, status: int | None, reason: str, hint: str = "") -> UnreachableError:
    if status == _PASSWORD_ASKED:
        reason = "it asks for a user name and password (407)"
    elif status is not None:
        reason = f"it refuses to connect to {route.host} ({status})"
    return UnreachableError(
        f"{route.environment_name}: the proxy {route.proxy_host} cannot be used: {reason}. Nothing was sent.",
        hint or _PROXY_HINTS.get(status, _PROXY_HINTS[None]),
    )


def _find_store_faults(error: BaseException, route: Route) -> list[StoreFault]:
    """What is wrong with the system's CA store, where that is why a certificate is not trusted."""
    if route.ca_bundle or not any(is_untrusted(cause) for cause in _causes(error)):
        return []
    return find_store_faults(os.environ)


def _find_certificate_hint(error: BaseException, host: str) -> str:
    import ssl

    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return certificate_hint(cause, host)
    return ""


def _is_proxy_trouble(error: BaseException) -> bool:
    return any(type(cause).__name__ == "ProxyError" for cause in _causes(error))


def _find_tunnel_status(error: BaseException) -> int | None:
    matches = (_TUNNEL_ANSWER.match(str(cause)) for cause in _causes(error))
    return next((int(match[1]) for match in matches if match), None)


def _kinds(timed_out: str) -> list[tuple[type[BaseException], Callable[[Any], str]]]:
    import socket
    import ssl
    import zlib
    from http.client import HTTPException, IncompleteRead, RemoteDisconnected

    # From the particular to the general: several of these are subclasses of a later one.
    return [
        (socket.gaierror, lambda _: _NO_NAME),
        (ssl.SSLCertVerificationError, certificate_words),
        (ssl.SSLError, lambda e: f"TLS failed ({(e.reason or 'no reason').replace('_', ' ').lower()})"),
        (TimeoutError, lambda _: timed_out),
        (ConnectionRefusedError, lambda _: "connection refused"),
        (RemoteDisconnected, lambda _: "it closed the connection without an answer"),
        (ConnectionError, lambda _: "the connection was reset"),
        (IncompleteRead, lambda _: "the answer broke off"),
        (HTTPException, lambda _: "the answer is not HTTP"),
        (zlib.error, lambda _: "the answer cannot be decompressed"),
    ]


def _causes(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], 0
    while waiting and seen < _MOST_CAUSES:
        cause = waiting.pop(0)
        seen += 1
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        waiting.extend(each for each in inner if isinstance(each, BaseException) and each not in waiting)
