"""Commands that `exec` starts in tests: small Python programs that say what they find."""

import io
import os
import subprocess
import sys
from contextlib import suppress
from unittest import mock

from tests.cli import Machine, Result, command

TELL = (
    "import json, os, sys; print(json.dumps({'env': dict(os.environ), 'argv': sys.argv, 'pid': os.getpid()}))"
)
# A session leader takes the terminal on its standard input for its own, as a login does.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class ReplacedError(BaseException):
    """What stands in for a process that has become another one."""


def python(code: str, *arguments: str) -> tuple[str, ...]:
    """A Python program of the standard library alone, and its arguments."""
    return sys.executable, "-IS", "-c", code, *arguments


def hand_over(machine: Machine, *options: str) -> tuple[dict[str, str], Result]:
    """What `exec` would hand to a command, found out without starting one; and what it said."""
    seen: list[tuple[dict[str, str], Result]] = []

    def become(_file: str, _words: list[str], environ: dict[str, str]) -> None:
        assert isinstance(sys.stderr, io.StringIO)
        seen.append((environ, Result(0, "", sys.stderr.getvalue())))
        raise ReplacedError

    with mock.patch.object(os, "execvpe", become), suppress(ReplacedError):
        seen.append(({}, machine.run_here("exec", *options, "--", "any-command")))
    return seen[0]


def start_at_terminal(machine: Machine, terminal: int, *arguments: str) -> subprocess.Popen[bytes]:
    program = [*command(), *arguments]
    return subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, *program],
        env=machine.environ(),
        cwd=machine.home,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
