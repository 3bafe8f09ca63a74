"""`procore-login` as its users run it: a process of its own with a home of its own."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import procore_cli.callback.browser as callback_browser
from procore_cli.cli import main
from tests import stub_browser
from tests.provider import CLIENT_ID, CLIENT_SECRET, Provider

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60
STUB_BROWSER = Path(__file__).parent / "stub_browser.py"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line of JSON on stdout."""
        assert self.out.count("\n") == 1, self.out + self.err
        return json.loads(self.out)

    @property
    def said(self) -> list[str]:
        """What stands on stderr beside the names of other hosts than usual."""
        hosts = ("(PROCORE_LOGIN_URL", "(PROCORE_API_URL")
        return [line for line in self.err.splitlines() if not any(name in line for name in hosts)]

    def ended(self, code: int = 0, *said: str, prints: bool = False) -> Result:
        """Ended with this code and said all of this on stderr, where no traceback and no secret is.

        Whatever fails prints nothing on stdout, unless it `prints`.
        """
        assert self.code == code, self.err
        assert code == 0 or prints or self.out == ""
        assert [words for words in said if words not in self.err] == [], self.err
        assert "Traceback" not in self.err
        # What is random in the link may spell it.
        assert "hush" not in re.sub(r"\b(state|code_challenge)=[\w-]+", "", self.err)
        return self


@dataclass
class Machine:
    """A computer with an empty home, a keyring in a folder, and a free port for the listener."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        (self.home / "keyring").mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def keyring(self) -> Path:
        """Where the test's keyring keeps its entries."""
        return self.home / "keyring"

    @property
    def redirect_uri(self) -> str:
        return f"http://localhost:{self.port}/callback"

    def write(self, name: str, content: str | bytes = "", mode: int = 0o600) -> Path:
        """Put a file into the data folder, which is made if it is not there."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        path = self.data / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def sql(self, statement: str, environment: str = "production") -> list[tuple[Any, ...]]:
        """What another program does with the database; returns the rows."""
        with contextlib.closing(sqlite3.connect(self.data / f"{environment}.db")) as connection, connection:
            return connection.execute(statement).fetchall()

    def kept(self) -> list[str]:
        return sorted(path.read_text() for path in self.keyring.iterdir())

    def point_at(self, provider: Provider) -> None:
        """Make the environment production the provider's, with its client in variables."""
        self.variables |= {
            "PROCORE_LOGIN_URL": provider.url,
            "PROCORE_API_URL": provider.url,
            "PROCORE_CLIENT_ID": CLIENT_ID,
            "PROCORE_CLIENT_SECRET": CLIENT_SECRET,
        }

    def environ(self) -> dict[str, str]:
        """The variables that a command sees."""
        keep = ("PATH", "LANG", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
        kept = {name: os.environ[name] for name in keep if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "PROCORE_LOGIN_HOME": str(self.data),
            "PROCORE_REDIRECT_URI": self.redirect_uri,
            "PYTHONPATH": str(ROOT),
            "PYTHON_KEYRING_BACKEND": "tests.memory_keyring.FolderKeyring",
            "TEST_KEYRING_FOLDER": str(self.keyring),
            # What is said of a machine without a display depends on what kind it is: this one is a container.
            "container": "podman",
            **self.variables,
        }

    def run(self, *arguments: str, stdin: str = "", timeout_s: float = 60) -> Result:
        done = subprocess.run(
            [*command(), *arguments],
            env=self.environ(),
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout_s,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def run_here(self, *arguments: str) -> Result:
        """Run a command inside the test's own process, which is faster; the stub browser too is a thread."""
        out, err = io.StringIO(), io.StringIO()
        with (
            stub_browser_as_thread(),
            mock.patch.dict(os.environ, self.environ(), clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main.run(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str, program: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a command, or another program, that the test goes on talking to."""
        return subprocess.Popen(
            [*(program or command()), *arguments],
            env=self.environ(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )


def command() -> list[str]:
    """The console script of the environment that runs the tests."""
    script = Path(sys.executable).with_name("procore-login")
    return [str(script)] if script.exists() else [sys.executable, "-m", "procore_cli"]


def browser(*options: str) -> str:
    return shlex.join([sys.executable, str(STUB_BROWSER), *options])


@contextlib.contextmanager
def stub_browser_as_thread() -> Iterator[None]:
    """Whoever starts `browser()` in here starts a thread, which has ended in the end."""
    start = callback_browser._start
    threads: list[threading.Thread] = []

    def start_thread(command: list[str]) -> bool:
        if command[:2] != [sys.executable, str(STUB_BROWSER)]:
            return start(command)
        threads.append(threading.Thread(target=_browse, args=(command[2:],), daemon=True))
        threads[-1].start()
        return True

    try:
        with mock.patch.object(callback_browser, "_start", start_thread):
            yield
    finally:
        for thread in threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def _browse(arguments: list[str]) -> None:
    # As with a real browser, an address that does not answer is no trouble of ours.
    with contextlib.suppress(OSError):
        stub_browser.main(arguments)


def _new_ports() -> Iterator[int]:
    """Ports below those that the system gives to clients, another block for each of pytest's workers."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw4").removeprefix("gw")
    first, count = 10_000 + int(worker) % 5 * 4_000, 4_000
    # Two runs of the tests at once begin at different places.
    return itertools.cycle(first + (os.getpid() * 61 + number) % count for number in range(count))


_PORTS = _new_ports()


def free_port() -> int:
    """A port that is free on both loopback addresses, and that no other test gets."""
    for port in _PORTS:
        try:
            with socket.create_server(("127.0.0.1", port)):
                if socket.has_dualstack_ipv6():
                    socket.create_server(("::1", port), family=socket.AF_INET6).close()
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")
