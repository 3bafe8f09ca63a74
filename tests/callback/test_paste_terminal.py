"""When a terminal may be read at all: real sessions, foreground and background."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import procore_cli
from procore_cli.callback.paste import can_paste

GOOD = "http://localhost:4567/callback?code=c0de&state=s7ate"


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo-terminal: the person's end, and the program's."""
    person, program = os.openpty()
    try:
        yield person, program
    finally:
        os.close(program)
        os.close(person)


def test_what_is_no_terminal_is_not_pasted_at(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    try:
        assert not any(can_paste(fd) for fd in (reading, writing, file))
    finally:
        for fd in (reading, writing, file):
            os.close(fd)
    assert not can_paste(reading)


def test_a_terminal_that_is_not_our_controlling_one_can_be_read() -> None:
    with terminal() as (_, program):
        assert can_paste(program)


# A session leader with fd 0 as its controlling terminal, which then acts in the background and reports.
SESSION = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from procore_cli.callback import paste
def report(what): os.write(1, (str(what) + "\\n").encode())
report(("foreground", paste.can_paste(0)))
child = os.fork()
if child == 0:
    try:
        os.setpgid(0, 0)
        IN_BACKGROUND
    finally:
        os._exit(0)
_, status = os.waitpid(child, os.WUNTRACED)
report(("was stopped", os.WIFSTOPPED(status)))
"""

# Reads three times over, then gives up.
PASTES_IN_BACKGROUND = """
        import threading
        from procore_cli.config.urls import read_redirect_uri
        enough, rounds, offered = threading.Event(), [], []
        def asked(fd):
            rounds.append(fd)
            if len(rounds) > 3: enough.set()
            return ANSWER
        paste_allows, paste.can_paste = paste.can_paste, asked
        uri = read_redirect_uri("http://localhost:4567/callback", "test")
        paster = paste.Paster(0, uri, lambda pairs: offered.append(pairs) or True)
        paster.start()
        report(("waited", enough.wait(20)))
        paster.stop()
        report(("offered", offered))
"""


def in_session(in_background: str, typed: str = "") -> list[str]:
    script = SESSION.replace("IN_BACKGROUND", in_background.strip())
    root = str(Path(procore_cli.__file__).parents[1])
    with terminal() as (person, program):
        os.write(person, typed.encode())
        done = subprocess.run(
            [sys.executable, "-c", script],
            stdin=program,
            capture_output=True,
            start_new_session=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": root},
            check=False,
        )
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


def test_the_controlling_terminal_can_be_read_from_the_foreground_alone() -> None:
    said = in_session('report(("background", paste.can_paste(0)))')
    assert said == ["('foreground', True)", "('background', False)", "('was stopped', False)"]


@pytest.mark.parametrize("answer", ["paste_allows(fd)", "True"], ids=["asked", "put there while reading"])
def test_in_the_background_nothing_is_read_and_nobody_is_stopped(answer: str) -> None:
    said = in_session(PASTES_IN_BACKGROUND.replace("ANSWER", answer), typed=GOOD + "\n")
    assert said[1:] == ["('waited', True)", "('offered', [])", "('was stopped', False)"]
