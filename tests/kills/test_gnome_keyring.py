"""The same kills over the real gnome-keyring; run under dbus-run-session, see .ci/run."""

from __future__ import annotations

import os

import pytest

from tests.kills.conftest import NewScene
from tests.kills.inventory import GnomeKeyring
from tests.kills.scene import CASES, Scene, kill_at_each, prepare

# To be run one after the other (-n 0): all of them have one keyring, and what lies in it is counted.
pytestmark = [pytest.mark.kills, pytest.mark.gnome_keyring, pytest.mark.timeout(3600)]
ENVIRONMENT = "production"

# The common fixture takes these away from every test.
BUS = {name: value for name, value in os.environ.items() if name.startswith("DBUS_")}


@pytest.fixture
def new_gnome_scene(new_scene: NewScene, monkeypatch: pytest.MonkeyPatch) -> NewScene:
    for name, value in BUS.items():
        monkeypatch.setenv(name, value)

    def new(kind: str) -> Scene:
        drawer = GnomeKeyring(ENVIRONMENT)
        drawer.restore()
        scene = new_scene(kind, environment=ENVIRONMENT, drawers=[drawer])
        scene.machine.variables |= {"PYTHON_KEYRING_BACKEND": "", **BUS}
        return scene

    return new


@pytest.mark.parametrize("command", CASES)
def test_a_command_that_is_killed_at_a_step_costs_no_account(new_gnome_scene: NewScene, command: str) -> None:
    scene = new_gnome_scene("keyring")
    prepare(scene, CASES[command])
    kill_at_each(scene, CASES[command])
    assert not scene.problems, scene.tell()
