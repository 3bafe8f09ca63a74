"""No thread to be had (RLIMIT_NPROC, a pids limit): said in words, nothing sent, nothing pending."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from procore_cli import StorageError, get_token
from tests.cli import Machine, Result
from tests.provider import Provider
from tests.signed_in import last_token, refreshes, sign_in


@pytest.fixture(params=["file", "keyring"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, provider: Provider) -> Machine:
    machine = Machine(tmp_path / "machine", {"PROCORE_LOGIN_STORE": request.param})
    machine.point_at(provider)
    assert sign_in(machine).code == 0
    return machine


@contextmanager
def without_threads(*, granted: int = 0, refuses_daemons: bool = True) -> Iterator[None]:
    """As Python says it where the system refuses, but for the first ones; the provider's start as ever."""
    start, others = threading.Thread.start, {*threading.enumerate()} - {threading.current_thread()}

    def refuse(thread: threading.Thread) -> None:
        nonlocal granted
        if threading.current_thread() not in others and (refuses_daemons or not thread.daemon):
            granted -= 1
            if granted < 0:
                raise RuntimeError("can't start new thread")
        start(thread)

    with mock.patch.object(threading.Thread, "start", refuse):
        yield


def run_without_threads(machine: Machine, *arguments: str, granted: int = 0) -> Result:
    with without_threads(granted=granted):
        return machine.run_here(*arguments)


def test_no_thread_is_an_error_in_words_and_costs_nothing(machine, provider):
    keyring = machine.variables["PROCORE_LOGIN_STORE"] == "keyring"
    for arguments, granted in (
        (("refresh",), 0),
        # The request alone; over a keyring the first reads the entry in hand.
        (("refresh",), int(keyring)),
        (("whoami",), 0),
        (("signin", "--no-browser", "--timeout", "5"), 0),
    ):
        refused = run_without_threads(machine, *arguments, granted=granted)
        refused.ended(6, "Error: production: No thread could be started")
        assert refreshes(provider) == 0
        assert machine.sql("SELECT state FROM procore_login_entries") == [("live",)]
        machine.run_here("token").ended()
    # Where files hold the tokens a valid one needs none.
    assert (run_without_threads(machine, "token").code == 0) is not keyring


def test_what_was_sent_for_is_kept_even_if_no_further_thread_is_to_be_had(machine, provider):
    # One watches the time of the request; the one that read the keyring also writes to it.
    granted = 1 + int(machine.variables["PROCORE_LOGIN_STORE"] == "keyring")
    run_without_threads(machine, "refresh", granted=granted).ended()
    assert machine.run_here("token").out.strip() == last_token(provider)
    assert refreshes(provider) == 1


def test_in_a_python_program_a_thread_that_is_refused_leaves_the_account_free(machine, provider):
    provider.lifetime_s = 3
    assert machine.run_here("refresh").code == 0
    provider.lifetime_s = 5400
    with mock.patch.dict(os.environ, machine.environ(), clear=True):
        with (
            without_threads(refuses_daemons=False),
            pytest.raises(StorageError, match=r"^production: No thread could be started") as refused,
        ):
            get_token(min_ttl=4)
        # Whoever keeps the error keeps no lock with it.
        get_token(min_ttl=4)
        assert refused.value.exit_code == 6
    assert refreshes(provider) == 2
