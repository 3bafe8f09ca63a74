"""Signals while a code or a refresh token is on its way: the answer is kept, then the process ends."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import terminal as terminal_module
from tests.cli import PATIENCE_S, Machine, browser, command
from tests.kills.strict_provider import StrictProvider
from tests.provider import Answer, Request, serving
from tests.signed_in import last_token, sign_in
from tests.terminal import Terminal

# Whatever the suite was started with (nohup, a job in the background), the command begins with these.
BEGIN = """
import os, signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    ignored = name in sys.argv[1].split(",")
    signal.signal(getattr(signal, name), signal.SIG_IGN if ignored else signal.SIG_DFL)
os.execv(sys.argv[2], sys.argv[2:])
"""
BEGUN = [sys.executable, "-c", BEGIN, "", *command()]
# The second look at the lock comes only where the first found it taken.
SAY_AT_LOCK = """
import sys
from procore_cli.storage.locks import Locks
tries, inner = [], Locks._try
def look(self, lock):
    tries.append(inner(self, lock))
    if len(tries) == 1:
        print("waiting" if not tries[0] else "held", flush=True)
    return tries[-1]
Locks._try = look
from procore_cli.__main__ import main
main()
"""
# Each signal, and each store: what is held back knows nothing of where the answer goes.
ENDS = [
    ("file", signal.SIGINT, 130),
    ("keyring", signal.SIGTERM, -signal.SIGTERM),
    ("keyring", signal.SIGHUP, -signal.SIGHUP),
]


class Slow(StrictProvider):
    """Spends the code or the refresh token at once, and answers when it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self.arrived = threading.Event()
        self.go_on = threading.Event()
        self.failure: Answer | None = None

    def _token(self, request: Request) -> Answer:
        answer = super()._token(request)
        if self.is_slow:
            self.arrived.set()
            assert self.go_on.wait(PATIENCE_S)
        return self.failure or answer


@pytest.fixture
def slow() -> Iterator[Slow]:
    with serving(Slow()) as running:
        yield running
        running.go_on.set()


@pytest.fixture
def store() -> str:
    """Where the tokens are kept, unless a test says so."""
    return "keyring"


@pytest.fixture
def machine(tmp_path: Path, slow: Slow, store: str) -> Machine:
    """Joe is signed in."""
    machine = Machine(tmp_path / "machine", {"PROCORE_LOGIN_STORE": store})
    machine.point_at(slow)
    assert sign_in(machine).code == 0
    return machine


@contextmanager
def sending(machine: Machine, slow: Slow, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command whose request has arrived, and is not answered before the block ends."""
    slow.is_slow = True
    process = machine.start(*arguments, program=BEGUN)
    assert slow.arrived.wait(PATIENCE_S)
    yield process
    slow.go_on.set()
    slow.is_slow = False


@contextmanager
def waiting_at_lock(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    """A `token` that has found the account's lock taken, and says so once it has tried."""
    process = machine.start("token", program=[sys.executable, "-c", SAY_AT_LOCK])
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    yield process
    process.communicate(timeout=PATIENCE_S)


def assert_kept(machine: Machine, slow: Slow) -> None:
    """The tokens that came last are used, without another request."""
    asked = slow.count("/oauth/token")
    token = machine.run_here("token").ended()
    assert token.out.strip() == last_token(slow)
    assert slow.is_alive(token.out.strip())
    assert slow.count("/oauth/token") == asked


@pytest.mark.parametrize(("store", "number", "code"), ENDS)
@pytest.mark.parametrize(
    "arguments", [["refresh"], ["signin", "--browser", browser("--just-open")]], ids=["refresh", "signin"]
)
def test_a_signal_waits_until_the_new_tokens_are_kept(machine, slow, number, code, arguments):
    former = last_token(slow)
    with sending(machine, slow, *arguments) as process:
        process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    # Nobody is at a terminal, so nobody is told.
    assert "as soon as the new tokens are kept" not in err
    revoked = [request.form["token"] for request in slow.requests if request.path == "/oauth/revoke"]
    # After a sign-in the account's former tokens have ended by then, too.
    assert (former in revoked) is (arguments[0] == "signin")
    assert_kept(machine, slow)


def test_what_was_ignored_at_the_start_stays_ignored(machine, slow, monkeypatch):
    begin = [sys.executable, "-c", BEGIN, "SIGINT,SIGTERM,SIGHUP", *command()]
    monkeypatch.setattr(terminal_module, "command", lambda: begin)
    slow.is_slow = True
    with Terminal(machine, "refresh", "--json") as terminal:
        assert slow.arrived.wait(PATIENCE_S)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            terminal.send(number)
        slow.go_on.set()
        code = terminal.finish()
    slow.is_slow = False
    assert code == 0
    assert '"environment": "production"' in terminal.drawn
    # Not even heeded for as long as the tokens are on their way.
    assert "as soon as the new tokens are kept" not in terminal.drawn
    assert_kept(machine, slow)


def test_what_went_wrong_meanwhile_is_told_before_the_signal_ends_the_process(machine, slow):
    slow.failure = Answer(500, {"error": "server_error"})
    with sending(machine, slow, "refresh") as process:
        process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGTERM
    assert "Error: production: Procore answered 500" in err


def test_on_a_terminal_the_first_ctrl_c_is_answered_and_the_second_ends_it(machine, slow, monkeypatch):
    monkeypatch.setattr(terminal_module, "command", lambda: BEGUN)
    slow.is_slow = True
    with Terminal(machine, "refresh") as terminal:
        assert slow.arrived.wait(PATIENCE_S)
        terminal.send(signal.SIGINT)
        terminal.read_until("This ends as soon as the new tokens are kept. Ctrl-C again ends it at once")
        terminal.send(signal.SIGINT)
        code = terminal.finish()
    slow.go_on.set()
    slow.is_slow = False
    next_one = machine.run_here("token")
    # The server of the test tells here of the connection that broke.
    assert (next_one.code, next_one.out) == (4, "")
    assert "was interrupted; signing in again mends that" in next_one.err
    assert code == 130
    assert sign_in(machine).code == 0


PROGRAM = """
import signal, sys
from procore_cli import get_token

handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
try:
    get_token(min_ttl=4)
except KeyboardInterrupt:
    print("interrupted", flush=True)
assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
"""


def test_in_a_python_program_ctrl_c_goes_through_at_once_and_costs_nothing(machine, slow):
    slow.lifetime_s = 3
    assert machine.run_here("refresh").code == 0
    slow.lifetime_s = 5400
    slow.is_slow = True
    program = [sys.executable, "-c", BEGIN, "", sys.executable, "-c", PROGRAM]
    process = machine.start(program=program)
    assert process.stdout is not None
    assert slow.arrived.wait(PATIENCE_S)
    process.send_signal(signal.SIGINT)
    # The program goes on while Procore has not answered yet.
    said = process.stdout.readline()
    # The lock stays with the thread that sends: nobody else takes its refresh for an interrupted one.
    with waiting_at_lock(machine) as second:
        asked = slow.count("/oauth/token")
        slow.go_on.set()
        assert second.wait(PATIENCE_S) == 0
    assert slow.count("/oauth/token") == asked
    _, err = process.communicate(timeout=PATIENCE_S)
    slow.is_slow = False
    assert said == "interrupted\n"
    assert process.returncode == 0, err
    assert_kept(machine, slow)
