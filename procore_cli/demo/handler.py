"""The pretend Procore's HTTP: reads a request within limits, finds its route, writes the answer.

Refuses to print, to name a version, and to say what went wrong inside.
"""

from __future__ import annotations

import os
import socketserver
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from procore_cli.demo.style import new_policy
from procore_cli.demo.wire import Answer, Call, new_errors

Routes = Mapping[tuple[str, str], Callable[[Call], Answer]]

HOST = "127.0.0.1"
_BODY_MAX_BYTES = 64 * 1024
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
    routes: Routes

    def server_bind(self) -> None:
        """Bind without the name lookup that HTTPServer makes here, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def handle_error(self, *_: Any) -> None:
        """A client that went away is nobody's news."""


class DemoHandler(BaseHTTPRequestHandler):
    """One request; the connection ends with it."""

    server: DemoHttpServer
    timeout = 10

    def do_GET(self) -> None:
        """Answer a GET."""
        self._send(self._find_answer(""))

    def do_POST(self) -> None:
        """Answer a POST, if its body is not too long."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > len(str(_BODY_MAX_BYTES)):
            self._send(new_errors(411, "Content-Length is missing or cannot be used."))
        elif int(length) > _BODY_MAX_BYTES:
            self._send(new_errors(413, "The body is too long."))
        else:
            self._send(self._find_answer(self.rfile.read(int(length)).decode("utf-8", "replace")))

    def version_string(self) -> str:
        """What stands in the Server header."""
        return "pretend-procore"

    def log_message(self, *_: Any) -> None:
        """Nothing: a query may hold a code, and the terminal belongs to the command."""

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        """What the parser refuses, in our own shape and without its words."""
        self.close_connection = True
        self._send(new_errors(code, "The request cannot be read."))

    def _find_answer(self, body: str) -> Answer:
        path, _, query = self.path.partition("?")
        route = self.server.routes.get((self.command, path))
        if route is None:
            return new_errors(404, "Not found.")
        headers = self.headers
        call = Call(query, body, headers.get("Cookie", ""), headers.get("Authorization", ""))
        try:
            return route(call)
        # What went wrong is the client's news: the command around us reports the 500.
        except Exception:  # noqa: BLE001
            return new_errors(500, "The pretend Procore failed.")

    def _send(self, answer: Answer) -> None:
        data = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(data)))
        policy = ("Content-Security-Policy", new_policy(answer.forms_lead_to))
        for name, value in (policy, *_SECURITY_HEADERS, *answer.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
