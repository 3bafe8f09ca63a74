"""Each hint's commands, typed as they stand, in the state in which they are given."""

import os
import shlex
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest import mock

import pytest

from procore_cli.cli import main
from tests.cli import Machine, browser
from tests.hostile.waiting import read_link
from tests.people import SECOND, THIRD, People
from tests.provider import JOE, Answer
from tests.stub_browser import Browser
from tests.terminal import Screen, Terminal

JOES = "joecontractor@procore.com"


@pytest.fixture
def machine(machine: Machine, people: People) -> Machine:
    machine.point_at(people)
    machine.variables |= {"BROWSER": browser("--just-open"), "COLUMNS": "300"}
    return machine


@pytest.fixture
def provider(people: People) -> People:
    return people


def type_on_terminal(machine: Machine, typed: str) -> tuple[int, list[str]]:
    """Run a command line; returns its exit code, and what it said on a terminal."""
    screen = Screen()
    environ = machine.environ() | {"TERM": "xterm"}
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        redirect_stderr(screen),
        redirect_stdout(StringIO()),
    ):
        code = main.run(shlex.split(typed))
    return code, screen.lines


def read_hint(lines: list[str]) -> tuple[str, list[str]]:
    """The hint in one line, and the commands that stand in it on lines of their own."""
    first = next(number for number, line in enumerate(lines) if line.startswith("Hint: "))
    hint = [lines[first]]
    for line in lines[first + 1 :]:
        if not line.startswith("  "):
            break
        hint.append(line)
    commands = [line.strip() for line in hint if line.startswith("    ")]
    return " ".join(" ".join(hint).split()), commands


def follow(machine: Machine, people: People, typed: str) -> None:
    """Type what a hint says; whatever it needs of a person happens."""
    program, *arguments = shlex.split(typed)
    if program == "unset":
        del machine.variables[arguments[0]]
        program, *arguments = "procore-login", "token"
    assert program == "procore-login"
    if "demo" in arguments:
        # On a server of its own its user signs in by itself, where no browser can be opened.
        for name in ("BROWSER", "PROCORE_LOGIN_URL", "PROCORE_API_URL"):
            machine.variables.pop(name, None)
    if "--no-browser" in arguments:
        with machine.start(*arguments) as process:
            Browser().open(read_link(process))
            assert process.wait() == 0
    elif arguments == ["configure"]:
        with Terminal(machine, *arguments) as terminal:
            terminal.read_until("Environment [production]:")
            terminal.press("\x04")
            assert terminal.finish() == 130
        # What a person would have answered.
        machine.point_at(people)
        machine.variables["BROWSER"] = browser("--just-open")
    else:
        done = machine.run_here(*arguments)
        assert done.code == 0, done.err


def sign_in_to_demo(machine: Machine, people: People) -> None:
    """Joe is signed in to demo; production has no app."""
    del machine.variables["PROCORE_LOGIN_URL"], machine.variables["PROCORE_API_URL"]
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["BROWSER"]
    machine.run_here("signup", "--env", "demo").ended()


def sign_in_to_demo_beside_an_app(machine: Machine, people: People) -> None:
    urls = {name: machine.variables[name] for name in ("PROCORE_LOGIN_URL", "PROCORE_API_URL", "BROWSER")}
    client_id = machine.variables["PROCORE_CLIENT_ID"]
    sign_in_to_demo(machine, people)
    machine.variables |= {**urls, "PROCORE_CLIENT_ID": client_id}


def have_nothing(machine: Machine, people: People) -> None:
    for name in ("PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_CLIENT_ID", "BROWSER"):
        del machine.variables[name]


def know_an_app(machine: Machine, people: People) -> None:
    """Nobody has signed in here."""


def sign_joe_in(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)


def sign_joe_out(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)
    machine.run_here("signout").ended()


def sign_the_second_out(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)
    people.sign_in(machine, SECOND)
    machine.run_here("signout").ended()


def refuse_joe(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)
    people.refuse_person(JOE)


def lose_joes_tokens(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)
    for path in machine.keyring.iterdir():
        path.unlink()


def be_somebody_else(machine: Machine, people: People) -> None:
    """The browser is signed in at Procore as the second person, and in a private window as Joe."""
    people.person = SECOND

    def be_joe(_: object) -> None:
        people.script.clear()
        people.person = JOE

    people.script["/oauth/revoke"] = be_joe


def sign_out_of_demo(machine: Machine, people: People) -> None:
    sign_in_to_demo(machine, people)
    machine.run_here("signout", "--env", "demo").ended()


# Two people with one e-mail.
TWIN = SECOND | {"login": JOES}


def have_nobody_current_of_twins(machine: Machine, people: People) -> None:
    for person in (JOE, TWIN, THIRD):
        people.sign_in(machine, person)
    machine.run_here("signout").ended()


def refuse_a_twin(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)
    people.sign_in(machine, TWIN)
    refuse_joe(machine, people)
    machine.run_here("refresh", "--account", "11111").ended(4)


def have_neither_keyring_nor_secret(machine: Machine, people: People) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "missing"
    del machine.variables["PROCORE_CLIENT_SECRET"]


def have_another_app(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)
    machine.variables["PROCORE_CLIENT_ID"] = "another-app"


def name_nobody(machine: Machine, people: People) -> None:
    people.sign_in(machine, JOE)
    machine.variables["PROCORE_LOGIN_ACCOUNT"] = "x@example.com"


def refuse_the_app(machine: Machine, people: People) -> None:
    people.script["/oauth/token"] = lambda _: Answer(401, {"error": "invalid_client"})


HINTS: dict[str, tuple[Callable[[Machine, People], None], str, int, list[str]]] = {
    "signed in elsewhere, no app": (sign_in_to_demo, "whoami", 4, ["procore-login configure"]),
    "signed in elsewhere": (sign_in_to_demo_beside_an_app, "token", 4, ["procore-login signin"]),
    "nothing at all": (
        have_nothing,
        "whoami",
        4,
        ["procore-login configure", "procore-login signin", "procore-login signup --env demo"],
    ),
    "no app": (
        have_nothing,
        "signup",
        3,
        ["procore-login configure", "procore-login signup --env demo"],
    ),
    "nobody yet": (know_an_app, "api me", 4, ["procore-login signin"]),
    "nobody yet, all environments": (know_an_app, "accounts --check", 4, ["procore-login signin"]),
    "nobody any more": (sign_joe_out, "refresh", 4, ["procore-login signin"]),
    "nobody any more, all environments": (
        sign_out_of_demo,
        "accounts --check",
        4,
        ["procore-login signin --env demo"],
    ),
    "nobody in the environment that an option names": (
        know_an_app,
        "whoami --env sandbox",
        4,
        ["procore-login signin --env sandbox"],
    ),
    "nobody is current": (
        sign_the_second_out,
        "whoami",
        4,
        [f"procore-login switch {JOES}", "procore-login signin"],
    ),
    "nobody is current of two with one e-mail": (
        have_nobody_current_of_twins,
        "whoami",
        4,
        ["procore-login switch 11111", "procore-login signin"],
    ),
    "one of two with one e-mail is refused": (
        refuse_a_twin,
        "accounts --check",
        4,
        ["procore-login signin --account 11111"],
    ),
    "neither keyring nor client secret": (
        have_neither_keyring_nor_secret,
        "signup",
        3,
        ["procore-login configure", "procore-login signup --env demo"],
    ),
    "signed out, by name": (
        sign_joe_out,
        f"token --account {JOES}",
        4,
        [f"procore-login signin --account {JOES}"],
    ),
    "signed out already, by name": (
        sign_joe_out,
        f"signout --account {JOES}",
        4,
        ["procore-login accounts"],
    ),
    "refused": (refuse_joe, "refresh", 4, [f"procore-login signin --account {JOES}"]),
    "gone": (lose_joes_tokens, "token", 4, [f"procore-login signin --account {JOES}"]),
    "an unknown account": (sign_joe_in, "token --account x@example.com", 2, ["procore-login signin"]),
    "the wrong person": (
        be_somebody_else,
        f"signin --account {JOES}",
        4,
        [f"procore-login signin --account {JOES} --no-browser"],
    ),
    "another app's tokens": (
        have_another_app,
        "token",
        3,
        ["procore-login configure", "procore-login signin"],
    ),
    "an app that is refused": (refuse_the_app, "signup", 3, ["procore-login configure --show"]),
    "an account of another environment": (sign_in_to_demo, f"switch {JOES}", 2, []),
    "an unknown account, no app": (
        have_nothing,
        "token --account x@example.com",
        2,
        ["procore-login configure", "procore-login signin", "procore-login signup --env demo"],
    ),
    "an unknown account of a variable": (name_nobody, "token", 2, ["unset PROCORE_LOGIN_ACCOUNT"]),
    "no company": (
        sign_in_to_demo,
        "api projects --env demo",
        5,
        ["procore-login configure --env demo --company 22222"],
    ),
    "a company in the address alone": (
        sign_in_to_demo,
        "api projects?company_id=33333 --env demo",
        5,
        ["procore-login configure --env demo --company 33333"],
    ),
    "options in front": (
        sign_joe_in,
        "--env sandbox --json accounts",
        2,
        ["procore-login accounts --env sandbox --json"],
    ),
    "a mistyped command": (sign_joe_in, "whoam", 2, ["procore-login whoami"]),
    "another program's word": (sign_joe_in, "status", 2, ["procore-login whoami"]),
    "an unknown option": (sign_joe_in, "whoami --wat", 2, ["procore-login whoami --help"]),
}


@pytest.mark.parametrize(("arrange", "typed", "code", "commands"), HINTS.values(), ids=HINTS)
def test_what_a_hint_says_works_when_it_is_typed(machine, people, arrange, typed, code, commands):
    arrange(machine, people)
    ended, lines = type_on_terminal(machine, typed)
    assert ended == code, "\n".join(lines)
    hint, found = read_hint(lines)
    assert found == commands, hint
    for command in found:
        follow(machine, people, command)


def test_a_hint_names_each_environment_where_somebody_is_signed_in(machine, people):
    sign_in_to_demo(machine, people)
    machine.run_here("whoami").ended(4, "You are signed in to demo: add --env demo. For production,")
    machine.run_here("whoami", "--env", "demo").ended()
    people.sign_in(machine, JOE, "sandbox")
    machine.run_here("whoami").ended(
        4, "You are signed in to sandbox and demo: add --env sandbox or --env demo. For production,"
    )
