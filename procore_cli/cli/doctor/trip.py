"""The way to one host, step by step: its name, a connection, TLS; sends no request.

Where a proxy stands between, the way to the proxy.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.client.connections import ADDRESS_TIMEOUT_S, Address, connect, find_addresses
from procore_cli.errors import ProcoreLoginError, UnreachableError

if TYPE_CHECKING:
    from ssl import SSLContext


_PORTS = {"http": 80, "https": 443}
_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}


@dataclass(frozen=True)
class Found:
    """What each step of a trip found, in words, and which family of addresses is silent, if one is."""

    steps: list[str]
    silent_family: str


@dataclass(frozen=True)
class Trip:
    """From here to a URL's host; `timeout_s` is for each step, the rest is as `Transport` takes it."""

    environment: str
    url: str
    proxy: str | None
    ca_bundle: str | None
    timeout_s: float
    address_timeout_s: float = ADDRESS_TIMEOUT_S

    def go(self) -> Found:
        """Go there. Raises UnreachableError, CaFileError."""
        target = urlsplit(self.proxy or self.url)
        host, port = target.hostname or "", target.port or _PORTS[target.scheme]
        try:
            addresses = self._resolve(host, port)
            started = time.monotonic()
            with connect(addresses, self.timeout_s, self.address_timeout_s) as connection:
                took_ms = (time.monotonic() - started) * 1000
                names = dict.fromkeys(str(address.place[0]) for address in addresses)
                steps = [f"DNS {', '.join(names)}", f"TCP port {port} in {took_ms:.0f} ms"]
                silent_family = self._find_silent(addresses, connection.family)
                if silent_family:
                    steps.append(f"{silent_family} does not answer")
                if target.scheme == "https":
                    steps.append(self._greet(connection, host))
        except (OSError, ValueError) as error:
            raise self._new_error(error, host) from None
        return Found([f"proxy {host}", *steps] if self.proxy else steps, silent_family)

    def _resolve(self, host: str, port: int) -> list[Address]:
        from procore_cli.threads import Limits, OutOfTimeError, call_within

        limits = Limits(self.timeout_s, self.timeout_s)
        try:
            return call_within(limits, lambda: find_addresses(host, port), lambda: None)
        except OutOfTimeError:
            raise UnreachableError(
                f"{self.environment}: {host} cannot be reached: its name was not resolved within"
                f" {self.timeout_s:g} s.",
                _name_hint(host),
            ) from None

    def _find_silent(self, addresses: Sequence[Address], family_in_use: int) -> str:
        """The family of addresses that gives no answer, if there is another one that does; else ""."""
        others = [address for address in addresses if address.family != family_in_use]
        try:
            if others:
                connect(others, self.address_timeout_s).close()
        except TimeoutError:
            return _FAMILIES.get(socket.AddressFamily(others[0].family), "one family")
        except OSError:
            # What is refused at once, or what this machine does not have, costs nobody any time.
            return ""
        return ""

    def _greet(self, connection: socket.socket, host: str) -> str:
        connection.settimeout(self.timeout_s)
        with self._new_context().wrap_socket(connection, server_hostname=host) as tls:
            return f"{tls.version()}, certificate trusted"

    def _new_context(self) -> SSLContext:
        from procore_cli.client.network_errors import new_system_context, read_ca_bundle

        return read_ca_bundle(self.ca_bundle) if self.ca_bundle else new_system_context()

    def _new_error(self, error: BaseException, host: str) -> ProcoreLoginError:
        from procore_cli.client.network_errors import Route, unreachable

        found = unreachable(error, Route(self.environment, host, None, self.ca_bundle), self.timeout_s)
        where = "the proxy " if self.proxy else ""
        message = found.message.replace(f"{host} cannot", f"{where}{host} cannot", 1)
        hint = _name_hint(host) if isinstance(error, socket.gaierror) else found.hint
        if self.proxy and "certificate" not in found.message:
            hint = "Check HTTPS_PROXY (http://USER:PASSWORD@HOST:PORT) and NO_PROXY."
        return UnreachableError(message, hint)


def _name_hint(host: str) -> str:
    return (
        f"Look it up: nslookup {host}. If nothing is found, check the network, the VPN, and"
        " PROCORE_LOGIN_URL and PROCORE_API_URL if they are set."
    )
