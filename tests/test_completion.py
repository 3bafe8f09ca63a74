"""What a shell is told when it asks how a word may go on; the real shells are in tests/shells."""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
from pathlib import Path
from unittest import mock

import pytest

from procore_cli.cli import main
from procore_cli.cli.main import COMMANDS
from procore_cli.config.environments import ENVIRONMENTS
from tests.cli import Machine, Result
from tests.people import SECOND, THIRD, People
from tests.provider import JOE

VARIABLE = "_PROCORE_LOGIN_COMPLETE"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Joe and Third are signed in to production, Second to sandbox."""
    machine, people = Machine(tmp_path / "machine"), People()
    for person in (JOE, THIRD):
        people.sign_in(machine, person)
    people.sign_in(machine, SECOND, environment="sandbox")
    return machine


def ask(machine: Machine, line: str, shell: str = "bash") -> Result:
    """What `line` may go on with, by click's own protocol; its last word is the incomplete one."""
    words = line.split(" ")
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    word = words[-1] if shell == "fish" else str(len(words))
    environ = {
        **machine.environ(),
        VARIABLE: f"{shell}_complete",
        "COMP_WORDS": f"procore-login {line}",
        "COMP_CWORD": word,
    }
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main.run([])
    out.seek(0)
    return Result(code, out.read(), err.getvalue())


def complete(machine: Machine, line: str) -> list[str]:
    result = ask(machine, line)
    assert (result.code, result.err) == (0, "")
    return result.out.split()


def test_commands_go_on(machine: Machine) -> None:
    assert sorted(complete(machine, "")) == sorted(f"plain,{name}" for name in COMMANDS)
    assert complete(machine, "sign") == ["plain,signup", "plain,signin", "plain,signout"]
    assert complete(machine, "--v") == ["plain,--version"]
    assert complete(machine, "demo ") == ["plain,reset", "plain,serve"]


def test_environments_go_on(machine: Machine) -> None:
    for line in ["whoami --env ", "api x -e ", "signin --json --env ", "configure --env="]:
        assert complete(machine, line) == [f"plain,{name}" for name in ENVIRONMENTS]


def test_accounts_of_the_environment_go_on(machine: Machine) -> None:
    for line, found in [
        ("token --account ", ["joecontractor@procore.com", "third@example.com"]),
        ("whoami -a th", ["third@example.com"]),
        ("switch j", ["joecontractor@procore.com"]),
        ("switch --env sandbox ", ["second@example.com"]),
        ("exec --env sandbox --account s", ["second@example.com"]),
        ("signin --env federal --account ", []),
        ("signin --env nonsense --account ", []),
    ]:
        assert complete(machine, line) == [f"plain,{who}" for who in found], line


def test_the_environment_in_force_counts_where_the_line_names_none(machine: Machine) -> None:
    machine.variables["PROCORE_ENV"] = "sandbox"

    assert complete(machine, "token --account ") == ["plain,second@example.com"]


def test_what_else_goes_on(machine: Machine) -> None:
    for line, found in [
        ("completion ", ["plain,bash", "plain,zsh", "plain,fish"]),
        ("configure --store ", ["plain,keyring", "plain,file"]),
        ("api me --output x", ["file,x"]),
        ("api me --input ", ["file,"]),
        ("demo serve --seed ", ["file,"]),
        ("exec -- ", ["file,"]),
        ("api c", ["plain,companies"]),
        ("api -X PA", ["plain,PATCH"]),
        ("api -X p", ["plain,POST", "plain,PUT", "plain,PATCH"]),
        ("whoami --off", ["plain,--offline"]),
        ("nonsense ", []),
        ("whoami ", []),
        ("demo nonsense ", ["plain,reset", "plain,serve"]),
    ]:
        assert complete(machine, line) == found, line


def test_a_person_is_described_where_the_shell_can_show_it(machine: Machine) -> None:
    assert ask(machine, "token -a j", "zsh").out == "plain\njoecontractor@procore.com\nJoe Contractor\n"
    assert ask(machine, "token -a j", "fish").out == "plain,joecontractor@procore.com\tJoe Contractor\n"


def test_people_whose_e_mail_a_shell_could_read_go_by_their_id(machine: Machine) -> None:
    hostile = [
        "$(rm -rf x)@x.com",
        "a b@x.com",
        "a:b@x.com",
        "a\nb@x.com",
        "a'b@x.com",
        "-e@x.com",
        "~@x.com",
    ]
    with contextlib.closing(sqlite3.connect(machine.data / "sandbox.db")) as connection, connection:
        for number, email in enumerate(hostile, 7001):
            connection.execute("INSERT INTO users (procore_id, email) VALUES (?, ?)", (number, email))
            connection.execute(
                "INSERT INTO procore_login_accounts (environment, procore_id, name) VALUES ('sandbox', ?, ?)",
                (number, email),
            )

    for shell in ("bash", "zsh", "fish"):
        said = ask(machine, "token --env sandbox --account 7", shell).out
        assert all(str(number) in said for number in range(7001, 7001 + len(hostile)))
        assert not set("$()'~`;\\\"") & set(said)


def test_people_who_share_an_e_mail_go_by_their_id(machine: Machine) -> None:
    People().sign_in(machine, {**JOE, "id": 44444})

    assert complete(machine, "switch ") == ["plain,11111", "plain,third@example.com", "plain,44444"]


@pytest.mark.parametrize("broken", ["config.toml", "production.db"])
def test_what_is_broken_says_nothing(machine: Machine, broken: str) -> None:
    (machine.data / broken).write_text("= broken", encoding="utf-8")
    (machine.data / broken).chmod(0o600)

    assert complete(machine, "token --account ") == []


def test_completing_changes_nothing_and_asks_nobody(machine: Machine) -> None:
    config = machine.data / "config.toml"
    config.write_text("", encoding="utf-8")
    config.chmod(0o644)
    machine.variables["TEST_KEYRING_FAULT"] = "missing"
    before = {path: path.stat() for path in machine.home.rglob("*")}

    with (
        mock.patch("socket.socket", side_effect=AssertionError),
        mock.patch("procore_cli.storage.keyring.Keyring", side_effect=AssertionError),
    ):
        complete(machine, "token --account ")
        complete(machine, "switch --env demo ")

    after = {path: path.stat() for path in machine.home.rglob("*")}
    assert {path: (s.st_mode, s.st_mtime_ns) for path, s in after.items()} == {
        path: (s.st_mode, s.st_mtime_ns) for path, s in before.items()
    }


def test_a_question_that_makes_no_sense_has_no_answer(machine: Machine) -> None:
    for instruction in ["bash_complete", "tcsh_complete", "bash", "nonsense", "_"]:
        machine.variables[VARIABLE] = instruction

        result = machine.run_here("whoami")

        assert (result.code, result.out.strip(), result.err) == (0, "", "")


def test_it_answers_as_a_module_too(machine: Machine) -> None:
    machine.variables |= {VARIABLE: "bash_complete", "COMP_WORDS": "procore-login who", "COMP_CWORD": "1"}

    assert machine.run().out == "plain,whoami\n"


def test_the_script_is_printed_and_nothing_is_made(tmp_path: Path) -> None:
    for shell in ["bash", "zsh", "fish"]:
        machine = Machine(tmp_path / "machine")
        result = machine.run_here("completion", shell)

        assert (result.code, result.err) == (0, "")
        assert f"{VARIABLE}={shell}_complete" in result.out
        assert not machine.data.exists()


def test_the_help_says_how_to_install_it(machine: Machine) -> None:
    said = machine.run_here("completion", "--help").out

    for line in (
        "procore-login completion bash >> ~/.bashrc",
        "procore-login completion zsh >> ~/.zshrc",
        "procore-login completion fish >> ~/.config/fish/config.fish",
    ):
        assert line in said
