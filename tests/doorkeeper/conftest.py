"""Doorkeeper in both of its ways with a spent refresh token, and a machine whose app is registered there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import Machine
from tests.doorkeeper.server import App, Doorkeeper, serving_doorkeeper


@pytest.fixture(scope="session", params=[False, True], ids=["spent-at-once", "spent-on-use"])
def doorkeeper(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doorkeeper]:
    with serving_doorkeeper(tmp_path_factory.mktemp("doorkeeper"), keeps_previous=request.param) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def app(doorkeeper: Doorkeeper, machine: Machine) -> App:
    """The machine's app."""
    return doorkeeper.new_app(machine)
