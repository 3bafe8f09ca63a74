"""`completion` in the real shells: what is typed goes on, and nothing from outside is ever run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import Machine
from tests.people import SECOND, THIRD, People
from tests.shells.shell import Shell

pytestmark = pytest.mark.shells

SHELLS = ("bash", "zsh", "fish")
HOSTILE = (
    "$(touch PWNED)@example.com",
    "`touch PWNED`@example.com",
    "; touch PWNED #@example.com",
    "a\ntouch PWNED\n@example.com",
    "q'uo\"te@example.com",
    "sp ace@example.com",
    "co:lon@example.com",
    "*@example.com",
    "-e@example.com",
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


def test_words_go_on(shell: Shell) -> None:
    for typed, whole in {
        "who": "whoami",
        "whoami --off": "whoami --offline",
        "whoami --env sand": "whoami --env sandbox",
        "whoami --env=sand": "whoami --env=sandbox",
        "token -e fe": "token -e federal",
        "demo ser": "demo serve",
        "demo serve --exp": "demo serve --expires-in",
        "completion z": "completion zsh",
        "configure --store f": "configure --store file",
        "token --env sandbox --account sec": "token --env sandbox --account second@example.com",
        "token --env sandbox --account second@ex": "token --env sandbox --account second@example.com",
        "token --env sandbox --account=second@ex": "token --env sandbox --account=second@example.com",
        "token --account th": "token --account third@example.com",
        "token --account sec": "token --account sec",
        "switch third@": "switch third@example.com",
        "api comp": "api companies",
    }.items():
        assert shell.complete(f"procore-login {typed}").rstrip() == f"procore-login {whole}", typed


def test_file_names_are_the_shells_own(shell: Shell) -> None:
    for typed in ("api me --input fil", "api me --output fil", "demo serve --seed fil"):
        line = shell.complete(f"procore-login {typed}").rstrip()
        assert line == f"procore-login {typed.removesuffix('fil')}file\\ one.json"


def test_nothing_from_outside_is_run(shell: Shell, machine: Machine) -> None:
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


@pytest.mark.parametrize("file", ["config.toml", "production.db"])
def test_what_is_broken_says_nothing(shell: Shell, machine: Machine, file: str) -> None:
    (machine.data / file).write_text("= broken", encoding="utf-8")
    (machine.data / file).chmod(0o600)

    for typed in ("token --account th", "switch th", "nonsense --e"):
        line = f"procore-login {typed}"
        assert shell.complete(line) == line
        assert "Error" not in shell.drawn
        assert "Traceback" not in shell.drawn
