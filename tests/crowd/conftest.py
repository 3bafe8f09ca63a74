"""A machine on which somebody has signed up, at a provider that takes its time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import Machine
from tests.crowd.crowd import Crowd, SlowProvider, released, sign_up
from tests.provider import serving


@pytest.fixture
def provider() -> Iterator[SlowProvider]:
    with serving(SlowProvider()) as running, released(running):
        yield running


@pytest.fixture(params=["file", "keyring"])
def machine(tmp_path: Path, provider: SlowProvider, request: pytest.FixtureRequest) -> Machine:
    """Its token has expired."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["PROCORE_LOGIN_STORE"] = request.param
    sign_up(machine, provider)
    return machine


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    return Crowd(tmp_path / "crowd")


@pytest.fixture
def held_up(tmp_path: Path) -> Crowd:
    """All are at the lock before its holder goes on, and it keeps it until all the others have ended."""
    return Crowd(tmp_path / "crowd", gathers=True, lingers=True)
