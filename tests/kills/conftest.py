"""The fork server, one for a test process; a scene for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Machine
from tests.kills.forks import Forks
from tests.kills.scene import Scene
from tests.kills.strict_provider import StrictProvider
from tests.provider import serving

NewScene = Callable[..., Scene]


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    server = Forks()
    yield server
    server.close()


@pytest.fixture
def strict() -> Iterator[StrictProvider]:
    with serving(StrictProvider()) as running:
        assert isinstance(running, StrictProvider)
        yield running


@pytest.fixture
def new_scene(tmp_path: Path, strict: StrictProvider, forks: Forks) -> NewScene:
    """Makes the test's scene, with nobody signed in; the arguments are `Scene`'s."""

    def new(kind: str, **options: Any) -> Scene:
        return Scene(Machine(tmp_path / "machine"), strict, forks, kind, **options)

    return new
