"""Whose a loopback connection is, and who holds a port, as far as the system tells.

Refuses to guess: what the system does not tell is None, and an unknown peer is let in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_LISTEN = "0A"
_LSOF_TIMEOUT_S = 5


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port."""

    pid: int
    name: str


@dataclass(frozen=True)
class _Row:
    """A line of /proc/net/tcp or tcp6 (proc(5)); addresses in the kernel's hexadecimal form."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    state: str
    uid: int
    inode: int


def admits(
    peer: tuple[str, int],
    own: tuple[str, int],
    root: Path = PROC,
    environ: Mapping[str, str] = os.environ,
) -> bool:
    """Whether a connection may talk to us: it is ours, root's (WSL's relay), SUDO_UID's, or unknown."""
    uid = find_peer_uid(peer, own, root)
    if uid is None or uid in (0, os.geteuid()):
        return True
    return environ.get("SUDO_UID") == str(uid)


def find_peer_uid(peer: tuple[str, int], own: tuple[str, int], root: Path = PROC) -> int | None:
    """The uid of the process at the other end of a connection on this machine, or None if it is unknown.

    `peer` and `own` are the addresses of our accepted socket (host, port; more is ignored).
    """
    theirs, ours = _hex_forms(peer[0]), _hex_forms(own[0])
    for row in _read_rows(root):
        ports_fit = (row.local_port, row.remote_port) == (peer[1], own[1])
        if ports_fit and row.local in theirs and row.remote in ours:
            # A socket that no process holds any more is printed as root's, with inode 0.
            return row.uid if row.inode else None
    return None


def find_port_holder(port: int, root: Path = PROC) -> Holder | None:
    """The process that listens on a loopback port (or on all addresses), or None if it is unknown.

    Linux tells root about everybody's processes, others about their own; macOS is asked with lsof.
    """
    if not (root / "net/tcp").exists():
        return _ask_lsof(port)
    addresses = {form for host in ("127.0.0.1", "0.0.0.0", "::1", "::") for form in _hex_forms(host)}  # noqa: S104
    rows = [row for row in _read_rows(root) if row.state == _LISTEN and row.local_port == port]
    links = {f"socket:[{row.inode}]" for row in rows if row.local in addresses}
    pid = _find_pid(links, root) if links else None
    return None if pid is None else Holder(pid, _read_name(pid, root))


def _read_rows(root: Path) -> Iterator[_Row]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (root / "net" / table).read_text("ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        yield from (_read_row(line.split()) for line in lines if len(line.split()) > 9)


def _read_row(columns: list[str]) -> _Row:
    local, _, local_port = columns[1].partition(":")
    remote, _, remote_port = columns[2].partition(":")
    return _Row(
        local,
        int(local_port, 16),
        remote,
        int(remote_port, 16),
        state=columns[3],
        uid=int(columns[7]),
        inode=int(columns[9]),
    )


def _hex_forms(host: str) -> frozenset[str]:
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


def _find_pid(links: set[str], root: Path) -> int | None:
    for folder in root.glob("[0-9]*"):
        if not links.isdisjoint(_read_links(folder / "fd")):
            return int(folder.name)
    return None


def _read_links(folder: Path) -> list[str]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        # The process has gone, or it is somebody else's.
        return []
    return [link for entry in entries if (link := _read_link(entry))]


def _read_link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _read_name(pid: int, root: Path) -> str:
    try:
        return _printable((root / str(pid) / "comm").read_text("utf-8", "replace"))
    except OSError:
        return ""


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def _ask_lsof(port: int) -> Holder | None:
    import subprocess

    command = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    try:
        answer = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LSOF_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _read_lsof(answer.stdout.decode("utf-8", "replace"))


def _read_lsof(text: str) -> Holder | None:
    lines = text.splitlines()
    pids = [line[1:] for line in lines if line.startswith("p") and line[1:].isdecimal()]
    names = [line[1:] for line in lines if line.startswith("c")]
    return Holder(int(pids[0]), _printable(names[0])) if pids and names else None
