"""How far an exchange has come, and its deadline; sends nothing and reads nothing itself."""

from __future__ import annotations

import socket
import threading
from typing import Any

from procore_cli.procore.connecting import ADDRESS_TIMEOUT_S, connect, find_addresses
from procore_cli.threads import start


class Progress(threading.local):
    """One thread's exchange: whether its request may have arrived, and how long its answer may take."""

    def __init__(self, read_timeout_s: float, address_timeout_s: float = ADDRESS_TIMEOUT_S) -> None:
        self.read_timeout_s = read_timeout_s
        self.address_timeout_s = address_timeout_s
        self._answer_timeout_s: float | None = read_timeout_s
        self._deadline: _Deadline | None = None
        self.sent = True

    def begin(self, answer_timeout_s: float | None) -> None:
        """A new exchange; its request counts as sent until its connection says that it is being made.

        `answer_timeout_s` is for the whole answer; None where it may take as long as it goes on coming.
        """
        self._answer_timeout_s = answer_timeout_s
        self._deadline = None
        self.sent = True

    def connecting(self) -> None:
        """A connection is being made: nothing of the request has left yet."""
        self.sent = False

    def sending(self, sock: Any) -> None:
        """From here on the request may arrive; the whole answer has to come within a limit that there is.

        Raises NoThreadError: then nothing is sent.
        """
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
