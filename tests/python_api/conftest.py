"""Joe is signed in, and the program of the tests finds him."""

from pathlib import Path

import pytest

from tests.api_server import ApiServer
from tests.cli import Machine
from tests.people import SECOND, THIRD, People
from tests.provider import JOE, Provider
from tests.python_api.caller import live_on
from tests.signed_in import save_tokens


@pytest.fixture
def machine(tmp_path: Path, provider: Provider, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Joe is signed in, and this process finds him."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["PROCORE_API_URL"] = api.url
    save_tokens(provider, machine, JOE, api_url=api.url)
    live_on(machine, monkeypatch)
    return machine


@pytest.fixture
def shared(tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Second and Third are signed in, Third is current, and this process finds them."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(people)
    for person in (SECOND, THIRD):
        people.sign_in(machine, person)
    live_on(machine, monkeypatch)
    return machine
