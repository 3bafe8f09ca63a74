"""Joe is signed in, and the program of the tests finds him; the API is a host of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_server import ApiServer, serving_api
from tests.cli import Machine
from tests.provider import Provider
from tests.python_api.caller import live_on
from tests.signed_in import sign_in


@pytest.fixture
def api(provider: Provider) -> Iterator[ApiServer]:
    with serving_api(provider) as running:
        yield running


@pytest.fixture
def other(provider: Provider) -> Iterator[ApiServer]:
    """A second host, which would accept the token."""
    with serving_api(provider) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, provider: Provider, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Joe is signed in, and this process finds him."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["PROCORE_API_URL"] = api.url
    assert sign_in(machine).code == 0
    api.calls.clear()
    live_on(machine, monkeypatch)
    return machine
