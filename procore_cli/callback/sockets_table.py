"""The kernel's table of TCP sockets (Linux: proc(5)); empty where there is none, and refuses to judge it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


@dataclass(frozen=True)
class Row:
    """A line of /proc/net/tcp or tcp6; addresses in the kernel's hexadecimal form."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    state: str
    uid: int
    inode: int


def read_rows(root: Path) -> Iterator[Row]:
    """Every TCP socket that the system tells of."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (root / "net" / table).read_text("ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        yield from (_read_row(line.split()) for line in lines if len(line.split()) > 9)


def _read_row(columns: list[str]) -> Row:
    local, _, local_port = columns[1].partition(":")
    remote, _, remote_port = columns[2].partition(":")
    return Row(
        local,
        int(local_port, 16),
        remote,
        int(remote_port, 16),
        state=columns[3],
        uid=int(columns[7]),
        inode=int(columns[9]),
    )


def hex_forms(host: str) -> frozenset[str]:
    """An address as the kernel prints it; IPv4 also as IPv6 sockets carry it (RFC 4291, section 2.5.5.2)."""
    import socket

    mapped = b"\0" * 10 + b"\xff\xff"
    if ":" in host:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    else:
        packed = mapped + socket.inet_pton(socket.AF_INET, host)
    forms = {_hex_words(packed)}
    if packed.startswith(mapped):
        forms.add(_hex_words(packed[12:]))
    return frozenset(forms)


def _hex_words(packed: bytes) -> str:
    # The kernel prints each 32-bit word as a number of the machine's own byte order.
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
