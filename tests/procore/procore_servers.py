"""Real servers on loopback that answer, hang, drip or break off; they never sleep past their end."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TICK_S = 0.02


@contextmanager
def silent_port(host: str, port: int) -> Iterator[None]:
    """A port that answers nobody, as behind a firewall that drops: its queue of connections is full."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(64):
            filler = stack.enter_context(socket.socket(family))
            filler.settimeout(TICK_S * 5)
            try:
                filler.connect((host, port))
            except TimeoutError:
                break
        yield


def resolving(*addresses: str, name: str = "many.example") -> Callable[..., Any]:
    """`socket.getaddrinfo` where one name has these addresses, in this order."""
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *rest: Any, **named: Any) -> Any:
        hosts = addresses if host == name else [host]
        return [found for each in hosts for found in real(each, port, *rest, **named)]

    return look_up


class Server:
    """Listens on 127.0.0.1; each connection is handed to `behave` in a thread of its own."""

    def __init__(self, behave: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.context = context
        self.requests: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TICK_S)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def host(self) -> str:
        return f"localhost:{self._listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://{self.host}"

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        # The client may go away, or refuse our certificate, at any point.
        with contextlib.suppress(OSError), connection:
            if self.context is None:
                self.behave(self, connection)
                return
            with self.context.wrap_socket(connection, server_side=True) as wrapped:
                self.behave(self, wrapped)


Behaviour = Callable[[Server, socket.socket], None]


def read_request(server: Server, connection: socket.socket) -> bytes:
    """A whole request, head and body; empty when the client has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    server.requests.append(head + b"\r\n\r\n" + body)
    return server.requests[-1]


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def json_http(content: object, status: str = "200 OK") -> bytes:
    return http(status, json.dumps(content).encode(), "Content-Type: application/json")


def answering(*answers: bytes) -> Behaviour:
    """Give these answers in turn, the last one again and again, on connections that are kept."""
    left = list(answers)

    def behave(server: Server, connection: socket.socket) -> None:
        while read_request(server, connection):
            connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return behave


def closing_after(*answers: bytes) -> Behaviour:
    """Give one answer a connection and close it without a word."""
    left = list(answers)

    def behave(server: Server, connection: socket.socket) -> None:
        read_request(server, connection)
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return behave


def hanging(server: Server, connection: socket.socket) -> None:
    """Read the request and say nothing."""
    read_request(server, connection)
    server.stopping.wait(5)


def silent_from_the_start(server: Server, connection: socket.socket) -> None:
    """Accept, and neither read nor write."""
    server.stopping.wait(5)


def resetting(server: Server, connection: socket.socket) -> None:
    """Read the request, then break the connection with a TCP reset."""
    read_request(server, connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resetting_in_the_handshake(server: Server, connection: socket.socket) -> None:
    """Wait for the first bytes, whatever they are, and break the connection."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answering_in_plain_text(server: Server, connection: socket.socket) -> None:
    """Answer in HTTP to whatever comes, as a server without TLS does."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def dripping(start: bytes) -> Behaviour:
    """Send `start`, then a byte at a time for ever."""

    def behave(server: Server, connection: socket.socket) -> None:
        read_request(server, connection)
        connection.sendall(start)
        while not server.stopping.wait(TICK_S):
            connection.sendall(b"x")

    return behave


def tunnelling(target_port: int) -> Behaviour:
    """A proxy: connect any CONNECT to `target_port` on this machine."""

    def behave(server: Server, connection: socket.socket) -> None:
        read_request(server, connection)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", target_port)) as target:
            _pump(connection, target)

    return behave


def _pump(one: socket.socket, other: socket.socket) -> None:
    # In one thread: a TLS socket must not be read and written at the same time.
    partner = {one: other, other: one}
    while True:
        for source in select.select(list(partner), [], [], 5)[0]:
            if not (chunk := source.recv(65536)):
                return
            partner[source].sendall(chunk)
