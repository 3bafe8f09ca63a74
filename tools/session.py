"""Draws docs/images/session.svg: a real session on a pseudo-terminal, against the embedded Procore.

`python -m tools.pictures` makes it with the others. Refuses to edit what the commands say; only a
POSIX system has such terminals.
"""

from __future__ import annotations

import hashlib
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURE: Final = Path(__file__).parent.parent / "docs" / "images" / "session.svg"
COLUMNS: Final = 100
COMMANDS: Final = (
    "procore-login signup --env demo",
    "procore-login api me --env demo",
    "procore-login accounts --env demo",
    "procore-login token --env demo | cut -c -60",
)
# Another one in each session: link, folder, token, numbers, a date's words; and with them the frame.
_CHANGING: Final = re.compile(
    r"\x1b\[[\d;]*m|[\u2500-\u257f]|http:\S+|/\S+|[\w.-]{50,}|\d+|"
    r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|today|tomorrow)\b"
)

Session = list[tuple[str, str]]


def new_picture(session: Session) -> str:
    """The session as a terminal shows it; a comment has its digest."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for command, drawn in session:
        console.print(Text.assemble(("$ ", "bold green"), command))
        console.print(Text.from_ansi(drawn))
    # The id is made from the content otherwise, which has the time in it.
    picture = console.export_svg(title="procore-login", theme=MONOKAI, unique_id="session")
    return f"{picture}<!-- session {digest_of(session)} -->\n"


def digest_of(session: Session) -> str:
    """Of what is said, whatever the time and the token are."""
    said = without_changing("\n".join(f"{command}\n{drawn}" for command, drawn in session))
    return hashlib.sha256(said.encode()).hexdigest()


def without_changing(text: str) -> str:
    """What every session says, in one line."""
    return " ".join(_CHANGING.sub(" ", text).split())


def read_digest(picture: str) -> str:
    """What `new_picture` wrote; empty where nothing is."""
    found = re.search(r"<!-- session ([0-9a-f]{64}) -->", picture)
    return found[1] if found else ""


def record(commands: Iterable[str] = COMMANDS, variables: Mapping[str, str] | None = None) -> Session:
    """Each command, and what a terminal gets of it."""
    with tempfile.TemporaryDirectory() as home:
        environ = {**_new_environ(home), **(variables or {})}
        return [(command, _run(command, environ)) for command in commands]


def _new_environ(home: str) -> dict[str, str]:
    script = Path(home, "procore-login")
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m procore_cli "$@"\n', encoding="utf-8")
    script.chmod(0o700)
    return {
        "HOME": home,
        "PATH": f"{home}:/usr/bin:/bin",
        "PYTHONPATH": str(PICTURE.parents[2]),
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "LANG": "C.UTF-8",
        # Whose clock it is would show.
        "TZ": "UTC",
        "PROCORE_LOGIN_HOME": f"{home}/data",
    }


def _run(command: str, environ: Mapping[str, str]) -> str:
    """What a terminal gets from a shell command, which has to succeed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - the commands above
        ["bash", "-c", command],  # noqa: S607 - whichever bash is there
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    drawn = b""
    while piece := _read(ours):
        drawn += piece
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"{command} failed:\n{drawn.decode()}")
    # What was drawn over is not there any more.
    return re.sub(r"[^\n]*\r", "", drawn.decode().replace("\r\n", "\n"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
