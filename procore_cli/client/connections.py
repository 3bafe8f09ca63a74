"""Connections to Procore: which address, with which CA, how far an exchange has come, and its deadline.

Refuses certifi's CAs, and to wait long for any address but the last.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPResponse, parse_headers
from typing import Any, NamedTuple

from requests.adapters import HTTPAdapter

from procore_cli.client.certificates import new_system_context, read_ca_bundle
from procore_cli.threads import start

# What one address gets, as long as there is another to try.
ADDRESS_TIMEOUT_S = 2.0
BeforeSend = Callable[[], None]


class Address(NamedTuple):
    """A host's address with the port, as `socket` takes them."""

    family: int
    place: Any


def find_addresses(host: str, port: int) -> list[Address]:
    """A host's addresses, in the system's order. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(Address(family, place) for family, _, _, _, place in found))


def connect(
    addresses: Sequence[Address], timeout_s: float, address_timeout_s: float = ADDRESS_TIMEOUT_S
) -> socket.socket:
    """Connect to one of the addresses, `timeout_s` over all of them. Raises OSError.

    Where the others failed at once, those that were silent are tried again in what is left of the time.
    """
    end = time.monotonic() + timeout_s
    silent, failures = list(addresses), [OSError("no addresses")]
    try:
        while silent and time.monotonic() < end:
            trying, silent = silent, []
            for number, address in enumerate(trying):
                left = len(trying) - number
                left_s = max(0.001, end - time.monotonic())
                limit_s = left_s if left == 1 else min(address_timeout_s, left_s / left)
                try:
                    return _open(address, limit_s)
                except TimeoutError as error:
                    failures.append(error)
                    silent.append(address)
                except OSError as error:
                    failures.append(error)
        # What was silent says more than what refused at once.
        raise next((each for each in failures if isinstance(each, TimeoutError)), failures[-1])
    finally:
        # An error holds the frames that it came through, and a frame of theirs the connection.
        failures.clear()


def _open(address: Address, timeout_s: float) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(address.place)
    except BaseException:
        sock.close()
        raise
    return sock


class Progress(threading.local):
    """One thread's exchange: whether its request may have arrived, and how long its answer may take."""

    def __init__(self, read_timeout_s: float, address_timeout_s: float = ADDRESS_TIMEOUT_S) -> None:
        self.read_timeout_s = read_timeout_s
        self.address_timeout_s = address_timeout_s
        self._answer_timeout_s: float | None = read_timeout_s
        self._deadline: _Deadline | None = None
        self._before_send: BeforeSend | None = None
        self.sent = True

    def begin(self, answer_timeout_s: float | None, before_send: BeforeSend | None = None) -> None:
        """A new exchange; its request counts as sent until its connection says that it is being made.

        `answer_timeout_s` is for the whole answer; None where it may take as long as it goes on coming.
        `before_send` is called once all is ready, before the first byte leaves.
        """
        self._answer_timeout_s = answer_timeout_s
        self._before_send = before_send
        self._deadline = None
        self.sent = True

    def connecting(self) -> None:
        """A connection is being made: nothing of the request has left yet."""
        self.sent = False

    def sending(self, sock: Any) -> None:
        """From here on the request may arrive; the whole answer has to come within a limit that there is.

        Raises NoThreadError, and what `before_send` raises: then nothing is sent.
        """
        if self._before_send is not None:
            self._before_send()
        if self._answer_timeout_s is not None:
            self._deadline = _Deadline(sock, self._answer_timeout_s)
        self.sent = True

    def end(self) -> None:
        """The exchange is over, one way or another."""
        if self._deadline is not None:
            self._deadline.stop()

    @property
    def late(self) -> bool:
        """Whether the deadline has passed, and with it the connection."""
        return self._deadline is not None and self._deadline.passed


class Watched:
    """Mixed into urllib3's connection classes: tells `progress` what the connection does."""

    progress: Progress
    sock: Any
    timeout: Any
    port: int
    socket_options: Any
    _dns_host: str

    def connect(self) -> None:
        """Connect, as urllib3 does."""
        self.progress.connecting()
        super().connect()  # type: ignore[misc]

    def _new_conn(self) -> socket.socket:
        """A connection to the host, or to the proxy; urllib3's own gives each address the whole limit."""
        addresses = find_addresses(self._dns_host.strip("[]"), self.port)
        sock = connect(addresses, self.timeout, self.progress.address_timeout_s)
        # What comes next, TLS or a proxy's answer, has a limit of its own.
        sock.settimeout(self.timeout)
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, as urllib3 does."""
        if self.sock is None:
            self.connect()
        # The limit for connecting, which is in force until now, is too short for a body that goes out.
        self.timeout = self.progress.read_timeout_s
        self.progress.sending(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc]


class _Deadline:
    """Shuts a socket down when time is up: a read limit alone lets a server drip a byte at a time."""

    def __init__(self, sock: Any, timeout_s: float) -> None:
        # TLS inside a proxy's TLS wraps the socket once more.
        self._sock = getattr(sock, "socket", sock)
        self.passed = False
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True
        start(self._timer)

    def stop(self) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.passed = True
        try:
            # Not SSLSocket's own method, which takes the TLS state from under the reader.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            # The exchange has just ended by itself.
            return


# What a server may send before its answer (RFC 9110, section 15.2), and an end to it.
_MOST_INTERIM_ANSWERS = 100
_SWITCHING = 101


class FinalResponse(HTTPResponse):
    """http.client's response, which skips 100 alone; a 103 would stand for the answer and lose it."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INTERIM_ANSWERS):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == _SWITCHING:
                return version, status, reason
            parse_headers(self.fp)
        raise HTTPException(f"more than {_MOST_INTERIM_ANSWERS} interim answers")


class Adapter(HTTPAdapter):
    """requests' adapter with our CA, and connections that tell `progress` what they do."""

    def __init__(self, progress: Progress, ca_bundle: str | None) -> None:
        """`ca_bundle` as for `Transport`. Raises CaFileError."""
        super().__init__()
        self._extras = {"progress": progress, "response_class": FinalResponse}
        # A CA file that was asked for is read at once; the system's store, only when TLS is spoken.
        self._context = read_ca_bundle(ca_bundle) if ca_bundle else None

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """A pool whose connections are watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, Watched):
            pool.ConnectionCls = type("WatchedConnection", (Watched, pool.ConnectionCls), self._extras)
        return pool

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        """What tells one pool from another: the host, and our CA."""
        host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {"ssl_context": self._find_context()} if host["scheme"] == "https" else {}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The pools of a proxy, with our CA for the proxy itself."""
        return super().proxy_manager_for(proxy, proxy_ssl_context=self._find_context(), **kwargs)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: requests would add certifi's CAs here, the context has ours."""

    def _find_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = new_system_context()
        return self._context
