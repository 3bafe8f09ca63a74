"""Doorkeeper in both of its ways with a spent refresh token, and a machine whose app is registered there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import Machine
from tests.doorkeeper.server import App, Doorkeeper, serving_doorkeeper
from tests.postgres.machines import new_key_file
from tests.postgres.servers import PostgresServer, running_server


@pytest.fixture(scope="session", params=[False, True], ids=["spent-at-once", "spent-on-use"])
def doorkeeper(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doorkeeper]:
    with serving_doorkeeper(tmp_path_factory.mktemp("doorkeeper"), keeps_previous=request.param) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture(params=["local", "shared"])
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """It keeps its accounts in its data folder and keyring, or in a database that machines share."""
    machine = Machine(tmp_path / "machine")
    if request.param == "local":
        yield machine
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.new_database()
    machine.variables["PROCORE_LOGIN_DB"] = server.url(name)
    machine.variables["PROCORE_LOGIN_KEY_FILE"] = str(new_key_file(machine.home / "key"))
    machine.run_here("database", "init").ended()
    yield machine
    server.drop_database(name)


@pytest.fixture
def app(doorkeeper: Doorkeeper, machine: Machine) -> App:
    """The machine's app."""
    return doorkeeper.new_app(machine)
