"""A signed-in caller with an API of its own, and a second server that must never learn the token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.api_machine import Caller, new_machine
from tests.api.api_server import ApiServer, serving_api
from tests.provider import Provider


@pytest.fixture
def api(provider: Provider) -> Iterator[ApiServer]:
    """The API, which knows the provider's tokens."""
    with serving_api(ApiServer(lambda bearer: bearer in provider._bearers)) as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[ApiServer]:
    """A server of somebody else's, which answers whoever asks."""
    server = ApiServer()
    server.always(b"from elsewhere", Content_Type="text/plain")
    with serving_api(server) as running:
        yield running


@pytest.fixture
def call(tmp_path: Path, provider: Provider, api: ApiServer) -> Caller:
    """Calls the API as somebody who has signed in."""
    caller = Caller(new_machine(tmp_path / "machine", provider, api), provider, api)
    caller.sign_in()
    return caller
