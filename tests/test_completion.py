"""What a shell is told when it asks how a word may go on; the real shells are in tests/shells."""

import contextlib
import io
import os
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


ENVS = list(ENVIRONMENTS)
JOES, THIRDS, SECONDS = "joecontractor@procore.com", "third@example.com", "second@example.com"
# A line, and what its last word may be.
LINES: dict[str, list[str]] = {
    "sign": ["signup", "signin", "signout"],
    "--v": ["--version"],
    "demo ": ["reset", "serve"],
    "nonsense ": [],
    "whoami --off": ["--offline"],
    "whoami --env ": ENVS,
    "signin --json --env ": ENVS,
    "configure --env=": ENVS,
    "token --account ": [JOES, THIRDS],
    "whoami -a th": [THIRDS],
    "switch j": [JOES],
    "switch --env sandbox ": [SECONDS],
    "exec --env sandbox --account s": [SECONDS],
    "signin --env federal --account ": [],
    "completion ": ["bash", "zsh", "fish"],
    "configure --store ": ["keyring", "file"],
    "api c": ["companies"],
    "api -X p": ["POST", "PUT", "PATCH"],
}
FILES = {"api me --output x": "x", "api me --input ": "", "demo serve --seed ": "", "exec -- ": ""}


def test_whatever_can_go_on_does(machine):
    assert sorted(complete(machine, "")) == sorted(f"plain,{name}" for name in COMMANDS)
    for line, found in LINES.items():
        assert complete(machine, line) == [f"plain,{word}" for word in found], line
    for line, word in FILES.items():
        assert complete(machine, line) == [f"file,{word}"], line
    # The environment in force counts where the line names none.
    machine.variables["PROCORE_ENV"] = "sandbox"
    assert complete(machine, "token --account ") == [f"plain,{SECONDS}"]


def test_a_person_is_described_where_the_shell_can_show_it(machine):
    assert ask(machine, "token -a j", "zsh").out == "plain\njoecontractor@procore.com\nJoe Contractor\n"
    assert ask(machine, "token -a j", "fish").out == "plain,joecontractor@procore.com\tJoe Contractor\n"


def test_people_whose_e_mail_a_shell_could_read_go_by_their_id(machine):
    names = ("$(rm -rf x)", "a b", "a:b", "a\nb", "a''b", "-e", "~")
    hostile = [f"{name}@x.com" for name in names]
    for number, email in enumerate(hostile, 7001):
        machine.sql(f"INSERT INTO users (procore_id, email) VALUES ({number}, '{email}')", "sandbox")
        machine.sql(
            "INSERT INTO procore_login_accounts (environment, procore_id, name)"
            f" VALUES ('sandbox', {number}, '{email}')",
            "sandbox",
        )
    for shell in ("bash", "zsh", "fish"):
        said = ask(machine, "token --env sandbox --account 7", shell).out
        assert all(str(number) in said for number in range(7001, 7001 + len(hostile)))
        assert not set("$()'~`;\\\"") & set(said)


def test_people_who_share_an_e_mail_go_by_their_id(machine):
    People().sign_in(machine, {**JOE, "id": 44444})
    assert complete(machine, "switch ") == ["plain,11111", "plain,third@example.com", "plain,44444"]


@pytest.mark.parametrize("broken", ["config.toml", "production.db"])
def test_what_is_broken_says_nothing(machine, broken):
    machine.write(broken, "= broken")
    assert complete(machine, "token --account ") == []


def test_completing_changes_nothing_and_asks_nobody(machine):
    machine.write("config.toml", mode=0o644)
    machine.variables["TEST_KEYRING_FAULT"] = "missing"

    def look() -> dict[Path, tuple[int, int]]:
        stats = {path: path.stat() for path in machine.home.rglob("*")}
        return {path: (found.st_mode, found.st_mtime_ns) for path, found in stats.items()}

    before = look()
    with (
        mock.patch("socket.socket", side_effect=AssertionError),
        mock.patch("procore_cli.storage.keyring.Keyring", side_effect=AssertionError),
    ):
        complete(machine, "token --account ")
        complete(machine, "switch --env demo ")
    assert look() == before


def test_a_question_that_makes_no_sense_has_no_answer(machine):
    for instruction in ["bash_complete", "tcsh_complete", "bash", "nonsense", "_"]:
        machine.variables[VARIABLE] = instruction
        result = machine.run_here("whoami")
        assert (result.code, result.out.strip(), result.err) == (0, "", "")


def test_it_answers_as_a_module_too(machine):
    machine.variables |= {VARIABLE: "bash_complete", "COMP_WORDS": "procore-login who", "COMP_CWORD": "1"}
    assert machine.run().out == "plain,whoami\n"


def test_the_script_is_printed_with_how_to_install_it_and_nothing_is_made(tmp_path):
    machine = Machine(tmp_path / "empty")
    said = machine.run_here("completion", "--help").out
    for shell, file in (("bash", "~/.bashrc"), ("zsh", "~/.zshrc"), ("fish", "~/.config/fish/config.fish")):
        result = machine.run_here("completion", shell).ended()
        assert result.err == ""
        assert f"{VARIABLE}={shell}_complete" in result.out
        assert f"procore-login completion {shell} >> {file}" in said
    assert not machine.data.exists()
