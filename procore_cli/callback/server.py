"""The web server that a sign-in's browser comes back to: http.server with limits, and the site's answers.

Refuses to listen anywhere but on loopback, and to let anything that it is sent reach the terminal.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from procore_cli import log
from procore_cli.callback import sockets
from procore_cli.callback.pending import Failure, PendingCallback
from procore_cli.callback.ports import new_listening_sockets
from procore_cli.callback.site import Answer, Request, Site
from procore_cli.config.urls import RedirectUri
from procore_cli.threads import start

_HEADERS_BYTES = 64 * 1024
# The content type of a record (RFC 8446, section 5.1).
_TLS_HANDSHAKE = b"\x16"
_REQUEST_LINE = re.compile(rb"[!-~]+ [!-\xff]+ HTTP/1\.[0-9]\r?\n")
# No folded value: http.server would show it with its line ends.
_HEADER_LINE = re.compile(rb"(?:[!-9;-~]+:[^\0\r\n]*)?\r?\n")
_POLL_S = 0.02
_ACCEPT_PAUSE_S = 0.05
_CHUNK_BYTES = 16 * 1024
_NOBODY_WAITS = Failure(
    "The terminal stopped waiting",
    "The sign-in was ended before it was complete.",
    "Go back to the terminal and start it again.",
)
_CAME_BY_HTTPS = (
    "The browser came by https: change https to http in its address, and load it again or paste it here."
)


class BadLineError(Exception):
    """A line that does not belong into the head of an HTTP/1 request (RFC 9112); shows nothing of it."""


class TlsError(BadLineError):
    """A client that begins with a TLS handshake."""


class HeadReader(io.BufferedReader):
    """Takes `timeout_s` seconds at most (TimeoutError); raises ConnectionError when the client hangs up."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        super().__init__(_Incoming(connection, time.monotonic() + timeout_s))
        self.is_of_head_method = False
        self._began = False
        self._blank_line = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        """The request line, then all headers at once, then the blank line.

        http.server counts what it is handed, and stops at a hundred; here 64 KiB are the limit.
        Raises BadLineError; HTTPException over 64 KiB of headers.
        """
        if not self._began:
            self._began = True
            return self._read_request_line(size)
        return self._blank_line or self._read_headers()

    def _read_request_line(self, size: int | None) -> bytes:
        # A TLS hello is known by its first byte, and has no line end to wait for.
        first = self.peek(1)[:1]
        if not first.isalpha():
            raise TlsError if first == _TLS_HANDSHAKE else BadLineError
        line = super().readline(size)
        self.is_of_head_method = line.startswith(b"HEAD ")
        # One that is too long is http.server's to refuse.
        if len(line) != size and not _REQUEST_LINE.fullmatch(line):
            raise BadLineError
        return line

    def _read_headers(self) -> bytes:
        headers = bytearray()
        while not self._blank_line:
            line = super().readline(_HEADERS_BYTES + 1)
            if len(headers) + len(line) > _HEADERS_BYTES:
                raise HTTPException
            if not _HEADER_LINE.fullmatch(line):
                raise BadLineError
            if line.strip():
                headers += line
            else:
                self._blank_line = line
        return bytes(headers) or self._blank_line


class _Incoming(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        remaining_s = self._deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(remaining_s)
        received = self._connection.recv_into(buffer)
        if not received:
            raise ConnectionResetError("hung up before the request was whole")
        return received


class Connections:
    """At most `limit` connections; over it, the oldest one that is not being answered has to go."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._busy: dict[socket.socket, bool] = {}

    def add(self, connection: socket.socket) -> bool:
        """Count a new connection; False where every other one is being answered."""
        with self._changed:
            if len(self._busy) >= self._limit and not self._drop_oldest():
                return False
            self._busy[connection] = False
            return True

    def mark(self, connection: socket.socket, busy: bool) -> None:
        """Say whether a connection is being answered now."""
        with self._changed:
            if connection in self._busy:
                self._busy[connection] = busy
                self._changed.notify_all()

    def remove(self, connection: socket.socket) -> None:
        """Close a connection and forget it."""
        with self._changed:
            self._busy.pop(connection, None)
            connection.close()
            self._changed.notify_all()

    def end(self, timeout_s: float) -> None:
        """Let the answers under way be written, then hang up on everybody; two `timeout_s` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not any(self._busy.values()), timeout_s)
            for connection in self._busy:
                _hang_up(connection)
            self._changed.wait_for(lambda: not self._busy, timeout_s)

    def _drop_oldest(self) -> bool:
        oldest = next((connection for connection, busy in self._busy.items() if not busy), None)
        if oldest is None:
            return False
        del self._busy[oldest]
        _hang_up(oldest)
        return True


def _hang_up(connection: socket.socket) -> None:
    # The thread that reads from it wakes up and closes it.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Limits:
    """What one client may take, in seconds; 128 connections fit under macOS' 256 open files."""

    request_s: float = 10
    outcome_s: float = 100
    farewell_s: float = 1
    connections: int = 128


class Listener:
    """Waits on 127.0.0.1 and ::1 for one sign-in's callback, and tells the browser how it ended.

    `refused_uids` are the users of this machine whose connections were refused.
    """

    def __init__(
        self,
        redirect: RedirectUri,
        authorize_url: str,
        pending: PendingCallback,
        environment: str,
        limits: Limits = Limits(),
    ) -> None:
        self.pending = pending
        self.site = Site(redirect, authorize_url, pending, environment, limits.outcome_s)
        self.limits = limits
        self.connections = Connections(limits.connections)
        self.refused_uids: set[int] = set()
        self._tables = sockets.SharedTables()
        self._port = redirect.port
        self._environment = environment
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Listener:
        """Listen from now on. Raises PortTakenError, NoThreadError."""
        listening = new_listening_sockets(self._port, self._environment)
        # Undone from the last to the first: no new connection, then the old ones, then the port.
        servers = [self._open.enter_context(_Server(each, self)) for each in listening]
        self._open.callback(self.connections.end, self.limits.farewell_s)
        self._open.callback(self.pending.finish, _NOBODY_WAITS)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            for server in servers:
                start(threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True))
                self._open.callback(server.shutdown)
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the answers under way be written, then free the port; a tab that still waits is told so."""
        self._open.close()

    def admits(self, peer: sockets.Address, own: sockets.Address) -> bool:
        """Whether the other end of a connection may talk to us."""
        standing, uid = sockets.judge(peer, own, self._tables.read)
        if standing is sockets.Standing.FOREIGN:
            log.warn("Another user of this machine tried to reach this sign-in, and was refused.")
            if uid is not None:
                self.refused_uids.add(uid)
        return standing is sockets.Standing.ADMITTED


class _Server(ThreadingHTTPServer):
    """Serves a socket that listens already, to a bounded number of clients; its threads are daemons."""

    block_on_close = False

    def __init__(self, listening: socket.socket, listener: Listener) -> None:
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.listener = listener

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:
            # Out of file descriptors: the client stays in the backlog, and serve_forever must not spin.
            time.sleep(_ACCEPT_PAUSE_S)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            # No thread is to be had: then one after the other.
            self.process_request_thread(request, client_address)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self.listener.connections.add(request)

    def close_request(self, request: Any) -> None:
        self.listener.connections.remove(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the client has gone, or was too slow, and the terminal need not know."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request, one answer."""

    server: _Server
    rfile: HeadReader

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.listener = self.server.listener
        self.rfile = HeadReader(self.connection, self.listener.limits.request_s)

    def handle(self) -> None:
        # Whose it is comes first: nobody can tell any more once the other end is closed.
        self._is_admitted = self.listener.admits(self.client_address[:2], self.connection.getsockname()[:2])
        # Raises where it was reset before: then nobody could tell.
        self.connection.getpeername()
        try:
            self.handle_one_request()
        except BadLineError as error:
            if isinstance(error, TlsError) and self._is_admitted:
                log.warn(_CAME_BY_HTTPS)
            self.send_error(HTTPStatus.BAD_REQUEST)

    def do_GET(self) -> None:
        """Answer a page or a callback; nobody hangs up on the browser meanwhile."""
        self.listener.connections.mark(self.connection, busy=True)
        self._send(self._answer())

    do_HEAD = do_GET  # noqa: N815

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        """What http.server refuses, with our page and headers and without its words."""
        # It knows no method but those that have a `do_` here.
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(self.listener.site.refuse(status if self._is_admitted else HTTPStatus.FORBIDDEN))

    def log_message(self, *_: Any) -> None:
        """Nothing: a request may hold a code, and the terminal belongs to the person."""

    def _answer(self) -> Answer:
        if not self._is_admitted:
            return self.listener.site.refuse(HTTPStatus.FORBIDDEN)
        # `self.path` is not what was sent where that begins with `//`.
        target = self.requestline.split(" ")[1]
        headers = tuple((name.lower(), value.strip(" \t")) for name, value in self.headers.items())
        try:
            return self.listener.site.answer(Request(self.command, target, headers))
        except Exception:  # noqa: BLE001 - a traceback on the terminal could hold what the client sent
            return self.listener.site.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _send(self, answer: Answer) -> None:
        headers_only = self.rfile.is_of_head_method
        self.connection.settimeout(self.listener.limits.request_s)
        self.wfile.write(answer.to_bytes(headers_only))
        if answer.is_home and not headers_only:
            self.listener.pending.come_home()
        self.listener.connections.mark(self.connection, busy=False)
        self._take_leave()

    def _take_leave(self) -> None:
        # Closing with bytes unread (a body, a head too long) is a reset, and the answer would be lost.
        self.connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + self.listener.limits.farewell_s
        while (remaining_s := deadline - time.monotonic()) > 0:
            self.connection.settimeout(remaining_s)
            if not self.connection.recv(_CHUNK_BYTES):
                return
