"""Whose one TCP socket is, asked of the kernel (Linux: sock_diag(7)); refuses to list all others."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from typing import NamedTuple

_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST = 1
_ANY = 0xFFFFFFFF
_ANSWER_BYTES = 4096
# Of the answer, what comes before the five numbers that end with uid and inode (struct inet_diag_msg).
_BEFORE_NUMBERS = 16 + 4 + 48
_PATIENCE_S = 1


class Owner(NamedTuple):
    """Whose a socket is; the inode is 0 when no process holds it any more."""

    uid: int
    inode: int


def find_owner(local: tuple[str, int], remote: tuple[str, int]) -> Owner | None:
    """The owner of the socket with these two addresses; None where there is none or the kernel does not say.

    The table in /proc takes milliseconds to print, for every connection of a flood.
    """
    if sys.platform == "linux":
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel,
        ):
            kernel.settimeout(_PATIENCE_S)
            kernel.send(_question(local, remote))
            return _read_answer(kernel.recv(_ANSWER_BYTES))
    return None


def _question(local: tuple[str, int], remote: tuple[str, int]) -> bytes:
    family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
    hosts = [socket.inet_pton(family, address[0].partition("%")[0]) for address in (local, remote)]
    who = struct.pack("!HH16s16s", local[1], remote[1], *hosts) + struct.pack("=III", 0, _ANY, _ANY)
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ANY) + who
    return struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, _REQUEST, 0, 0) + body


def _read_answer(answer: bytes) -> Owner | None:
    if len(answer) < _BEFORE_NUMBERS + 20 or struct.unpack_from("=H", answer, 4)[0] != _BY_FAMILY:
        return None
    uid, inode = struct.unpack_from("=II", answer, _BEFORE_NUMBERS + 12)
    return Owner(uid, inode)
