"""The pretend Procore's HTTP: connections that stay open between requests, bodies within limits, answers.

Refuses any address but 127.0.0.1.
"""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, Final

from procore_cli.demo.exchange import Answer, Call, RefusedCallError, new_errors, refused
from procore_cli.webpage import security_headers

HOST: Final = "127.0.0.1"
_OWN_NAMES: Final = (HOST, "localhost", "[::1]")
_IDLE_TIMEOUT_S: Final = 60
# Chromium applies it to the redirects after a form as well: to whatever redirect URI there is.
_FORMS_LEAD_TO: Final = "'self' http: https:"
_CLOSING_TIMEOUT_S: Final = 2
# Of a form, and of what the API and tests send.
_FORM_MAX_BYTES: Final = 64 * 1024
_API_MAX_BYTES: Final = 16 * 1024 * 1024
_SIZE_LINE_MAX_BYTES: Final = 256
_MOST_TRAILERS: Final = 32
_BODILESS: Final = (204, 304)


class DemoHttpServer(ThreadingHTTPServer):
    """One thread a connection; quiet."""

    daemon_threads = True
    request_queue_size = 64
    # On Windows this would let another program share the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int, answer: Callable[[Call], Answer]) -> None:
        self.answer = answer
        self._connections: set[Any] = set()
        self._changed = threading.Condition()
        super().__init__((HOST, port), DemoHandler)

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

    def _answer(self) -> None:
        try:
            answer = self.server.answer(self._read_call())
        except RefusedCallError as refusal:
            self.close_connection = True
            answer = refusal.answer
        self._send(answer)

    # OPTIONS has no route: no page of another site may call the API.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

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
        host = headers.get("Host", "").lower()
        is_local = host in [f"{name}:{self.server.server_port}" for name in _OWN_NAMES]
        return Call(
            query=query,
            body=_read_body(headers, self.rfile, path).decode("utf-8", "replace"),
            cookie=headers.get("Cookie", ""),
            authorization=headers.get("Authorization", ""),
            content_type=headers.get("Content-Type", ""),
            method=self.command,
            path=path,
            company=headers.get("Procore-Company-Id", "").strip(),
            # By the name that the client used for us; any other name is not repeated.
            origin=f"http://{host}" if is_local else self.server.url,
            is_local=is_local,
        )

    def _send(self, answer: Answer) -> None:
        if answer.dropped:
            self.close_connection = True
            return
        data = answer.text.encode()
        self.send_response(answer.status)
        own = [("Content-Type", answer.content_type), *security_headers(_FORMS_LEAD_TO)]
        given = {name.lower() for name, _ in answer.headers}
        for name, value in (*(header for header in own if header[0].lower() not in given), *answer.headers):
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
    max_bytes = _FORM_MAX_BYTES if path.startswith("/oauth/") else _API_MAX_BYTES
    lengths, codings = headers.get_all("Content-Length", []), headers.get_all("Transfer-Encoding", [])
    if codings:
        # Both at once, or another coding, is how requests are smuggled.
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise refused(400, "Transfer-Encoding cannot be used.")
        return b"".join(_read_chunks(stream, max_bytes))
    return stream.read(_read_length(lengths, max_bytes)) if lengths else b""


def _read_length(lengths: list[str], max_bytes: int) -> int:
    text = lengths[0]
    if len(lengths) > 1 or not (text.isascii() and text.isdigit()) or len(text) > len(str(max_bytes)):
        raise refused(411, "Content-Length is missing or cannot be used.")
    if int(text) > max_bytes:
        raise refused(413, "The body is too long.")
    return int(text)


def _read_chunks(stream: BufferedIOBase, max_bytes: int) -> Iterator[bytes]:
    total = 0
    while size := _read_chunk_size(stream):
        total += size
        if total > max_bytes:
            raise refused(413, "The body is too long.")
        yield stream.read(size)
        if stream.readline(_SIZE_LINE_MAX_BYTES).strip():
            raise refused(400, "A chunk does not end where it says.")
    for _ in range(_MOST_TRAILERS):
        # A trailer says nothing here.
        if not stream.readline(_SIZE_LINE_MAX_BYTES).strip():
            return
    raise refused(400, "The trailer has no end.")


def _read_chunk_size(stream: BufferedIOBase) -> int:
    digits = stream.readline(_SIZE_LINE_MAX_BYTES).partition(b";")[0].strip()
    if not 0 < len(digits) <= 8 or not all(digit in b"0123456789abcdefABCDEF" for digit in digits):
        raise refused(400, "A chunk has no size.")
    return int(digits, 16)
