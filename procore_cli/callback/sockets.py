"""Whose a loopback connection is, and who holds a port, as far as the system tells.

Refuses to guess: what the system does not tell is None, and an unknown peer is let in.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

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


_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST = 1
_ANY = 0xFFFFFFFF
_ANSWER_BYTES = 4096
# Of the answer, what comes before the five numbers that end with uid and inode (struct inet_diag_msg).
_BEFORE_NUMBERS = 16 + 4 + 48
_KERNEL_PATIENCE_S = 1


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
            kernel.settimeout(_KERNEL_PATIENCE_S)
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


Address = tuple[str, int]

_SOME_INODE = 1


class Standing(Enum):
    """Whether the other end of a connection may talk to us."""

    ADMITTED = "ours, root's (WSL's relay), SUDO_UID's, or unknown"
    FOREIGN = "another user's"
    GONE = "nobody's any more: it cannot be told whose it was"


class Peer(NamedTuple):
    """The other end of a connection; `uid` is None where the system does not tell it."""

    standing: Standing
    uid: int | None = None


def judge(
    peer: Address,
    own: Address,
    root: Path = PROC,
    environ: Mapping[str, str] = os.environ,
) -> Peer:
    """Whose a connection is; `peer` and `own` are the addresses of our accepted socket (host, port)."""
    owner = _find_owner(peer, own, root)
    if owner is None:
        return Peer(Standing.ADMITTED)
    if not owner.inode:
        # Whoever sends and hangs up at once would pass for root otherwise.
        return Peer(Standing.GONE)
    is_admitted = owner.uid in (0, os.geteuid()) or environ.get("SUDO_UID") == str(owner.uid)
    return Peer(Standing.ADMITTED if is_admitted else Standing.FOREIGN, owner.uid)


def _find_owner(peer: Address, own: Address, root: Path) -> Owner | None:
    """The owner of the other end of a connection on this machine, or None if it is unknown."""
    if root == PROC and (owner := find_owner(peer, own)):
        return owner
    rows = list(read_rows(root))
    theirs, ours = _find_row(rows, peer, own), _find_row(rows, own, peer)
    if theirs is None:
        return None
    # We hold our own end: a table that knows no inode of it knows none at all, and its uids must do.
    knows_inodes = ours is None or ours.inode != 0
    return Owner(theirs.uid, theirs.inode if knows_inodes else _SOME_INODE)


def _find_row(rows: list[Row], local: Address, remote: Address) -> Row | None:
    locals_, remotes = hex_forms(local[0]), hex_forms(remote[0])
    for row in rows:
        ports_fit = (row.local_port, row.remote_port) == (local[1], remote[1])
        if ports_fit and row.local in locals_ and row.remote in remotes:
            return row
    return None


_LISTEN = "0A"
_LOOPBACK_OR_ANY = ("127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104 - compared, not listened on
_TOOL_PATIENCE_S = 5


@dataclass(frozen=True)
class Holder:
    """Whoever listens on a port: the process where it may be looked at, else whose it is."""

    pid: int | None
    name: str
    user: str = ""

    def describe(self) -> str:
        """A sentence about the holder."""
        if self.pid is None:
            return f"It is held by a process of {self.user}."
        return f"It is held by {self.name or 'a process'} (process {self.pid})."


def find_port_holder(port: int, root: Path = PROC, platform: str = sys.platform) -> Holder | None:
    """Whoever listens on a loopback port (or on all addresses), or None if it is unknown.

    Linux names every process to root and our own ones to us, macOS is asked with lsof, Windows with netstat.
    """
    if platform == "win32":
        return _ask_netstat(port)
    if not (root / "net/tcp").exists():
        return _ask_lsof(port)
    return _find_in_table(port, root)


def _find_in_table(port: int, root: Path) -> Holder | None:
    forms = frozenset(form for host in _LOOPBACK_OR_ANY for form in hex_forms(host))
    rows = [row for row in read_rows(root) if row.state == _LISTEN and row.local_port == port]
    held = [row for row in rows if row.local in forms]
    if not held:
        return None
    pid = _find_pid({f"socket:[{row.inode}]" for row in held}, root)
    return Holder(None, "", _find_user(held[0])) if pid is None else Holder(pid, _read_name(pid, root))


def _find_user(row: Row) -> str:
    import pwd

    try:
        return _printable(pwd.getpwuid(row.uid).pw_name)
    except KeyError:
        return f"user {row.uid}"


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
    return _read_lsof(_ask("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"))


def _read_lsof(text: str) -> Holder | None:
    lines = text.splitlines()
    pids = [line[1:] for line in lines if line.startswith("p") and line[1:].isdecimal()]
    names = [line[1:] for line in lines if line.startswith("c")]
    return Holder(int(pids[0]), _printable(names[0])) if pids and names else None


def _ask_netstat(port: int) -> Holder | None:
    pid = _read_netstat(_ask(_of_windows("netstat.exe"), "-ano"), port)
    if pid is None:
        return None
    listed = _ask(_of_windows("tasklist.exe"), "/FI", f"PID eq {pid}", "/FO", "CSV", "/NH")
    # A line of CSV for the process, or a sentence in the system's language.
    name = listed.strip().split('"')[1] if listed.strip().startswith('"') else ""
    return Holder(pid, _printable(name))


def _read_netstat(text: str, port: int) -> int | None:
    """The process id of the listener; the word for its state is translated, the missing peer is not."""
    ours = {f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in _LOOPBACK_OR_ANY}
    for columns in map(str.split, text.splitlines()):
        is_listener = len(columns) == 5 and columns[2] in ("0.0.0.0:0", "[::]:0")
        if is_listener and columns[1] in ours and columns[4].isdecimal():
            return int(columns[4])
    return None


def _of_windows(program: str) -> str:
    # By full path: a search on Windows would begin in the current folder.
    root = os.environ.get("SYSTEMROOT") or r"C:\Windows"
    return rf"{root}\System32\{program}"


def _ask(*command: str) -> str:
    """What a program of the system prints, or nothing if it does not work."""
    import subprocess

    try:
        answer = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TOOL_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace")
