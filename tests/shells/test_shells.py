"""`completion` in the real shells: what is typed goes on, and nothing from outside is ever run.

None of the tester's own settings count: each shell starts with one file of ours and an empty home.
"""

from __future__ import annotations

import os
import pty
import select
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import ROOT, Machine
from tests.people import SECOND, THIRD, People

pytestmark = pytest.mark.shells

PATIENCE_S = 15
READY = "ready for a line> "
# The key writes the line to a file, then says so; the quotes keep the word out of what is echoed.
_SETTINGS = {
    "bash": """
PS1={ready}
{install}
_show() {{ printf '%s' "$READLINE_LINE" > {file}; printf 'wri''tten'; }}
bind -x '"\\C-g": _show'
""",
    "zsh": """
PS1={ready}
{install}
_show() {{ printf '%s' "$BUFFER" > {file}; printf 'wri''tten' > /dev/tty }}
zle -N _show
bindkey '^G' _show
""",
    "fish": """
function fish_prompt; printf '%s' {ready}; end
function fish_greeting; end
{install}
function _show; commandline | string collect > {file}; printf 'wri''tten' > /dev/tty; end
bind \\cg _show
""",
}
_ARGUMENTS = {
    "bash": ("bash", "--noprofile", "--rcfile", ".zshrc", "-i"),
    "zsh": ("zsh", "-i"),
    "fish": ("fish", "--no-config", "--private", "--init-command", "source {settings}", "-i"),
}


class Shell:
    """One shell of a machine, whose `procore-login` is the one under test."""

    def __init__(self, name: str, machine: Machine) -> None:
        self.drawn = ""
        self._line = machine.home / "line"
        settings = machine.home / ".zshrc"
        settings.write_text(
            _SETTINGS[name].format(
                ready=shlex.quote(READY), install=_install(name), file=shlex.quote(str(self._line))
            ),
            encoding="utf-8",
        )
        words = [part.format(settings=shlex.quote(str(settings))) for part in _ARGUMENTS[name]]
        self._fd, theirs = pty.openpty()
        self._process = subprocess.Popen(
            # Whoever leads a session and opens a terminal has it for its own.
            ["sh", "-c", 'tty=$1; shift; exec "$@" 0<>"$tty" 1>&0 2>&0', "sh", os.ttyname(theirs), *words],
            env={**machine.environ(), **_variables(machine), "TERM": "xterm", "LC_ALL": "C.UTF-8"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=machine.home,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Shell:
        try:
            self._read_until(READY)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._fd)

    def complete(self, typed: str, tabs: int = 1) -> str:
        """Type the beginning of a line and press Tab; returns the line as it is then."""
        self.drawn = ""
        os.write(self._fd, f"{typed}{chr(9) * tabs}\x07".encode())
        self._read_until("written")
        line = self._line.read_text(encoding="utf-8").rstrip("\n")
        # An empty line for the next one.
        os.write(self._fd, b"\x01\x0b")
        return line

    def _read_until(self, sign: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while sign not in self.drawn:
            left_s = deadline - time.monotonic()
            ready, _, _ = select.select([self._fd], [], [], max(0, left_s))
            assert ready, self.drawn
            try:
                self.drawn += os.read(self._fd, 4096).decode("utf-8", "replace")
            except OSError:
                raise AssertionError(f"the shell has ended: {self.drawn}") from None


def _variables(machine: Machine) -> dict[str, str]:
    """A `procore-login` in a folder of the machine's, before all others."""
    folder = machine.home / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "procore-login"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m procore_cli "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "ZDOTDIR": str(machine.home), "PYTHONPATH": str(ROOT)}


def _install(name: str) -> str:
    return (
        "procore-login completion fish | source"
        if name == "fish"
        else f'eval "$(procore-login completion {name})"'
    )


SHELLS = ("bash", "zsh", "fish")
HOSTILE = (
    "$(touch PWNED)@example.com",
    "`touch PWNED`@example.com",
    "; touch PWNED #@example.com",
    "a\ntouch PWNED\n@example.com",
    "q'uo\"te@example.com",
    *("sp ace@example.com", "co:lon@example.com", "*@example.com", "-e@example.com"),
    "\x1b]0;PWNED\x07@example.com",
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Second is signed in to sandbox, Third to production."""
    machine, people = Machine(tmp_path / "machine"), People()
    people.sign_in(machine, SECOND, environment="sandbox")
    people.sign_in(machine, THIRD)
    (machine.home / "file one.json").write_text("{}", encoding="utf-8")
    return machine


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Shell]:
    with Shell(request.param, machine) as started:
        yield started


def test_words_go_on(shell):
    for typed, whole in {
        "who": "whoami",
        "whoami --off": "whoami --offline",
        "whoami --env sand": "whoami --env sandbox",
        "whoami --env=sand": "whoami --env=sandbox",
        "demo ser": "demo serve",
        "demo serve --exp": "demo serve --expires-in",
        "token --env sandbox --account sec": "token --env sandbox --account second@example.com",
        "token --env sandbox --account second@ex": "token --env sandbox --account second@example.com",
        "token --env sandbox --account=second@ex": "token --env sandbox --account=second@example.com",
        "token --account sec": "token --account sec",
        "switch third@": "switch third@example.com",
    }.items():
        assert shell.complete(f"procore-login {typed}").rstrip() == f"procore-login {whole}", typed


def test_file_names_are_the_shells_own(shell):
    for typed in ("api me --input fil", "api me --output fil", "demo serve --seed fil"):
        line = shell.complete(f"procore-login {typed}").rstrip()
        assert line == f"procore-login {typed.removesuffix('fil')}file\\ one.json"


def test_nothing_from_outside_is_run(shell, machine):
    with sqlite3.connect(machine.data / "production.db") as connection:
        for number, email in enumerate(HOSTILE, 50_001):
            connection.execute("INSERT INTO users (procore_id, email) VALUES (?, ?)", (number, email))
            connection.execute(
                "INSERT INTO procore_login_accounts (environment, procore_id, name) VALUES (?, ?, ?)",
                ("production", number, email),
            )
    connection.close()
    for number in range(50_001, 50_001 + len(HOSTILE)):
        typed = f"procore-login token --account {str(number)[:4]}"
        # Twice lists what there is; the name beside it is hostile, too.
        shell.complete(typed, tabs=2)
        assert "\x1b]0;" not in shell.drawn
        whole = shell.complete(f"procore-login token --account {number}")
        assert whole.rstrip() == f"procore-login token --account {number}"
    for beginning in ("'", "\\$(", "q", "-"):
        shell.complete(f"procore-login token --account {beginning}")
    assert not list(machine.home.rglob("PWNED"))
