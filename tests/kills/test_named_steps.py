"""SIGKILL at every named step of the write order: the account works, or what was lost is said."""

from __future__ import annotations

import pytest

from tests.kills.conftest import NewScene
from tests.kills.trials import CASES, kill_at_each, prepare

pytestmark = pytest.mark.kills

# Where a new token exists at Procore and nothing that came back is whole in the store.
WINDOW = ("sent POST /oauth/token", "after POST /oauth/token", "save of part", "draft of a file")


@pytest.mark.parametrize("kind", ["file", "keyring"])
@pytest.mark.parametrize("command", CASES)
def test_a_command_that_is_killed_at_a_step_costs_no_account(
    new_scene: NewScene, command: str, kind: str
) -> None:
    scene = new_scene(kind)
    prepare(scene, CASES[command])
    said = kill_at_each(scene, CASES[command])
    assert not scene.problems, scene.tell()
    assert all(any(sign in step for sign in WINDOW) for step in said), said
    assert bool(said) == (command == "refresh")
