"""The pretend Procore's HTTP: connections that stay open between requests, bodies within limits, answers.

Refuses any address but 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import socket
import socketserver
import threading
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, Final, Self

from procore_cli.demo.exchange import Answer, Call, RefusedCallError, new_errors, refused
from procore_cli.threads import start
from procore_cli.webpage import security_headers

HOST: Final = "127.0.0.1"
_OWN_NAMES: Final = (HOST, "localhost", "[::1]")
_IDLE_TIMEOUT_S: Final = 60
# Chromium applies it to the redirects after a form as well: to whatever redirect URI there is.
_FORMS_LEAD_TO: Final = "'self' http: https:"
_CLOSING_TIMEOUT_S: Final = 2
# How long `close` may wait for the accepting thread to notice.
_POLL_INTERVAL_S: Final = 0.02
# Of a form, and of what the API and tests send.
_FORM_MAX_BYTES: Final = 64 * 1024
_API_MAX_BYTES: Final = 16 * 1024 * 1024
_LINE_MAX_BYTES: Final = 256
_BODILESS: Final = (204, 304)


class HttpServer(ThreadingHTTPServer):
    """One thread a connection; quiet; a subclass gives the answers. It serves within a `with` block."""

    daemon_threads = True
    request_queue_size = 64
    # On Windows this would let another program share the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int) -> None:
        self._connections: set[Any] = set()
        self._changed = threading.Condition()
        super().__init__((HOST, port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_POLL_INTERVAL_S,), name="pretend-procore", daemon=True
        )

    def answer(self, call: Call) -> Answer:
        """What a call gets."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """The base URL of both its OAuth server and its API."""
        return f"http://{HOST}:{self.server_port}"

    def __enter__(self) -> Self:
        """Listen. Raises NoThreadError."""
        try:
            start(self._thread)
        except BaseException:
            self.server_close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end what connections there are; doing it twice is no mistake."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, _CLOSING_TIMEOUT_S)

    def server_bind(self) -> None:
        """Bind without the name lookup that HTTPServer makes here, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

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

    def handle_error(self, *_: Any) -> None:
        """A client that went away is nobody's news."""


class _Handler(BaseHTTPRequestHandler):
    """The requests of one connection, which stays open between them (RFC 9112, section 9.3)."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT_S
    # Head and body leave together: two packets would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        try:
            answer = self.server.answer(self._read_call())
        except RefusedCallError as refusal:
            self.close_connection = True
            answer = refusal.answer
        self._send(answer)

    # OPTIONS has no route: no page of another site may call the API.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        # A query may hold a code, and the terminal belongs to the command.
        pass

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        # What the parser refuses, in our own shape and without its words.
        self.close_connection = True
        self._send(new_errors(code, "The request cannot be read."))

    def _read_call(self) -> Call:
        path, _, query = self.path.partition("?")
        host = self.headers.get("Host", "").lower()
        is_local = host in [f"{name}:{self.server.server_port}" for name in _OWN_NAMES]
        # By the name that the client used for us; any other name is not repeated.
        origin = f"http://{host}" if is_local else self.server.url
        body = _read_body(self.headers, self.rfile, path).decode("utf-8", "replace")
        return Call(self.command, path, query, self.headers, body, origin, is_local)

    def _send(self, answer: Answer) -> None:
        if answer.dropped:
            self.close_connection = True
            return
        data = answer.text.encode()
        self.send_response_only(answer.status)
        own = [("Server", "pretend-procore"), ("Date", self.date_time_string())]
        own += [("Content-Type", answer.content_type), *security_headers(_FORMS_LEAD_TO)]
        # The last one of a name counts.
        for name, value in {name.lower(): (name, value) for name, value in (*own, *answer.headers)}.values():
            self.send_header(name, value)
        if answer.status not in _BODILESS:
            self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status not in _BODILESS:
            self.wfile.write(data)


def _read_body(headers: Message, stream: BufferedIOBase, path: str) -> bytes:
    """The body of a request for `path`; empty where the headers announce none.

    Raises RefusedCallError; what is left of the body is not read then, so the connection has to end.
    """
    max_bytes = _API_MAX_BYTES if path.startswith(("/rest/", "/demo/")) else _FORM_MAX_BYTES
    lengths, codings = headers.get_all("Content-Length", []), headers.get_all("Transfer-Encoding", [])
    if codings:
        # Both at once, or another coding, is how requests are smuggled.
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise refused(400, "Transfer-Encoding cannot be used.")
        return _read_chunks(stream, max_bytes)
    if len(lengths) > 1:
        raise refused(400, "Content-Length stands twice.")
    return stream.read(_read_size(lengths[0], 10, max_bytes)) if lengths else b""


def _read_chunks(stream: BufferedIOBase, max_bytes: int) -> bytes:
    body = b""
    while True:
        line = stream.readline(_LINE_MAX_BYTES).partition(b";")[0]
        size = _read_size(line.decode("latin-1").strip(), 16, max_bytes - len(body))
        body += stream.read(size)
        # Of a trailer, which says nothing here, none is taken.
        if stream.readline(_LINE_MAX_BYTES).strip():
            raise refused(400, "A chunk does not end where it says.")
        if size == 0:
            return body


def _read_size(text: str, base: int, max_bytes: int) -> int:
    if not re.fullmatch("[0-9a-fA-F]{1,12}" if base == 16 else "[0-9]{1,12}", text):
        raise refused(400, "The body has no length that can be used.")
    if int(text, base) > max_bytes:
        raise refused(413, "The body is too long.")
    return int(text, base)
