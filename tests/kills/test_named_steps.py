"""SIGKILL at every named step of the write order: the account works, or what was lost is said."""

from __future__ import annotations

from itertools import product

import pytest

from tests.kills.conftest import NewScene
from tests.kills.tally import Tally, hand_in
from tests.kills.trials import CASES, kill_at_each, prepare

pytestmark = pytest.mark.kills

# Where a new token exists at Procore and nothing that came back is whole in the store.
WINDOW = ("sent POST /oauth/token", "after POST /oauth/token", "save of part", "draft of a file", "keychain")

# The fakes of macOS and Windows differ in how they replace an entry, which a refresh must never ask for.
KINDS = [*product(CASES, ["file", "keyring"]), ("refresh", "macos"), ("refresh", "windows")]


@pytest.mark.parametrize(("command", "kind"), KINDS)
def test_a_command_that_is_killed_at_a_step_costs_no_account(
    new_scene: NewScene, request: pytest.FixtureRequest, command: str, kind: str
) -> None:
    scene, tally = new_scene(kind), Tally(f"{command} killed at each step, {kind}")
    prepare(scene, CASES[command])
    kill_at_each(scene, CASES[command], tally)
    hand_in(request, tally)
    assert not scene.problems, scene.tell()
    said = tally.steps["said interrupted"]
    assert all(any(sign in step for sign in WINDOW) for step in said), said
    assert bool(said) == (command == "refresh")
