"""A caller of `procore-login api`, signed in or not; its login server stays up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.api_machine import Caller
from tests.api_server import ApiServer
from tests.cli import Machine
from tests.provider import Provider, serving


@pytest.fixture(scope="session")
def running_provider() -> Iterator[Provider]:
    with serving(Provider()) as running:
        yield running


@pytest.fixture
def provider(running_provider: Provider) -> Provider:
    """The login server, as if it had just been started."""
    url = running_provider.url
    vars(running_provider).update(vars(Provider()) | {"url": url})
    return running_provider


@pytest.fixture
def stranger(tmp_path: Path, provider: Provider, api: ApiServer) -> Caller:
    """Calls the API as somebody who has never signed in."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["PROCORE_API_URL"] = api.url
    return Caller(machine, provider, api)


@pytest.fixture
def call(stranger: Caller) -> Caller:
    """Calls the API as somebody who has signed in."""
    stranger.sign_in()
    return stranger
