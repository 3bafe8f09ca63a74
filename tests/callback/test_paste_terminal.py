"""When a terminal may be read at all: real sessions, foreground and background."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def test_what_is_no_terminal_is_not_pasted_at(tmp_path):
    reading, writing = os.pipe()
    file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    try:
        assert not any(can_paste(fd) for fd in (reading, writing, file))
    finally:
        for fd in (reading, writing, file):
            os.close(fd)
    assert not can_paste(reading)


def test_a_terminal_that_is_not_our_controlling_one_can_be_read():
    with terminal() as (_, program):
        assert can_paste(program)


# A session leader with fd 0 as its controlling terminal, and a child in the background, which looks whether
# it may read, and then reads three times over, once as if it might.
SESSION = """
import fcntl, os, sys, termios, threading
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from procore_cli.callback import paste
from procore_cli.config.urls import read_redirect_uri

def report(*what): os.write(1, (str(what) + "\\n").encode())

def read(answer):
    enough, rounds, offered = threading.Event(), [], []
    def asked(fd):
        rounds.append(fd)
        if len(rounds) > 3: enough.set()
        return answer(fd)
    paste.can_paste = asked
    uri = read_redirect_uri("http://localhost:4567/callback", "test")
    paster = paste.Paster(0, uri, lambda pairs: offered.append(pairs) or True)
    paster.start()
    waited = enough.wait(20)
    paster.stop()
    report("read", waited, offered)

can_paste = paste.can_paste
report("in the foreground", can_paste(0))
child = os.fork()
if child == 0:
    try:
        os.setpgid(0, 0)
        report("in the background", can_paste(0))
        read(can_paste)
        read(lambda fd: True)
    finally:
        os._exit(0)
_, status = os.waitpid(child, os.WUNTRACED)
report("was stopped", os.WIFSTOPPED(status))
"""


def test_in_the_background_the_controlling_terminal_is_not_read_and_nobody_is_stopped():
    root = str(Path(procore_cli.__file__).parents[1])
    with terminal() as (person, program):
        os.write(person, f"{GOOD}\n".encode())
        done = subprocess.run(
            [sys.executable, "-c", SESSION],
            stdin=program,
            capture_output=True,
            start_new_session=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": root},
            check=False,
        )
    assert done.stderr == b""
    assert done.stdout.decode().splitlines() == [
        "('in the foreground', True)",
        "('in the background', False)",
        "('read', True, [])",
        "('read', True, [])",
        "('was stopped', False)",
    ]
