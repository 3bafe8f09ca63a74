"""Which proxy a request goes through, from the usual variables; never one for loopback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from procore_cli.errors import BadUrlError

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address


def find_proxy(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy's URL for a request to `url`, or None. Raises BadUrlError for one that cannot be used.

    Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; lower case comes first, empty counts as not set.
    """
    target = urlsplit(url)
    host = target.hostname or ""
    if _is_loopback(host) or _is_excepted(target, host, _find_value("no_proxy", environ)[1]):
        return None
    for name in (f"{target.scheme}_proxy", "all_proxy"):
        variable, value = _find_value(name, environ)
        if value:
            return _read_proxy(value, variable)
    return None


def _find_value(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    variable = name if environ.get(name, "").strip() else name.upper()
    return variable, environ.get(variable, "").strip()


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


def _is_loopback(host: str) -> bool:
    address = _find_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_excepted(target: SplitResult, host: str, no_proxy: str) -> bool:
    names = {host, f"{host}:{target.port}"}
    return any(_fits(names, host, entry.strip().lower()) for entry in no_proxy.split(","))


def _fits(names: set[str], host: str, entry: str) -> bool:
    if entry in ("", "*"):
        return entry == "*"
    if "/" in entry:
        return _is_in_network(host, entry)
    entry = entry.lstrip(".").strip("[]")
    return any(name == entry or name.endswith(f".{entry}") for name in names)


def _is_in_network(host: str, entry: str) -> bool:
    from ipaddress import ip_network

    address = _find_address(host)
    try:
        return address is not None and address in ip_network(entry, strict=False)
    except ValueError:
        return False


def _find_address(host: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        return ip_address(host)
    except ValueError:
        return None
