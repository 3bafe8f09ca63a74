"""Draws docs/images/session.svg: a real session on a pseudo-terminal, against the embedded Procore.

Run `python -m tools.session`. Refuses to edit what the commands say; only a POSIX system has such terminals.
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Mapping
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


def main() -> None:
    """Run the commands and save the picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    with tempfile.TemporaryDirectory() as home:
        environ = _new_environ(home)
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), command))
            console.print(Text.from_ansi(_run(command, environ)))
    # The id is made from the content otherwise, which has the time in it.
    PICTURE.write_text(
        console.export_svg(title="procore-login", theme=MONOKAI, unique_id="session"), encoding="utf-8"
    )


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
    return drawn.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


if __name__ == "__main__":
    main()
