"""The pretend Procore's HTTP: reads a request within limits, asks for the answer, writes it.

Refuses to print, to name a version, and to say what went wrong inside.
"""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from procore_cli.demo.intake import read_body
from procore_cli.demo.style import new_policy
from procore_cli.demo.wire import Answer, Call, RefusedCallError, new_errors

HOST = "127.0.0.1"
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_IDLE_TIMEOUT_S = 60
_CLOSING_TIMEOUT_S = 2
_SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class DemoHttpServer(ThreadingHTTPServer):
    """One thread a connection; quiet."""

    daemon_threads = True
    request_queue_size = 64
    # On Windows this would let another program share the port.
    allow_reuse_address = os.name != "nt"
    answer: Callable[[Call], Answer]

    def __init__(self, address: tuple[str, int], handler: type[DemoHandler]) -> None:
        self._connections: set[Any] = set()
        self._changed = threading.Condition()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without the name lookup that HTTPServer makes here, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{HOST}:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, so that closing can end it."""
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        super().close_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def close_connections(self) -> None:
        """End the connections that clients keep open, and wait for their threads to notice."""
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, _CLOSING_TIMEOUT_S)

    def handle_error(self, *_: Any) -> None:
        """A client that went away is nobody's news."""


class DemoHandler(BaseHTTPRequestHandler):
    """The requests of one connection, which stays open between them (RFC 9112, section 9.3)."""

    server: DemoHttpServer
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT_S
    # Head and body leave together: two packets would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer a HEAD: the headers of a GET (RFC 9110, section 9.3.2)."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._answer()

    def do_PUT(self) -> None:
        """Answer a PUT."""
        self._answer()

    def do_PATCH(self) -> None:
        """Answer a PATCH."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._answer()

    def do_OPTIONS(self) -> None:
        """Answer an OPTIONS, which nothing here has: no page of another site may call the API."""
        self._answer()

    def _answer(self) -> None:
        try:
            call = self._read_call()
        except RefusedCallError as refusal:
            self.close_connection = True
            self._send(refusal.answer)
            return
        self._send(self._find_answer(call))

    def version_string(self) -> str:
        """What stands in the Server header."""
        return "pretend-procore"

    def log_message(self, *_: Any) -> None:
        """Nothing: a query may hold a code, and the terminal belongs to the command."""

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        """What the parser refuses, in our own shape and without its words."""
        self.close_connection = True
        self._send(new_errors(code, "The request cannot be read."))

    def _read_call(self) -> Call:
        path, _, query = self.path.partition("?")
        headers = self.headers
        return Call(
            query=query,
            body=read_body(headers, self.rfile, path).decode("utf-8", "replace"),
            cookie=headers.get("Cookie", ""),
            authorization=headers.get("Authorization", ""),
            method=self.command,
            path=path,
            company=headers.get("Procore-Company-Id", "").strip(),
            origin=self._find_origin(headers.get("Host", "")),
        )

    def _find_origin(self, host: str) -> str:
        """The base URL by the name that the client used for us; any other name is not repeated."""
        ours = (f"{name}:{self.server.server_port}" for name in _OWN_NAMES)
        return f"http://{host}" if host in ours else self.server.url

    def _find_answer(self, call: Call) -> Answer:
        try:
            return self.server.answer(call)
        # What went wrong is the client's news: the command around us reports the 500.
        except Exception:  # noqa: BLE001
            return new_errors(500, "The pretend Procore failed.")

    def _send(self, answer: Answer) -> None:
        if answer.dropped:
            self.close_connection = True
            return
        data = answer.text.encode()
        self.send_response(answer.status)
        if answer.status != 204:
            size = answer.stream.size if answer.stream else len(data)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(size))
        policy = ("Content-Security-Policy", new_policy(answer.forms_lead_to))
        for name, value in (policy, *_SECURITY_HEADERS, *answer.headers):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.writelines(answer.stream.chunks() if answer.stream else [data])
