"""A keyring that raises, hangs, forgets or answers late, at each call: 6 or all well, and no account lost."""

from __future__ import annotations

from itertools import product

import pytest

from tests.kills.aftermath import Aftermath, show
from tests.kills.conftest import NewScene
from tests.kills.fake_keyrings import LEAKS, land
from tests.kills.forks import End
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
ACTIONS = ("set", "get", "delete")
PLAYED = "fault "


def list_calls(scene: Scene, case: Case) -> list[str]:
    """Every call that the command makes to the keyring, as the backend counts them, say `set:2`."""
    scene.restore()
    dry = run_with(scene, case, "any:0:nothing")
    assert dry.code == 0, dry.err
    calls = list_played(dry)
    assert {"get:1", "delete:1"} <= set(calls), calls
    assert ("set:1" in calls) == (case is not CASES["signout"]), calls
    return calls


def list_played(end: End) -> list[str]:
    """The calls at which the backend played a fault, as it said itself."""
    return [step.split()[1] for step in end.steps if step.startswith(PLAYED)]


def run_with(scene: Scene, case: Case, fault: str) -> End:
    scene.machine.variables[FAULT] = fault
    end = scene.run(*case.arguments)
    del scene.machine.variables[FAULT]
    return end


def strike(scene: Scene, case: Case, fault: str, tally: Tally, codes: set[int] | None = None) -> None:
    """One run with the fault, then the commands that follow without it."""
    scene.restore()
    struck = run_with(scene, case, fault)
    # An entry that cannot be found at any attempt is as good as lost, until it is there again.
    allowed = codes or ({0, 4, 6} if fault == "get:0:ItemNotFoundException" else {0, 6})
    scene.expect(struck.code in allowed, f"[{fault}] not {allowed}: {show(struck)}")
    scene.expect("hush" not in struck.err, f"[{fault}] tells a secret")
    action, number, _ = fault.split(":")
    played = list_played(struck)
    is_right = played and played[0].startswith(action) if number == "0" else played == [f"{action}:{number}"]
    scene.expect(bool(is_right), f"[{fault}] was played at {played}")
    # A sign-in counts if it says so; a sign-out counts whatever fails.
    rows_if_out = case.list_rows_if_out(has_turned=struck.code == 0 or case is CASES["signout"])
    tally.add(Aftermath(scene, fault, rows_if_out).check(), fault)


def find_codes(command: str, fault: str) -> set[int] | None:
    """What the command must end with when one call is struck, None where it depends on the call."""
    action, _, kind = fault.split(":")
    if kind == "slow":
        return {0}
    if action == "set":
        # The tokens of a refresh are written once more under a second name, unless the keyring hangs.
        return {0} if command == "refresh" and kind != "hang" else {6}
    return None


def list_actions(calls: list[str]) -> list[str]:
    """The kinds of calls among these."""
    return [action for action in ACTIONS if f"{action}:1" in calls]


@pytest.mark.parametrize("command", CASES)
def test_whatever_a_backend_raises_at_whatever_call_the_account_is_not_lost(
    new_scene: NewScene, request: pytest.FixtureRequest, command: str
) -> None:
    scene, case = new_scene("plain"), CASES[command]
    tally = Tally(f"{command} with a call that raises")
    prepare(scene, case)
    calls = list_calls(scene, case)
    # Each call once, with one exception after the other; then each exception at every call of a kind.
    for index, call in enumerate(calls):
        fault = f"{call}:{LEAKS[index % len(LEAKS)]}"
        strike(scene, case, fault, tally, find_codes(command, fault))
    # A sign-up makes no other calls than a sign-in.
    actions = list_actions(calls) if command != "signup" else []
    for fault in (f"{action}:0:{leak}" for leak in LEAKS for action in actions):
        strike(scene, case, fault, tally, {6} if fault.startswith("set") else None)
    hand_in(request, tally)
    assert not scene.problems, scene.tell()


@pytest.mark.parametrize(
    ("command", "fault"),
    [pair for pair in product(("signin", "refresh", "signout"), FAULTS) if pair != NO_WRITES],
)
def test_a_call_that_hangs_or_does_nothing_costs_no_account(
    new_scene: NewScene, request: pytest.FixtureRequest, command: str, fault: str
) -> None:
    scene, case = new_scene("plain", limits=LIMITS), CASES[command]
    tally = Tally(f"{command} with a call that is {fault}")
    prepare(scene, case)
    calls = list_calls(scene, case)
    # A slow call changes nothing, so all of a kind are slow in one run.
    struck = [f"{action}:0" for action in list_actions(calls)] if fault == "slow" else calls
    for call in struck:
        if fault != "forget" or call.startswith("set"):
            strike(scene, case, f"{call}:{fault}", tally, find_codes(command, f"{call}:{fault}"))
    hand_in(request, tally)
    assert not scene.problems, scene.tell()


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("is_settled", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("command", ["signin", "refresh"])
def test_a_write_that_lands_before_or_after_the_next_command_is_found_or_deleted(
    new_scene: NewScene, command: str, number: int, is_settled: bool
) -> None:
    scene, case = new_scene("plain", limits=LIMITS), CASES[command]
    prepare(scene, case)
    late = run_with(scene, case, f"set:{number}:late")
    assert late.code == 6, show(late)
    assert list_played(late) == [f"set:{number}"]
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
