"""A keyring that raises, hangs, forgets or answers late, at each call: 6 or all well, and no account lost."""

from __future__ import annotations

from itertools import product

import pytest

from tests.kills.aftermath import Aftermath, show
from tests.kills.conftest import NewScene
from tests.kills.fake_keyrings import FAKES, land
from tests.kills.scene import Scene
from tests.kills.tally import Tally, hand_in
from tests.kills.trials import CASES, Case, prepare

pytestmark = pytest.mark.kills

FAULT = "TEST_KEYRING_FAULT"
# The fake's delay is under it, its hanging over it.
LIMITS = (0.2, 0.3)
FAULTS = ("slow", "hang", "forget")
# A sign-out writes nothing that could be forgotten.
NO_WRITES = ("signout", "forget")
ACTIONS = {"save": "set", "load": "get", "delete": "delete"}


def list_calls(scene: Scene, case: Case) -> list[tuple[str, int]]:
    """Every call that the command makes to the keyring: its kind and its number among those of a kind."""
    scene.restore()
    dry = scene.run(*case.arguments)
    assert dry.code == 0, dry.err
    words = [step.split() for step in dry.steps if step.startswith("before ") and " of part " in step]
    calls, counts = [], dict.fromkeys(ACTIONS.values(), 0)
    for action in (ACTIONS[word[1]] for word in words):
        counts[action] += 1
        calls.append((action, counts[action]))
    assert counts["get"] > 0, counts
    assert counts["delete"] > 0, counts
    return calls


def strike(scene: Scene, case: Case, fault: str, tally: Tally) -> None:
    """One run with the fault, then the commands that follow without it."""
    scene.restore()
    scene.machine.variables[FAULT] = fault
    struck = scene.run(*case.arguments)
    del scene.machine.variables[FAULT]
    # An entry that cannot be found at any attempt is as good as lost, until it is there again.
    codes = (0, 4, 6) if fault == "get:0:ItemNotFoundException" else (0, 6)
    scene.expect(struck.code in codes, f"[{fault}] {show(struck)}")
    scene.expect("hush" not in struck.err, f"[{fault}] tells a secret")
    tally.add(Aftermath(scene, fault, case.may_be_out).check(), fault)


@pytest.mark.parametrize("kind", FAKES)
@pytest.mark.parametrize("command", CASES)
def test_whatever_a_backend_raises_at_whatever_call_the_account_is_not_lost(
    new_scene: NewScene, request: pytest.FixtureRequest, kind: str, command: str
) -> None:
    scene, case = new_scene(kind), CASES[command]
    tally = Tally(f"{command} with a call that raises, {kind}")
    prepare(scene, case)
    calls = list_calls(scene, case)
    leaks = FAKES[kind].LEAKS
    # Each call once, with one exception after the other; then each exception at every call of a kind.
    for index, (action, number) in enumerate(calls):
        strike(scene, case, f"{action}:{number}:{leaks[index % len(leaks)]}", tally)
    for leak in leaks:
        for action in ACTIONS.values():
            strike(scene, case, f"{action}:0:{leak}", tally)
    hand_in(request, tally)
    assert not scene.problems, scene.tell()


@pytest.mark.parametrize(
    ("command", "fault"),
    [pair for pair in product(("signin", "refresh", "signout"), FAULTS) if pair != NO_WRITES],
)
def test_a_call_that_hangs_or_does_nothing_costs_no_account(
    new_scene: NewScene, request: pytest.FixtureRequest, command: str, fault: str
) -> None:
    scene, case = new_scene("kwallet", limits=LIMITS), CASES[command]
    tally = Tally(f"{command} with a call that is {fault}, kwallet")
    prepare(scene, case)
    for action, number in list_calls(scene, case):
        if fault != "forget" or action == "set":
            strike(scene, case, f"{action}:{number}:{fault}", tally)
    hand_in(request, tally)
    assert not scene.problems, scene.tell()


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("is_settled", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("command", ["signin", "refresh"])
def test_a_write_that_lands_before_or_after_the_next_command_is_found_or_deleted(
    new_scene: NewScene, command: str, number: int, is_settled: bool
) -> None:
    scene, case = new_scene("secret-service", limits=LIMITS), CASES[command]
    prepare(scene, case)
    scene.machine.variables[FAULT] = f"set:{number}:late"
    late = scene.run(*case.arguments)
    del scene.machine.variables[FAULT]
    assert late.code == 6, show(late)
    if is_settled:
        after = Aftermath(scene, "landed after the next command")
        after.check_next()
        land(scene.machine.keyring)
    else:
        land(scene.machine.keyring)
        after = Aftermath(scene, "landed before the next command")
        after.check_next()
    after.check_later()
    assert not scene.problems, scene.tell()


def test_windows_limit_is_never_reached(new_scene: NewScene) -> None:
    scene = new_scene("windows")
    prepare(scene, CASES["signin"])
    assert Aftermath(scene, "several parts").check() == "worked"
    assert not scene.problems, scene.tell()
