"""A person at a terminal: starts a command on a pseudo-terminal, reads what is drawn, and types.

A `Screen` is a terminal for what is drawn inside the test's own process.
"""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import time
from contextlib import suppress
from types import TracebackType

import click

from tests.cli import Machine, command

# A command that says nothing for so long has hung.
PATIENCE_S = 20


class Terminal:
    """One command on a terminal of its own, of which it is the foreground process."""

    def __init__(
        self,
        machine: Machine,
        *arguments: str,
        reads: bool = True,
        term: str = "dumb",
        stdout: int | None = None,
    ) -> None:
        """`reads`: the command's standard input is the terminal as well; `stdout`: its output is not."""
        self._fd, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [*command(), *arguments],
            env={**machine.environ(), "TERM": term},
            stdin=theirs if reads else subprocess.DEVNULL,
            stdout=stdout or theirs,
            stderr=theirs,
            cwd=machine.home,
            start_new_session=True,
        )
        os.close(theirs)
        self.drawn = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None and error is not None:
            self._process.kill()
        self._process.wait()
        os.close(self._fd)

    @property
    def said(self) -> str:
        """What was drawn, in one line: a text of several lines can be looked for."""
        return " ".join(self.drawn.split())

    def read_until(self, sign: str) -> str:
        """Read until the command has drawn a text; returns all that was drawn so far."""
        deadline = time.monotonic() + PATIENCE_S
        while sign not in self.drawn and sign not in self.said:
            assert self._read(), self.drawn
            assert time.monotonic() < deadline, self.drawn
        return self.drawn

    def read_link(self) -> str:
        """Read until the whole link is drawn; returns it."""
        drawn = self.read_until("code_challenge_method=S256")
        return next(word for word in drawn.split() if "/oauth/authorize?" in word)

    def type(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())

    def press(self, key: str) -> None:
        os.write(self._fd, key.encode())

    def send(self, number: int) -> None:
        """Send a signal, as the terminal does to the one that it controls."""
        self._process.send_signal(number)

    def interrupt(self) -> None:
        """What Ctrl-C does at a prompt; the terminal is not the controlling one, and cannot."""
        while not self.drawn.endswith(" "):
            assert self._read(), self.drawn
        # Python misses a signal that comes just before it blocks in a read.
        for _ in range(5):
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
                return

    def finish(self) -> int:
        while self._read():
            pass
        return self._process.wait(PATIENCE_S)

    def read_pipe(self) -> bytes:
        """What was written to the pipe that was asked for in place of the terminal."""
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            return pipe.read()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], PATIENCE_S)
        assert ready, f"the command hangs after: {self.drawn}"
        try:
            piece = os.read(self._fd, 4096)
        except OSError:
            return False
        self.drawn += piece.decode("utf-8", "replace")
        return bool(piece)


class Screen(io.TextIOWrapper):
    """A terminal of some encoding, and what was drawn on it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace", newline="")

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined,no-any-return]

    @property
    def lines(self) -> list[str]:
        return click.unstyle(self.text).splitlines()
