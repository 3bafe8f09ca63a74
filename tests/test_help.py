"""The program alone, `--help`, and what a mistyped command line is told."""

import contextlib
from pathlib import Path
from unittest import mock

import pytest

from procore_cli.cli import help as catalogue
from procore_cli.cli.main import COMMANDS
from procore_cli.config.config_file import unknown_environment
from tests.cli import Machine
from tests.people import SECOND, THIRD, People
from tests.provider import CLIENT_ID, JOE
from tests.store.store_world import run_sql


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def people() -> People:
    return People()


def files_of(machine: Machine) -> dict[Path, tuple[bytes, int]]:
    """Every file of the machine, what is in it and when it was written."""
    files = [path for path in machine.home.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_alone_it_tells_a_newcomer_what_to_type(machine):
    result = machine.run_here().ended()
    assert result.err == ""
    assert "Nobody is signed in." in result.out
    for command in ("signup --env demo", "configure", "signup", "--help"):
        assert f"  procore-login {command} " in result.out
    assert not machine.data.exists()


def test_alone_it_names_everybody_in_every_environment_and_many_briefly(machine, people):
    people.sign_in(machine, JOE)
    people.sign_in(machine, SECOND)
    people.sign_in(machine, THIRD, environment="sandbox")
    machine.sql("UPDATE procore_login_entries SET expires_at = 1 WHERE procore_id = 22222")
    before = files_of(machine)
    result = machine.run_here().ended()
    for said in (
        "production: Procore itself, and On-Demand sandboxes\n",
        "  joecontractor@procore.com: signed in; the token renews itself\n",
        "  second@example.com (current): signed in; the token renews itself\n",
        "  third@example.com (current): signed in; the token renews itself\n",
        "  procore-login whoami ",
    ):
        assert said in result.out
    assert ("demo" in result.out, result.err) == (False, "")
    assert files_of(machine) == before
    for number in range(12):
        people.sign_in(
            machine, {"id": 40_000 + number, "login": f"p{number}@example.com", "name": None}, "federal"
        )
    said = machine.run_here().out.partition("federal")[2].partition("Next:")[0]
    assert said.count("@example.com") == 10
    assert "  p11@example.com (current)" in said
    assert "and 2 more: procore-login accounts --env federal" in said


def test_alone_it_asks_neither_keyring_nor_network_and_changes_no_database_of_the_tutorials(machine, people):
    people.sign_in(machine, JOE)
    machine.variables["TEST_KEYRING_FAULT"] = "missing"
    ways = ("socket.socket", "procore_cli.storage.keyring.Keyring", "procore_cli.storage.locks.Locks")
    with contextlib.ExitStack() as stack:
        for way in ways:
            stack.enter_context(mock.patch(way, side_effect=AssertionError))
        result = machine.run_here()
    assert (result.code, "(current)" in result.out) == (0, True)
    test_db = machine.home / "test.db"
    run_sql(
        test_db,
        "CREATE TABLE users(id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))",
        "INSERT INTO users VALUES (1, 11111, 'joecontractor@procore.com')",
    )
    machine.variables["PROCORE_LOGIN_DB"] = str(test_db)
    before = test_db.read_bytes()
    result = machine.run_here()
    assert (result.code, result.err, "  nobody is signed in" in result.out) == (0, "", True)
    assert test_db.read_bytes() == before


def test_alone_it_sends_a_person_to_the_next_step(machine, people):
    machine.variables |= {"PROCORE_CLIENT_ID": CLIENT_ID, "PROCORE_ENV": "sandbox"}
    configured = machine.run_here().out
    machine.variables = {"PROCORE_ACCESS_TOKEN": "hush-token"}
    from_elsewhere = machine.run_here().out
    machine.variables = {}
    people.sign_in(machine, {"id": 5, "login": "a\x1b[2J\n@example.com", "name": None}, environment="sandbox")
    elsewhere = machine.run_here().out
    people.sign_in(machine, JOE)
    machine.sql("UPDATE procore_login_session SET user_id = NULL")
    nobody_current = machine.run_here().out
    assert "procore-login signup " in configured
    assert "configure" not in configured
    assert "PROCORE_ACCESS_TOKEN is set" in from_elsewhere
    assert "hush" not in from_elsewhere
    assert "procore-login whoami --env sandbox " in elsewhere
    assert "procore-login configure " in elsewhere
    assert "  a\\x1b[2J\\n@example.com (current): " in elsewhere
    assert "procore-login switch WHO " in nobody_current


def test_alone_it_sends_somebody_whom_procore_refused_to_sign_in(machine, people):
    people.sign_in(machine, JOE)
    machine.sql("UPDATE procore_login_entries SET state = 'dead'")
    machine.sql(
        """UPDATE procore_login_accounts SET failures = 1, failure = '["RefreshRefusedError", "x", "y"]'"""
    )
    said = machine.run_here().out
    assert "joecontractor@procore.com (current): Procore refused its tokens: sign in again" in said
    assert "procore-login signin " in said
    assert "whoami" not in said


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("config.toml", 3, "config.toml, line 1"),
        ("sandbox.db", 6, "sandbox: The database "),
        ("a link", 6, "sandbox: "),
        ("PROCORE_ENV", 2, 'There is no environment "prod"'),
    ],
)
def test_alone_it_greets_and_says_what_is_broken(machine, people, file, code, words):
    people.sign_in(machine, JOE)
    if file == "PROCORE_ENV":
        machine.variables["PROCORE_ENV"] = "prod"
    elif file == "a link":
        (machine.data / "sandbox.db").symlink_to(machine.data / "production.db")
    else:
        machine.write(file, "= no such thing")
    before = files_of(machine)
    result = machine.run_here().ended(code, f"Error: {words}", "\nHint: ", prints=True)
    assert result.out.startswith("procore-login 0")
    assert "procore-login --help " in result.out
    assert (file == "a link") is ("is a symbolic link" in result.err)
    assert code != 6 or "joecontractor@procore.com (current)" in result.out
    assert files_of(machine) == before


def test_help_lists_every_command_by_its_purpose_with_an_example(machine):
    said = machine.run_here("--help").out
    for title, section in catalogue.SECTIONS.items():
        assert f"\n{title}:\n" in said
        for name, listed in section.items():
            assert f"\n  {name:<12}{listed.line}\n" in said
            assert f"$ procore-login {listed.example}\n" in said
    assert {meant.split()[0] for meant in catalogue.SYNONYMS.values() if meant[0] != "-"} <= set(COMMANDS)


# What each command is run with, so that it ends by itself and sends nothing.
RUNS = {
    "signup": "signup --paste",
    "signin": "signin --paste",
    "whoami": "whoami",
    "signout": "signout",
    "api": "api me",
    "exec": "exec -- no-such-program",
    "token": "token",
    "refresh": "refresh",
    "accounts": "accounts",
    "switch": "switch joe",
    "configure": "configure --show",
    "doctor": "doctor --offline",
    "completion": "completion bash",
    "database init": "database init",
    "demo serve": "demo serve --seed no-such-file",
    "demo reset": "demo reset",
}
# What each variable is set to, and what is said where it counts.
SIGNS = {
    "PROCORE_ENV": ("nowhere", 'There is no environment "nowhere"'),
    "PROCORE_LOGIN_HOME": ("~no-such-user/data", "PROCORE_LOGIN_HOME cannot be used"),
    "PROCORE_LOGIN_ACCOUNT": ("nobody@example.com", "no account nobody@example.com"),
    "PROCORE_ACCESS_TOKEN": ("from-elsewhere", "Using the token from PROCORE_ACCESS_TOKEN"),
}


def list_in_help(machine: Machine, command: str, title: str) -> set[str]:
    """The names, or codes, that a section of a command's help is about."""
    section = machine.run_here(*command.split(), "--help").ended().out.partition(f"\n{title}:\n")[2]
    lines = section.partition("\n\n")[0].splitlines()
    return {line.split()[0] for line in lines if not line.startswith("   ")}


def test_the_variables_in_a_commands_help_are_those_that_it_heeds_and_the_codes_those_it_ends_with(
    machine, provider
):
    machine.point_at(provider)
    assert {words.split()[0] for words in RUNS} == set(COMMANDS)
    wrong = []
    for command, typed in RUNS.items():
        listed = list_in_help(machine, command, "Variables")
        codes = list_in_help(machine, command, "Exit codes")
        for name, (value, sign) in SIGNS.items():
            with mock.patch.dict(machine.variables, {name: value}):
                result = machine.run_here(*typed.split())
            # doctor reports what counts elsewhere.
            is_heeded = sign in result.err or (command == "doctor" and name in result.out)
            is_listed = result.code == 0 or not codes.isdisjoint({str(result.code), "other"})
            if is_heeded != (name in listed) or not is_listed:
                wrong.append((command, name, result.code, result.err))
    assert wrong == []


# What is typed, the error, and the hint.
MISTAKES = (
    ("whoam", 'There is no command "whoam".', "Did you mean procore-login whoami?"),
    ("login", 'There is no command "login".', "Did you mean procore-login signin?"),
    ("help", 'There is no command "help".', "Did you mean procore-login --help?"),
    ("zzzz", 'There is no command "zzzz".', "See procore-login --help"),
    (
        "demo serv",
        'There is no command "serv" in procore-login demo.',
        "Did you mean procore-login demo serve?",
    ),
    ("\x1b[2J", 'There is no command "\\x1b[2J".', "See procore-login --help"),
    (
        "whoami --env prod",
        'There is no environment "prod" (from --env).',
        "Did you mean production? The environments are production, sandbox, monthly, federal, demo.",
    ),
    ("demo zz", 'There is no command "zz" in procore-login demo.', "See procore-login demo --help"),
    (
        "whoami --jsn",
        "There is no option --jsn in procore-login whoami.",
        "Did you mean --json? See procore-login whoami --help",
    ),
    ("whoami -z", "There is no option -z in procore-login whoami.", "See procore-login whoami --help"),
    (
        "demo serve --prot 1",
        "There is no option --prot in procore-login demo serve.",
        "Did you mean --port? See procore-login demo serve --help",
    ),
    (
        "--env demo whoami",
        "--env stands after the command, not before it.",
        "Type procore-login whoami --env demo",
    ),
    (
        "--env=demo --json api me",
        "--env stands after the command, not before it.",
        "Type procore-login api --env=demo --json me",
    ),
    # Whatever else was typed may be a secret.
    (
        "--env demo configure hush --client-secret hush",
        "--env stands after the command, not before it.",
        "For example: procore-login configure --env demo",
    ),
    (
        "--env demo --client-secret hush configure",
        "--env stands after the command, not before it.",
        "For example: procore-login whoami --env demo",
    ),
    ("--env", "--env stands after the command, not before it.", "Type procore-login whoami"),
    ("--wat", "There is no option --wat in procore-login.", "See procore-login --help"),
    ("whoami --env", "--env needs a value.", "See procore-login whoami --help"),
    ("whoami --json=1", "--json takes no value.", "See procore-login whoami --help"),
    ("api -f", "-f needs a value.", "See procore-login api --help"),
    ("whoami --env=", "--env cannot be used: it is empty.", "See procore-login whoami --help"),
    ("api", "PATH is missing.", "For example: procore-login api companies"),
    ("exec", "COMMAND is missing.", "For example: procore-login exec -- python3 sync.py"),
    (
        "signin --timeout 86401",
        "--timeout must be a whole number from 1 to 86400.",
        "See procore-login signin --help",
    ),
    ("token --min-ttl -1", "--min-ttl must be a whole number from 0 up.", "See procore-login token --help"),
    ("configure --store kering", "--store must be keyring or file.", "See procore-login configure --help"),
    ("completion fsh", "SHELL must be bash, zsh or fish.", "See procore-login completion --help"),
    (
        "whoami sandbox",
        'procore-login whoami does not take "sandbox".',
        "Did you mean --env sandbox? See procore-login whoami --help",
    ),
    (
        "whoami x@example.com",
        'procore-login whoami does not take "x@example.com".',
        "Did you mean --account x@example.com? See procore-login whoami --help",
    ),
    ("token hush", "procore-login token takes no argument here.", "See procore-login token --help"),
)


def test_a_mistake_is_told_with_the_nearest_that_exists(machine):
    for typed, error, hint in MISTAKES:
        result = machine.run_here(*typed.split(" "))
        assert (result.code, result.out, result.err) == (2, "", f"Error: {error}\nHint: {hint}\n"), typed
        assert not machine.data.exists()


def test_the_nearest_environment_is_found():
    for typed, meant in [
        ("prod", "production"),
        ("Production", "production"),
        ("fed", "federal"),
        ("", None),
        ("xyz", None),
    ]:
        hint = unknown_environment(typed, "--env").hint
        assert hint.partition("The environments")[0] == (f"Did you mean {meant}? " if meant else "")
