"""SIGKILL at every named step of the write order, and anywhere: the account works, or it is said why not."""

from __future__ import annotations

import os
import random
import statistics
import time

import pytest

from tests.kills.conftest import NewScene
from tests.kills.scene import CASES, INTERRUPTED, Aftermath, Scene, kill_at_each, prepare

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


# At random instants of a refresh, uniform over the time that one takes

INSTANTS = 100
# A machine that others use is faster or slower a moment later.
MEASURE_EVERY = 25
# What is left a day later is looked at after each tenth.
LATER_EVERY = 10
SEED = "PROCORE_KILLS_SEED"
# So long an answer is under way; without it no instant would hit that.
ANSWER_S = 0.003


@pytest.mark.timeout(3600)
def test_a_refresh_that_is_killed_at_any_instant_costs_no_account(new_scene: NewScene) -> None:
    # From the variable, or from the time; a failure tells it.
    seed = int(os.environ.get(SEED) or time.time_ns() % 10**9)
    chance = random.Random(seed)
    scene = new_scene("file")
    prepare(scene, CASES["refresh"])
    scene.provider.delay_s = ANSWER_S
    ended_before = in_window = 0
    for number in range(INSTANTS):
        if number % MEASURE_EVERY == 0:
            scene.restore()
            run_s = measure(scene)
        instant_s = chance.uniform(0.0, run_s)
        scene.restore()
        killed = scene.run("refresh", kill_after_s=instant_s)
        ended_before += killed.signal is None
        last = killed.steps[-1] if killed.steps else "nothing yet"
        after = Aftermath(scene, f"instant {number}, {instant_s * 1000:.1f} ms, {last}")
        in_window += after.check_next() == INTERRUPTED
        if number % LATER_EVERY == 0:
            after.check_later()
    # Else the kills were not where they are said to be.
    scene.expect(ended_before <= INSTANTS / 2, f"{ended_before} of {INSTANTS} had ended before the kill")
    scene.expect(in_window > 0, "no kill came between the rotation and the last write")
    assert not scene.problems, f"{scene.tell()} (seed {seed})"


def measure(scene: Scene) -> float:
    runs = [scene.run("refresh") for _ in range(5)]
    assert {run.code for run in runs} == {0}
    return statistics.median(run.took_s for run in runs)
