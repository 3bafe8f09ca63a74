"""A whole `procore-login signup` or `signin` that waits for a browser; refuses to outlive its test."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cli import Machine

EXIT_TIMEOUT_S = 30


class SignIn:
    """A running command: the link that it printed, and how it ended."""

    def __init__(self, machine: Machine, process: subprocess.Popen[str]) -> None:
        self.machine = machine
        self.process = process
        self.out = self.err = ""
        self.link = self._read_link()

    @property
    def origin(self) -> str:
        """The listener's, as the default redirect URI spells it."""
        return f"http://localhost:{self.machine.port}"

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self) -> int:
        """Wait for the end; returns the exit code."""
        self.out, rest = self.process.communicate(timeout=EXIT_TIMEOUT_S)
        self.err += rest
        return self.process.returncode

    def profile(self) -> Any:
        """What `--json` printed, once the command has ended well."""
        assert self.wait() == 0, self.err
        return json.loads(self.out)

    def _read_link(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.err += line
            if "/oauth/authorize?" in line:
                return line.strip()
        raise AssertionError(f"no link: {self.err}")


@contextmanager
def signing_in(machine: Machine, command: str = "signup") -> Iterator[SignIn]:
    """Start the command, which waits a minute for a browser, and see it end."""
    with machine.start(command, "--no-browser", "--timeout", "60", "--json") as process:
        try:
            yield SignIn(machine, process)
        finally:
            if process.poll() is None:
                process.kill()
