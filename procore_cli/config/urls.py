"""Base URLs and redirect URIs: read, checked, compared by origin; refuses to open any of them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from procore_cli import log
from procore_cli.config.environments import DEFAULT_REDIRECT_URI, DEMO, ENVIRONMENTS, OOB_REDIRECT_URI
from procore_cli.errors import BadUrlError
from procore_cli.models import Environment

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What Procore adds to a redirect URI (RFC 6749, section 4.1.2); twice it would mean nothing.
_ADDED = frozenset({"code", "state", "error", "error_description", "error_uri"})
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
# urlsplit lets more stand beside brackets, and finds the host in them.
_NETLOC = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{0,5})?")
# Any with slashes, what names a database without them, and libpq's words; some files leave quotes around it.
_DATABASE_URL = re.compile(
    r"""[\s"']*(?:[a-z][a-z0-9+.-]+:/{2}|(?:file|jdbc|mysql|postgres(?:ql)?|sqlite3?)(?:\+\w+)?:"""
    r"""|(?:dbname|host|hostaddr|password|port|service|user)\s*=)""",
    re.IGNORECASE,
)
SHARED_SCHEMES: Final = ("postgresql://", "postgres://")
_ON_LOOPBACK = "http://localhost:4568"
_UNSAFE = frozenset(" \\<>\"'`{}|^") | {chr(c) for c in range(32)} | {"\x7f"}


class RedirectUri(NamedTuple):
    """A redirect URI (RFC 6749, section 3.1.2), exactly as it is registered in the portal."""

    text: str
    host: str
    port: int
    path: str
    on_loopback: bool

    @property
    def is_oob(self) -> bool:
        """Whether Procore shows the code on a page instead of redirecting."""
        return self.text == OOB_REDIRECT_URI


class _FaultError(ValueError):
    """Why a URL cannot be used; shows nothing of it."""


def read_redirect_uri(text: str, source: str) -> RedirectUri:
    """Check a redirect URI; `source` is the setting it came from. Raises BadUrlError."""
    if text == OOB_REDIRECT_URI:
        return RedirectUri(text, "", 0, "", on_loopback=False)
    try:
        parts, port = _split(text)
        on_loopback = _check_redirect(text, parts)
    except _FaultError as fault:
        good = f"it must be exactly what the Developer Portal shows, such as {DEFAULT_REDIRECT_URI}"
        raise _bad(text, "redirect URI", source, fault, good) from None
    return RedirectUri(text, parts.hostname or "", port, parts.path or "/", on_loopback)


def read_base_url(text: str, setting: str, source: str, usual: str = "") -> str:
    """Check a base URL and return it without a trailing slash; `usual` is a good one. Raises BadUrlError."""
    try:
        parts, _ = _split(text)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise _FaultError("it must be https (http is only possible for localhost)")
        if parts.path.strip("/") or parts.query or "?" in text:
            raise _FaultError("it must be a scheme and a host, without path or query")
    except _FaultError as fault:
        good = f"a good one is {usual or _ON_LOOPBACK}"
        raise _bad(text, setting, source, fault, good) from None
    return f"{parts.scheme}://{parts.netloc.lower()}"


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine."""
    # All of 127.0.0.0/8 is this machine (RFC 1122, section 3.2.1.3).
    return host in LOOPBACK_HOSTS or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def find_origin(url: str) -> str:
    """The origin (scheme, host, port; RFC 6454) of a URL that was checked before."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = _DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    default = _DEFAULT_PORTS.get(parts.scheme) == port
    return f"{parts.scheme}://{host}" if default else f"{parts.scheme}://{host}:{port}"


def without_login(text: str) -> str:
    """What may be a URL, without what may be a password in it, or the code of a sign-in."""
    return re.split(r"[?#]", text.rpartition("@")[2])[0]


def is_database_url(text: str) -> bool:
    """Whether a text is a URL where the path of a database is wanted."""
    return _DATABASE_URL.match(text) is not None


def is_shared_database(text: str) -> bool:
    """Whether a text names a PostgreSQL database that machines share, and no file."""
    return text.startswith(SHARED_SCHEMES)


def warn_of_urls(environment: Environment) -> None:
    """Name each base URL that is not the environment's own, in one line where both are one place."""
    name, login_url, api_url, _ = environment
    own = ENVIRONMENTS[name]
    login_differs = own is not DEMO and find_origin(login_url) != find_origin(own.login_url)
    api_differs = own is not DEMO and find_origin(api_url) != find_origin(own.api_url)
    if login_differs and api_differs and find_origin(login_url) == find_origin(api_url):
        log.warn(
            f"{name}: signing in and calling the API at {login_url} (PROCORE_LOGIN_URL, PROCORE_API_URL)."
        )
        return
    if login_differs:
        log.warn(f"{name}: signing in at {login_url} (PROCORE_LOGIN_URL), not at {own.login_url}.")
    if api_differs:
        log.warn(f"{name}: calling the API at {api_url} (PROCORE_API_URL), not at {own.api_url}.")


def is_plain_netloc(netloc: str) -> bool:
    """Whether a URL's netloc is a host with or without a port, and nothing beside them (RFC 3986, 3.2)."""
    return _NETLOC.fullmatch(netloc) is not None


def is_at(url: str, origin: str) -> bool:
    """Whether any URL, checked or not, is a plain http(s) one at `origin`, itself a checked URL."""
    if url.startswith(origin) and url[len(origin) : len(origin) + 1] in ("/", "?"):
        # Most are, and each call of a program asks.
        return True
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in _DEFAULT_PORTS and is_plain_netloc(parts.netloc)
        return is_plain and find_origin(url) == find_origin(origin)
    except ValueError:
        return False


def _check_redirect(text: str, parts: SplitResult) -> bool:
    """Whether it is on loopback. Raises _FaultError."""
    on_loopback = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
    if parts.scheme == "http" and not on_loopback:
        raise _FaultError("plain http is only possible for localhost, 127.0.0.1 and [::1]")
    if on_loopback and "?" in text:
        raise _FaultError("on localhost it must not have a query")
    if on_loopback and _DOT_SEGMENT.search(parts.path):
        # A browser takes them out before it asks for the page.
        raise _FaultError("its path must not have . or .. in it")
    if any(name in _ADDED for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise _FaultError("its query must not have what Procore adds, such as code and state")
    return on_loopback


def _split(text: str) -> tuple[SplitResult, int]:
    if not text.isascii() or _UNSAFE.intersection(text):
        raise _FaultError("it has a character that a URL cannot have")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _FaultError("its host is not one") from None
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _DEFAULT_PORTS:
        raise _FaultError("it must begin with https:// (or http://localhost)")
    if parts.username is not None or parts.password is not None:
        raise _FaultError("it must not carry a user name or password")
    if port == 0:
        raise _FaultError("its port is not a number from 1 to 65535")
    if not is_plain_netloc(parts.netloc):
        raise _FaultError("its host is not one")
    if "#" in text:
        raise _FaultError("it must not have a fragment")
    return parts, port or _DEFAULT_PORTS[parts.scheme]


def _bad(text: str, setting: str, source: str, why: _FaultError, good: str) -> BadUrlError:
    return BadUrlError(
        f"The URL from {source} cannot be used: {why} ({without_login(text)}).",
        f"Correct {source}; {good}.",
        setting=setting,
        source=source,
    )
