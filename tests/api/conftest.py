"""A signed-in caller with an API of its own, and a second server that must never learn the token."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.api_machine import Caller, new_machine
from tests.api.api_server import ApiServer, serving_api
from tests.provider import Provider, serving


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[ApiServer, ApiServer]]:
    """Two servers that stay up: to start and stop them takes longer than most of the calls."""
    with serving_api(ApiServer()) as one, serving_api(ApiServer()) as other:
        yield one, other


@pytest.fixture(scope="session")
def running_provider() -> Iterator[Provider]:
    """A login server that stays up."""
    with serving(Provider()) as running:
        yield running


@pytest.fixture
def provider(running_provider: Provider) -> Provider:
    """The login server, as if it had just been started."""
    url = running_provider.url
    vars(running_provider).update(vars(Provider()) | {"url": url})
    return running_provider


@pytest.fixture
def api(provider: Provider, servers: tuple[ApiServer, ApiServer]) -> ApiServer:
    """The API, which knows the provider's tokens."""
    servers[0].reset(lambda bearer: bearer in provider._bearers)
    return servers[0]


@pytest.fixture
def elsewhere(servers: tuple[ApiServer, ApiServer]) -> ApiServer:
    """A server of somebody else's, which answers whoever asks."""
    servers[1].reset()
    servers[1].always(b"from elsewhere", Content_Type="text/plain")
    return servers[1]


@pytest.fixture
def stranger(tmp_path: Path, provider: Provider, api: ApiServer) -> Caller:
    """Calls the API as somebody who has never signed in."""
    return Caller(new_machine(tmp_path / "machine", provider, api), provider, api)


@pytest.fixture(scope="session")
def signed_in(
    tmp_path_factory: pytest.TempPathFactory, servers: tuple[ApiServer, ApiServer], running_provider: Provider
) -> tuple[Path, set[str], set[str]]:
    """A home where somebody has signed in, and the access and refresh token that he was given."""
    home = tmp_path_factory.mktemp("signed-in")
    caller = Caller(new_machine(home, running_provider, servers[0]), running_provider, servers[0])
    access = caller.sign_in()
    return home, {access}, {running_provider.issued[-1]}


@pytest.fixture
def call(stranger: Caller, signed_in: tuple[Path, set[str], set[str]]) -> Caller:
    """Calls the API as somebody who has signed in."""
    home, access, refresh = signed_in
    shutil.copytree(home, stranger.machine.home, dirs_exist_ok=True)
    stranger.provider._bearers |= access
    stranger.provider._alive |= refresh
    return stranger
