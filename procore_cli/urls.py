"""Base URLs and redirect URIs: read, checked, compared by origin; refuses to open any of them."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from procore_cli.environments import OOB_REDIRECT_URI
from procore_cli.errors import BadUrlError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNSAFE = frozenset(string.whitespace + "\\<>\"'`{}|^") | {chr(c) for c in range(32)} | {"\x7f"}


@dataclass(frozen=True)
class RedirectUri:
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


def read_redirect_uri(text: str, source: str) -> RedirectUri:
    """Check a redirect URI; `source` is the setting it came from. Raises BadUrlError."""
    if text == OOB_REDIRECT_URI:
        return RedirectUri(text, "", 0, "", on_loopback=False)
    parts, port = _split(text, source)
    host = parts.hostname or ""
    on_loopback = parts.scheme == "http" and host in LOOPBACK_HOSTS
    if parts.scheme == "http" and not on_loopback:
        raise _bad(text, source, "plain http is only possible for localhost")
    if parts.query or "?" in text:
        raise _bad(text, source, "it must not have a query")
    return RedirectUri(text, host, port, parts.path or "/", on_loopback)


def read_base_url(text: str, source: str) -> str:
    """Check a base URL and return it without a trailing slash. Raises BadUrlError."""
    parts, _ = _split(text, source)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise _bad(text, source, "it must be https (http is only possible for localhost)")
    if parts.path.strip("/") or parts.query or "?" in text:
        raise _bad(text, source, "it must be a scheme and a host, without path or query")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def find_origin(url: str) -> str:
    """The origin (scheme, host, port; RFC 6454) of a URL that was checked before."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    default = _DEFAULT_PORTS.get(parts.scheme) == port
    return f"{parts.scheme}://{host}" if default else f"{parts.scheme}://{host}:{port}"


def _is_loopback(host: str) -> bool:
    # All of 127.0.0.0/8 is this machine (RFC 1122, section 3.2.1.3).
    return host in LOOPBACK_HOSTS or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def _split(text: str, source: str) -> tuple[SplitResult, int]:
    if not text.isascii() or _UNSAFE.intersection(text):
        raise _bad(text, source, "it has a character that a URL cannot have")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _bad(text, source, str(error)) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise _bad(text, source, "it must begin with https:// (or http://localhost)")
    if parts.username is not None or parts.password is not None:
        raise _bad(text, source, "it must not carry a user name or password")
    if parts.fragment or "#" in text:
        raise _bad(text, source, "it must not have a fragment")
    if port == 0:
        raise _bad(text, source, "port 0 is not a port")
    return parts, port or _DEFAULT_PORTS[parts.scheme]


def _bad(text: str, source: str, why: str) -> BadUrlError:
    # A user name or password in the URL would be printed here: the part before an @ is left out.
    shown = text.rpartition("@")[2] if "@" in text else text
    return BadUrlError(
        f"The URL from {source} cannot be used: {why} ({shown}).",
        f"Correct {source}.",
    )
