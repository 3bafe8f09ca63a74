"""A request's head on its way from a socket to http.server.

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
        if not self.peek(1)[:1].isalpha():
            raise BadLineError
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
