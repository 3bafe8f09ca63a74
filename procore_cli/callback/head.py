"""A request's head on its way from a socket to http.server, line by line.

Refuses to wait for ever, to read for ever, and to pass on a line that could be read in two ways.
"""

from __future__ import annotations

import io
import re
import socket
import time
from http.client import HTTPException
from typing import Any

_HEADERS_BYTES = 64 * 1024
_REQUEST_LINE = re.compile(rb"[!-~]+ [!-\xff]+ HTTP/1\.[0-9]\r?\n")
# No folded value: http.server would show it with its line ends.
_HEADER_LINE = re.compile(rb"(?:[!-9;-~]+:[^\0\r\n]*)?\r?\n")


class BadLineError(Exception):
    """A line that does not belong into the head of an HTTP/1 request (RFC 9112); shows nothing of it."""


class HeadReader(io.BufferedReader):
    """Takes `timeout_s` seconds at most (TimeoutError); raises ConnectionError when the client hangs up."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        super().__init__(_Incoming(connection, time.monotonic() + timeout_s))
        self.is_of_head_method = False
        self._expected = _REQUEST_LINE
        self._header_bytes = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        """The request line, then each header. Raises BadLineError; HTTPException over 64 KiB of headers."""
        # A TLS hello is known by its first byte, and has no line end to wait for.
        if self._expected is _REQUEST_LINE and not self.peek(1)[:1].isalpha():
            raise BadLineError
        line = super().readline(size)
        if self._expected is _REQUEST_LINE:
            self.is_of_head_method = line.startswith(b"HEAD ")
        if len(line) == size:
            return line  # Too long for http.server, which says so.
        if not self._expected.fullmatch(line):
            raise BadLineError
        if self._expected is _HEADER_LINE:
            self._header_bytes += len(line)
        if self._header_bytes > _HEADERS_BYTES:
            raise HTTPException
        self._expected = _HEADER_LINE
        return line


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
