"""Machines to run storage on: with files, with a keyring in memory, with each in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from procore_cli import log
from tests import memory_keyring
from tests.hearing import Listener
from tests.store.databases import new_tutorial_file
from tests.store.store_world import SAID, TickingStore, World, finish_left_calls


@pytest.fixture(autouse=True)
def said() -> Iterator[list[str]]:
    SAID.clear()
    with log.heard_by(Listener(SAID)):
        yield SAID


@pytest.fixture
def keyring_entries(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[tuple[str, str], str]]:
    """An empty keyring in memory, chosen by the user as keyring's own configuration allows."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.memory_keyring.MemoryKeyring")
    monkeypatch.setenv("TEST_KEYRING_FAULT", "")
    memory_keyring.MemoryKeyring.ENTRIES.clear()
    memory_keyring.RELEASE.clear()
    yield memory_keyring.MemoryKeyring.ENTRIES
    finish_left_calls()
    memory_keyring.MemoryKeyring.ENTRIES.clear()


@pytest.fixture
def world(own_world: Path) -> World:
    """A machine that keeps its secrets in files."""
    return World(own_world / "procore-login")


@pytest.fixture
def keyring_world(world: World, keyring_entries: object) -> World:
    """A machine with the keyring in memory, which fails as `set_fault` says."""
    world.store_name = "keyring"
    return world


@pytest.fixture(params=["file", "keyring"])
def either_world(request: pytest.FixtureRequest, world: World, keyring_entries: object) -> World:
    """A machine with each of the two stores in turn."""
    world.store_name = request.param
    return world


@pytest.fixture
def test_db(tmp_path: Path) -> Path:
    return new_tutorial_file(tmp_path)


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Service and text of each part that was written."""
    found: list[tuple[str, str]] = []
    save = TickingStore.save

    def note(store: TickingStore, service: str, username: str, text: str) -> None:
        found.append((service, text))
        save(store, service, username, text)

    monkeypatch.setattr(TickingStore, "save", note)
    return found
