"""A command that is ended at each of its steps, one run a step; refuses to miss one without saying so."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from tests.kills.aftermath import Aftermath
from tests.kills.scene import SIGN_IN, Scene
from tests.kills.tally import Tally

# Steps that the write order has in any case, whatever else is counted.
SAVED = {
    "after save of part 1",
    "after save of part 2",
    "before delete of part 1",
    "after commit of forgotten",
}
SENT = {"before POST /oauth/token", "sent POST /oauth/token", "after POST /oauth/token"}
REVOKED = {"before POST /oauth/revoke", "sent POST /oauth/revoke", "after POST /oauth/revoke"}


@dataclass(frozen=True)
class Case:
    """A command, the steps that it must have and how many there are at least."""

    arguments: tuple[str, ...]
    steps: set[str]
    fewest: int
    starts_signed_in: bool = True
    may_be_out: bool = False


CASES = {
    "signup": Case(
        SIGN_IN, SENT | {"after commit of pending proof"}, 30, starts_signed_in=False, may_be_out=True
    ),
    "signin": Case(SIGN_IN, SAVED | SENT | REVOKED | {"after commit of pending signin"}, 45),
    "refresh": Case(("refresh",), SAVED | SENT | {"after commit of pending refresh"}, 25),
    "signout": Case(("signout",), REVOKED | {"before delete of part 1"}, 12, may_be_out=True),
}


def prepare(scene: Scene, case: Case) -> None:
    """Bring the scene to where each run of the command begins, and keep that."""
    if case.starts_signed_in:
        begun = scene.sign_in()
        assert begun.code == 0, begun.err
    scene.keep()


def list_steps(scene: Scene, case: Case) -> list[str]:
    """The steps of a run that nobody ends."""
    dry = scene.run(*case.arguments)
    assert dry.code == 0, dry.err
    assert case.steps <= set(dry.steps), case.steps - set(dry.steps)
    assert len(dry.steps) == len(set(dry.steps)) >= case.fewest, dry.steps
    return dry.steps


def kill_at_each(scene: Scene, case: Case, tally: Tally) -> None:
    """One run for each step; what is not right is in the scene's problems."""
    for step in list_steps(scene, case):
        scene.restore()
        killed = scene.run(*case.arguments, kill_at=step)
        scene.expect(killed.signal == signal.SIGKILL, f"[{step}] not reached: {killed.err}")
        scene.expect(killed.steps[-1:] == [step], f"[{step}] went on to {killed.steps[-1:]}")
        tally.add(Aftermath(scene, step, case.may_be_out).check(), step)
