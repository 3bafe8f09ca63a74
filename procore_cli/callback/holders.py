"""Who holds a port, as far as the system tells; refuses to guess, and to wait long for an answer."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from procore_cli.callback.sockets_table import PROC, Row, hex_forms, read_rows

_LISTEN = "0A"
_LOOPBACK_OR_ANY = ("127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104 - compared, not listened on
_PATIENCE_S = 5


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
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace")
