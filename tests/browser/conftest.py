"""One Chromium for all the tests of this folder, as good as new for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.sign_in import SignIn, signing_in
from tests.cli import Machine
from tests.provider import Provider


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
            return running.enter_context(signing_in(machine, command))

        yield new


@pytest.fixture
def demo(machine: Machine) -> Machine:
    """The machine, signing in at the embedded Procore."""
    machine.variables["PROCORE_ENV"] = "demo"
    return machine


@pytest.fixture
def production(machine: Machine, provider: Provider) -> Provider:
    """A scripted Procore, where the machine signs in."""
    machine.point_at(provider)
    return provider
