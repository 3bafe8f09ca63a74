"""The listener's open connections, counted; refuses to let silent ones keep a person out."""

from __future__ import annotations

import contextlib
import socket
import threading


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
