"""The way to one host, step by step: its name, a connection, TLS; sends no request.

Where a proxy stands between, the way to the proxy.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.errors import ProcoreLoginError, UnreachableError

if TYPE_CHECKING:
    from ssl import SSLContext

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Trip:
    """From here to a URL's host; `ca_bundle` as `Transport` takes it, `timeout_s` for each step."""

    environment: str
    url: str
    proxy: str | None
    ca_bundle: str | None
    timeout_s: float

    def go(self) -> list[str]:
        """What each step found, in words. Raises UnreachableError, CaFileError."""
        target = urlsplit(self.proxy or self.url)
        host, port = target.hostname or "", target.port or _PORTS[target.scheme]
        try:
            addresses = self._resolve(host, port)
            started = time.monotonic()
            with self._connect(addresses, port) as connection:
                took_ms = (time.monotonic() - started) * 1000
                steps = [f"DNS {', '.join(addresses)}", f"TCP port {port} in {took_ms:.0f} ms"]
                if target.scheme == "https":
                    steps.append(self._greet(connection, host))
        except (OSError, ValueError) as error:
            raise self._new_error(error, host) from None
        return [f"proxy {host}", *steps] if self.proxy else steps

    def _resolve(self, host: str, port: int) -> list[str]:
        from procore_cli.store.deadline import Limits, OutOfTimeError, call_within

        limits = Limits(self.timeout_s, self.timeout_s)

        def look_up() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(address[4][0]) for address in found))

        try:
            return call_within(limits, look_up, lambda: None)
        except OutOfTimeError:
            raise UnreachableError(
                f"{self.environment}: {host} cannot be reached: its name was not resolved within"
                f" {self.timeout_s:g} s.",
                _name_hint(host),
            ) from None

    def _connect(self, addresses: list[str], port: int) -> socket.socket:
        """The first address that answers; all of them together get the time limit."""
        end = time.monotonic() + self.timeout_s
        *others, last = addresses
        for number, address in enumerate(others):
            share_s = max(0.1, (end - time.monotonic()) / (len(addresses) - number))
            with suppress(OSError):
                return socket.create_connection((address, port), share_s)
        return socket.create_connection((last, port), max(0.1, end - time.monotonic()))

    def _greet(self, connection: socket.socket, host: str) -> str:
        connection.settimeout(self.timeout_s)
        with self._new_context().wrap_socket(connection, server_hostname=host) as tls:
            return f"{tls.version()}, certificate trusted"

    def _new_context(self) -> SSLContext:
        from procore_cli.procore.trust import new_system_context, read_ca_bundle

        return read_ca_bundle(self.ca_bundle) if self.ca_bundle else new_system_context()

    def _new_error(self, error: BaseException, host: str) -> ProcoreLoginError:
        from procore_cli.procore.troubles import Route, unreachable

        found = unreachable(error, Route(self.environment, host, None), self.timeout_s)
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
