"""The web server that a sign-in's browser comes back to: http.server with limits, and the site's answers.

Refuses to listen anywhere but on loopback, and to let anything that it is sent reach the terminal.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from procore_cli.callback.answer import Answer
from procore_cli.callback.connections import Connections
from procore_cli.callback.head import BadLineError, HeadReader
from procore_cli.callback.inbox import Inbox
from procore_cli.callback.outcome import Failure, Home
from procore_cli.callback.ports import new_listening_sockets
from procore_cli.callback.request import Request
from procore_cli.callback.site import Site
from procore_cli.callback.visits import Visits
from procore_cli.threads import start
from procore_cli.urls import RedirectUri

Address = tuple[str, int]

_POLL_S = 0.02
_ACCEPT_PAUSE_S = 0.05
_CHUNK_BYTES = 16 * 1024
_NOBODY_WAITS = Failure(
    "The terminal stopped waiting",
    "The sign-in was ended before it was complete.",
    "Go back to the terminal and start it again.",
)


@dataclass(frozen=True)
class Limits:
    """What one client may take, in seconds; 128 connections fit under macOS' 256 open files."""

    request_s: float = 10
    outcome_s: float = 100
    farewell_s: float = 1
    connections: int = 128


class Listener:
    """Waits on 127.0.0.1 and ::1 for one sign-in's callback, and tells the browser how it ended.

    `admits(peer, own)` says whether the other end of a connection may talk to us; `stray_error` is called
    each time an `error` arrives that is not ours. Both are called from threads of the listener.
    """

    def __init__(
        self,
        redirect: RedirectUri,
        authorize_url: str,
        inbox: Inbox,
        admits: Callable[[Address, Address], bool],
        environment: str,
        stray_error: Callable[[], None],
        limits: Limits = Limits(),
    ) -> None:
        self._port = redirect.port
        self._environment = environment
        self._inbox = inbox
        site = Site(redirect, authorize_url, inbox, environment, stray_error, limits.outcome_s)
        self._desk = _Desk(site, admits, limits, Connections(limits.connections))
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Listen from now on. Raises PortTakenError, NoThreadError."""
        listening = new_listening_sockets(self._port, self._environment)
        # Undone from the last to the first: no new connection, then the old ones, then the port.
        servers = [self._open.enter_context(_Server(each, self._desk)) for each in listening]
        self._open.callback(self._end_connections)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            for server in servers:
                start(threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True))
                self._open.callback(server.shutdown)
            undo.pop_all()

    def succeed(self, home: Home) -> None:
        """Send the browser that waits, and any that comes back later, to `/home`."""
        self._inbox.settle(home)

    def fail(self, title: str, message: str, next_step: str) -> None:
        """Tell the browser that waits, and any that comes back later, that the sign-in failed."""
        self._inbox.settle(Failure(title, message, next_step))

    def wait_for_home(self, timeout_s: float) -> bool:
        """Wait until a tab has got `/home`, for `timeout_s` seconds at most, and a moment for other tabs."""
        return self._desk.visits.wait(timeout_s)

    def close(self) -> None:
        """Let the answers under way be written, then free the port; a tab that still waits is told so."""
        self._open.close()

    def _end_connections(self) -> None:
        self._inbox.settle(_NOBODY_WAITS)
        self._desk.connections.end(self._desk.limits.farewell_s)


@dataclass(frozen=True)
class _Desk:
    """What the servers of both loopback addresses have in common."""

    site: Site
    admits: Callable[[Address, Address], bool]
    limits: Limits
    connections: Connections
    visits: Visits = field(default_factory=Visits)


class _Server(ThreadingHTTPServer):
    """Serves a socket that listens already, to a bounded number of clients; its threads are daemons."""

    block_on_close = False

    def __init__(self, listening: socket.socket, desk: _Desk) -> None:
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.desk = desk

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:
            # Out of file descriptors: the client stays in the backlog, and serve_forever must not spin.
            time.sleep(_ACCEPT_PAUSE_S)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self.desk.connections.add(request)

    def close_request(self, request: Any) -> None:
        self.desk.connections.remove(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the client has gone, or was too slow, and the terminal need not know."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request, one answer."""

    server: _Server
    rfile: HeadReader

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.desk = self.server.desk
        self.rfile = HeadReader(self.connection, self.desk.limits.request_s)

    def handle(self) -> None:
        # Whose it is comes first: nobody can tell any more once the other end is closed.
        own = self.connection.getsockname()[:2]
        self._is_admitted = self.desk.admits(self.client_address[:2], own)
        # Raises where it was reset before: then nobody could tell.
        self.connection.getpeername()
        try:
            self.handle_one_request()
        except BadLineError:
            self.send_error(HTTPStatus.BAD_REQUEST)

    def do_GET(self) -> None:
        """Answer a page or a callback; nobody hangs up on the browser meanwhile."""
        self.desk.connections.mark(self.connection, busy=True)
        self._send(self._answer())

    do_HEAD = do_GET  # noqa: N815

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        """What http.server refuses, with our page and headers and without its words."""
        # It knows no method but those that have a `do_` here.
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(self.desk.site.refuse(status if self._is_admitted else HTTPStatus.FORBIDDEN))

    def log_message(self, *_: Any) -> None:
        """Nothing: a request may hold a code, and the terminal belongs to the person."""

    def _answer(self) -> Answer:
        if not self._is_admitted:
            return self.desk.site.refuse(HTTPStatus.FORBIDDEN)
        # `self.path` is not what was sent where that begins with `//`.
        target = self.requestline.split(" ")[1]
        headers = tuple((name.lower(), value.strip(" \t")) for name, value in self.headers.items())
        try:
            return self.desk.site.answer(Request(self.command, target, headers))
        except Exception:  # noqa: BLE001 - a traceback on the terminal could hold what the client sent
            return self.desk.site.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _send(self, answer: Answer) -> None:
        headers_only = self.rfile.is_of_head_method
        self.connection.settimeout(self.desk.limits.request_s)
        if answer.status == HTTPStatus.SEE_OTHER and self._is_somebody_there():
            self.desk.visits.expect()
        self.wfile.write(answer.to_bytes(headers_only))
        if answer.is_home and not headers_only:
            self.desk.visits.arrive()
        self.desk.connections.mark(self.connection, busy=False)
        self._take_leave()

    def _is_somebody_there(self) -> bool:
        """Whether the browser still waits: a tab that was reloaded has hung up."""
        self.connection.setblocking(False)
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.connection.settimeout(self.desk.limits.request_s)

    def _take_leave(self) -> None:
        # Closing with bytes unread (a body, a head too long) is a reset, and the answer would be lost.
        self.connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + self.desk.limits.farewell_s
        while (remaining_s := deadline - time.monotonic()) > 0:
            self.connection.settimeout(remaining_s)
            if not self.connection.recv(_CHUNK_BYTES):
                return
