"""Places that nothing may be sent to: a second server, and a watch on every way out of the test's process."""

from __future__ import annotations

import socket
from typing import Any

import pytest


class Elsewhere:
    """A server that accepts nobody, so that the system keeps each connection that was ever begun."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._server.setblocking(False)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def count(self) -> int:
        """How many connections have been begun since the last look, bare ones too."""
        number = 0
        while True:
            try:
                self._server.accept()[0].close()
            except BlockingIOError:
                return number
            number += 1


def watch_ways_out(patch: pytest.MonkeyPatch) -> list[Any]:
    """From here on each connection and each look-up of a name is noted in the list."""
    ways: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def note_connect(self: socket.socket, address: Any) -> None:
        ways.append(address)
        connect(self, address)

    def note_look_up(host: Any, *rest: Any, **options: Any) -> Any:
        ways.append(host)
        return look_up(host, *rest, **options)

    patch.setattr(socket.socket, "connect", note_connect)
    patch.setattr(socket, "getaddrinfo", note_look_up)
    return ways
