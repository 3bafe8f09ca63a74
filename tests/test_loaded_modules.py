"""What each command loads and which processes it starts: a command pays for what it does.

Commands are run whole, in processes that load nothing else, against a provider where they need one.
"""

import os
import pty
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from procore_cli.storage.opening import Storage
from tests.cli import PATIENCE_S, Machine, browser
from tests.loaded import read_report, start
from tests.people import SECOND, People
from tests.provider import CLIENT_ID, JOE, Provider, serving
from tests.signed_in import sign_in

# Some versions of filelock have an asyncio side, and some make random names.
LOCKING = {"filelock", "asyncio", "hashlib"}
# What comes with requests.
NETWORK = {"requests", "ssl", "urllib.request", "importlib.metadata", "hashlib"}

# What commands may load of HEAVY and start, where tokens are kept in files; the commands of a line run in
# one process.
MAY_LOAD: list[tuple[list[list[str]], set[str], set[str]]] = [
    (
        [["--version"], ["--help"], ["token", "--help"], ["completion", "bash"], ["configure", "--show"]],
        set(),
        set(),
    ),
    (
        [[], ["whoami", "--offline"], ["whoami", "--offline", "--json"], ["accounts"], ["switch", "22222"]],
        {"sqlite3"},
        set(),
    ),
    # A file is named by a digest; a keyring needs none.
    ([["token"], ["exec", "--", "true"]], {"sqlite3", "hashlib"}, {"os.exec"}),
    ([["whoami"], ["accounts", "--check"], ["api", "me"]], {"sqlite3", *NETWORK}, set()),
    ([["refresh"], ["signout"]], {"sqlite3", "oauthlib", *LOCKING, *NETWORK}, set()),
    (
        [["signup", "--browser", browser("--just-open")]],
        {"sqlite3", "oauthlib", "http.server", *LOCKING, *NETWORK},
        {"subprocess.Popen"},
    ),
]

# Writes what is loaded once the callback has come, and what has not been loaded by then.
AFTER_CALLBACK = """
import os, sys
from procore_cli.cli import main as cli
from procore_cli.callback.receiver import CallbackReceiver
wait = CallbackReceiver.wait
def wait_and_look(reception):
    global before
    before = set(sys.modules)
    return wait(reception)
CallbackReceiver.wait = wait_and_look
code = cli.run(sys.argv[1:-1])
with open(os.environ["TEST_REPORT"], "w") as report:
    report.write(" ".join(set(sys.modules) - before))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[People]:
    """One for all: each command has a home of its own."""
    with serving(People()) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, provider: People) -> Machine:
    """Two people are signed in, with their tokens in files."""
    machine = Machine(tmp_path / "machine", {"PROCORE_LOGIN_STORE": "file"})
    machine.point_at(provider)
    for person in (SECOND, JOE):
        provider.sign_in(machine, person, store="file")
    return machine


@pytest.mark.parametrize(("commands", "may_load", "starts"), MAY_LOAD)
def test_a_command_loads_what_it_needs_and_starts_no_process(machine, commands, may_load, starts):
    with start(machine, *commands) as running:
        _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, err
    loaded, started = read_report(machine)
    assert loaded <= may_load
    assert started == starts


def test_a_pretend_procore_is_not_started_for_a_valid_token_and_looks_for_no_keyring(tmp_path):
    machine = Machine(tmp_path / "machine")
    machine.run_here("signup", "--env", "demo").ended()
    with start(machine, ["token", "--env", "demo"]) as running:
        out, err = running.communicate(timeout=PATIENCE_S)
    assert (running.returncode, bool(out.strip())) == (0, True), err
    assert read_report(machine) == ({"sqlite3", "hashlib"}, set())
    with start(machine, ["demo", "serve", "--port", "0"]) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=PATIENCE_S)
    loaded, started = read_report(machine)
    assert loaded <= {"hashlib", "http.server", "oauthlib", "sqlite3", "ssl"}
    assert started == set()


def test_a_sign_in_loads_everything_while_the_person_is_at_the_browser(machine, provider):
    # Nobody asks Procore about an app that is known, so nothing was sent before the callback.
    storage = Storage(machine.data, "production", "file")
    storage.accounts.remember_app(CLIENT_ID, provider.url)
    screen, terminal = pty.openpty()
    arguments = ["signin", "--browser", browser("--just-open")]
    with start(machine, arguments, program=AFTER_CALLBACK, stdout=terminal) as running:
        _, err = running.communicate(timeout=PATIENCE_S)
    os.close(screen)
    os.close(terminal)
    assert running.returncode == 0, err
    assert (machine.home / "report").read_text("utf-8") == ""


def test_a_first_sign_in_makes_one_connection_for_the_check_and_one_for_code_and_person(tmp_path):
    machine = Machine(tmp_path / "machine")
    with serving(Provider(), protocol="HTTP/1.1") as provider:
        machine.point_at(provider)
        assert sign_in(machine).code == 0
        # A form never goes over a kept connection: where that has died, the code might be lost.
        sent = [request.path for request in provider.requests]
        assert sent == ["/oauth/authorize", "/oauth/token", "/rest/v1.0/me"]
        assert provider.connections == len(["the browser", "the check of the app", "exchange and /me"])
