"""Whose a loopback connection is, and who holds a port, as far as the system tells.

Refuses to guess: what the system does not tell is None, and an unknown peer is let in.
"""

from __future__ import annotations

import glob
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

Address = tuple[str, int]

PROC: Final = Path("/proc")
_ESTABLISHED, _LISTEN = "01", "0A"
_MAPPED = bytes(10) + b"\xff\xff"
# The kernel prints a table in pieces, and may miss a socket while others come and go.
_LOOKS = 3
_LOOPBACK_OR_ANY = ("127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104 - compared, not listened on
_TOOL_PATIENCE_S = 5


class Row(NamedTuple):
    """A socket in the kernel's tables; the inode is 0 when no process holds it any more."""

    state: str
    uid: int
    inode: int


def read_tables(root: Path = PROC) -> str:
    """Every TCP socket of both families, as /proc/net/tcp and tcp6 print them; empty on other systems."""
    found = []
    for table in ("tcp", "tcp6"):
        try:
            found.append((root / "net" / table).read_text("utf-8"))
        except OSError:
            continue
    return "".join(found)


class SharedTables:
    """Reads the tables once for all who wait for them: of a flood, each connection would cost a reading."""

    def __init__(self, root: Path = PROC) -> None:
        self._root = root
        self._reading = threading.Lock()
        self._begun = 0
        self._tables = ""

    def read(self) -> str:
        """The tables, as a reading that began after this call found them."""
        begun = self._begun
        with self._reading:
            if self._begun == begun:
                self._begun += 1
                self._tables = read_tables(self._root)
            return self._tables


def find_rows(tables: str, local: Address, remote: Address | None = None) -> list[Row]:
    """The sockets with these two addresses; without `remote` those that listen."""
    rows = []
    locals_ = _hex_forms(local)
    remotes = _hex_forms(remote) if remote else [f"{'0' * (len(form) - 5)}:0000" for form in locals_]
    for ends in (f": {mine} {other} " for mine, other in zip(locals_, remotes, strict=False)):
        at = tables.find(ends)
        while at >= 0:
            columns = tables[at + len(ends) : tables.find("\n", at)].split()
            state, uid, inode = columns[0], columns[4], columns[6]
            if remote or state == _LISTEN:
                rows.append(Row(state, int(uid), int(inode)))
            at = tables.find(ends, at + 1)
    return rows


def _hex_forms(address: Address) -> list[str]:
    """As the kernel prints it; IPv4 also as IPv6 sockets carry it (RFC 4291, section 2.5.5.2)."""
    host, port = address
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0] if ":" in host else f"::ffff:{host}")
    # Each 32-bit word is printed as a number of the machine's own byte order.
    words = [f"{int.from_bytes(packed[i : i + 4], sys.byteorder):08X}" for i in range(0, 16, 4)]
    hosts = ["".join(words), *(words[3:] if packed.startswith(_MAPPED) else [])]
    return [f"{each}:{port:04X}" for each in hosts]


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
    read: Callable[[], str] = read_tables,
    environ: Mapping[str, str] = os.environ,
) -> Peer:
    """Whose a connection is; `peer` and `own` are the addresses of our accepted socket (host, port)."""
    theirs, ours = _find_ends(peer, own, read)
    if theirs is None:
        # Beyond WSL a browser's end is outside of the table; one that has hung up may be, after a while.
        hung_up = ours is not None and ours.state != _ESTABLISHED
        return Peer(Standing.GONE if hung_up else Standing.ADMITTED)
    # We hold our own end: a table that knows no inode of it knows none at all, and its uids must do.
    if not theirs.inode and (ours is None or ours.inode):
        # Whoever sends and hangs up at once would pass for root otherwise.
        return Peer(Standing.GONE)
    is_admitted = theirs.uid in (0, os.geteuid()) or environ.get("SUDO_UID") == str(theirs.uid)
    return Peer(Standing.ADMITTED if is_admitted else Standing.FOREIGN, theirs.uid)


def _find_ends(peer: Address, own: Address, read: Callable[[], str]) -> tuple[Row | None, Row | None]:
    for _ in range(_LOOKS):
        tables = read()
        theirs = next(iter(find_rows(tables, peer, own)), None)
        if theirs is not None and theirs.inode:
            return theirs, None
        ours = next(iter(find_rows(tables, own, peer)), None)
        if theirs is not None or ours is None:
            break
    return theirs, ours


@dataclass(frozen=True)
class Holder:
    """Whoever listens on a port: the process where it may be looked at, else whose it is."""

    pid: int | None
    name: str
    user: str = ""
    is_sign_in: bool = False

    def describe(self) -> str:
        """A sentence about the holder."""
        if self.is_sign_in:
            return f"Another sign-in waits there (process {self.pid})."
        if self.pid is None:
            return f"It is held by a process of {self.user}."
        return f"It is held by {self.name or 'a process'} (process {self.pid})."


def find_port_holder(port: int, root: Path = PROC, platform: str = sys.platform) -> Holder | None:
    """Whoever listens on a loopback port (or on all addresses), or None if it is unknown.

    Linux names every process to root and our own ones to us, macOS is asked with lsof, Windows with netstat,
    which tells no command lines: a sign-in is a python.exe there.
    """
    if platform == "win32":
        return _ask_netstat(port)
    if not (root / "net/tcp").exists():
        return _ask_lsof(port)
    tables = read_tables(root)
    held = [row for host in _LOOPBACK_OR_ANY for row in find_rows(tables, (host, port))]
    if not held:
        return None
    pid = _find_pid({f"socket:[{row.inode}]" for row in held}, root)
    if pid is None:
        return Holder(None, "", _find_user(held[0].uid))
    return Holder(pid, _read_name(pid, root), is_sign_in=_is_sign_in(_read_words(pid, root)))


def _find_user(uid: int) -> str:
    # Windows has no such module.
    import pwd

    try:
        return _printable(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"user {uid}"


def _find_pid(links: set[str], root: Path) -> int | None:
    # The glob of pathlib gives up where a process ends meanwhile.
    for descriptor in glob.iglob(f"{root}/[0-9]*/fd/*"):  # noqa: PTH207
        try:
            if os.readlink(descriptor) in links:  # noqa: PTH115
                return int(Path(descriptor).parts[-3])
        except OSError:
            # The process has gone, or it is somebody else's.
            continue
    return None


def _read_name(pid: int, root: Path) -> str:
    try:
        return _printable((root / str(pid) / "comm").read_text("utf-8", "replace"))
    except OSError:
        return ""


def _read_words(pid: int, root: Path) -> list[str]:
    try:
        return (root / str(pid) / "cmdline").read_text("utf-8", "replace").split("\0")
    except OSError:
        return []


def _is_sign_in(words: list[str]) -> bool:
    """Whether a process's command line is one of ours that listens: a script of Python's, or its -m."""
    for before, word, command in zip(["", *words], words, words[1:], strict=False):
        if Path(word).name == "procore-login" or (before, word) == ("-m", "procore_cli"):
            return command in ("signup", "signin")
    return False


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def _ask_lsof(port: int) -> Holder | None:
    lines = _ask("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc").splitlines()
    pids = [line[1:] for line in lines if line.startswith("p") and line[1:].isdecimal()]
    names = [line[1:] for line in lines if line.startswith("c")]
    if not (pids and names):
        return None
    words = _ask("ps", "-ww", "-o", "args=", "-p", pids[0]).split()
    return Holder(int(pids[0]), _printable(names[0]), is_sign_in=_is_sign_in(words))


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
