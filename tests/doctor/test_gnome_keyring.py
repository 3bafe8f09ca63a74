"""`doctor` against a real gnome-keyring: unlocked, and locked with nobody to ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider import Provider
from tests.store.gnome_stand import Desktop, DesktopMachine, new_machine, opening_desktop

pytestmark = pytest.mark.gnome_keyring


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    """gnome-keyring runs and is unlocked."""
    with opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        yield desktop


@pytest.fixture
def machine(tmp_path: Path, desktop: Desktop, provider: Provider) -> DesktopMachine:
    return new_machine(tmp_path, desktop, provider)


def report(machine: DesktopMachine) -> tuple[int, dict[str, dict[str, str]]]:
    result = machine.run("doctor", "--json")
    return result.code, {check["name"]: check for check in result.json["checks"]}


def test_an_unlocked_keyring_is_named_and_left_empty(machine: DesktopMachine, desktop: Desktop) -> None:
    code, checks = report(machine)

    assert code == 0
    assert checks["keyring"]["detail"] == "in use: keyring.backends.SecretService.Keyring; unlocked"
    assert checks["keyring proof"]["status"] == "ok"
    assert desktop.list_services() == []


def test_a_locked_keyring_that_cannot_ask_is_named(machine: DesktopMachine, desktop: Desktop) -> None:
    desktop.lock()

    code, checks = report(machine)

    assert code == 6
    assert "it is locked now" in checks["keyring"]["detail"]
    assert checks["keyring proof"]["status"] == "failed"
    assert "is locked" in checks["keyring proof"]["detail"]
