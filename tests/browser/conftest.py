"""One Chromium for all the tests of this folder, as good as new for each of them."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Machine
from tests.hostile.waiting import read_link, stop
from tests.provider import Provider

EXIT_TIMEOUT_S = 30


class SignIn:
    """A running command: the link that it printed, and how it ended."""

    def __init__(self, machine: Machine, process: subprocess.Popen[str]) -> None:
        self.machine = machine
        self.process = process
        self.out = self.err = ""
        self.link = read_link(process)

    @property
    def origin(self) -> str:
        """The listener's, as the default redirect URI spells it."""
        return f"http://localhost:{self.machine.port}"

    def wait(self) -> int:
        """Wait for the end; returns the exit code."""
        self.out, rest = self.process.communicate(timeout=EXIT_TIMEOUT_S)
        self.err += rest
        return self.process.returncode

    def profile(self) -> Any:
        """What `--json` printed, once the command has ended well."""
        assert self.wait() == 0, self.err
        return json.loads(self.out)


@pytest.fixture(scope="session")
def running_chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    # Imported here: who deselects these tests need not have selenium.
    from tests.browser.chromium import Chromium

    chromium = Chromium(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


@pytest.fixture
def allowed_on_console() -> list[str]:
    """What a test expects on the console: parts of messages, each of which may come any number of times."""
    return []


@pytest.fixture
def chromium(running_chromium, allowed_on_console: list[str]):
    """The browser; at the end of each test its console holds no error and no policy violation."""
    running_chromium.forget()
    yield running_chromium
    console = running_chromium.console()
    unexpected = [line for line in console if not any(part in line for part in allowed_on_console)]
    assert unexpected == []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def start(machine: Machine) -> Iterator[Callable[[str], SignIn]]:
    """Starts a sign-in on the machine; it has ended when the test has."""
    with ExitStack() as running:

        def new(command: str = "signup") -> SignIn:
            waiting = machine.start(command, "--no-browser", "--timeout", "60", "--json")
            running.callback(stop, waiting)
            return SignIn(machine, waiting)

        yield new


@pytest.fixture
def demo(machine: Machine) -> Machine:
    machine.variables["PROCORE_ENV"] = "demo"
    return machine


@pytest.fixture
def production(machine: Machine, provider: Provider) -> Provider:
    """A scripted Procore, where the machine signs in."""
    machine.point_at(provider)
    return provider
