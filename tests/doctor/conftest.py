"""A machine on which signing in can work, and servers that are not Procore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import Machine
from tests.people import People
from tests.procore.conftest import new_context, serve  # noqa: F401 - fixtures
from tests.provider import Provider, serving


@pytest.fixture
def machine(tmp_path: Path, provider: Provider) -> Machine:
    """Everything is in order, and nobody is signed in yet."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["DISPLAY"] = ":0"
    machine.variables["BROWSER"] = "true"
    machine.data.mkdir(mode=0o700)
    return machine


@pytest.fixture
def people() -> Iterator[People]:
    with serving(People()) as running:
        assert isinstance(running, People)
        yield running
