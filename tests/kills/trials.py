"""A command that is ended at each of its steps, one run a step; refuses to miss one without saying so."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from tests.kills.aftermath import INTERRUPTED, Aftermath
from tests.kills.scene import JOE_ROW, SIGN_IN, Scene

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
    """A command, the steps that it must have and how many there are at least.

    `turn` is what the one commit does which turns signed in into signed out, or the other way round.
    """

    arguments: tuple[str, ...]
    steps: set[str]
    fewest: int
    starts_signed_in: bool = True
    turn: str | None = None

    def list_rows_if_out(self, *, has_turned: bool) -> list[tuple[int, str]] | None:
        """The table of users where nobody may be signed in, before the turn or after it; else None."""
        is_in = self.starts_signed_in != (has_turned and self.turn is not None)
        return None if is_in else [JOE_ROW] * self.starts_signed_in


CASES = {
    "signup": Case(
        SIGN_IN, SENT | {"after commit of pending proof"}, 30, starts_signed_in=False, turn="live"
    ),
    "signin": Case(SIGN_IN, SAVED | SENT | REVOKED | {"after commit of pending signin"}, 45),
    "refresh": Case(("refresh",), SAVED | SENT | {"after commit of pending refresh"}, 25),
    "signout": Case(("signout",), REVOKED | {"before delete of part 1"}, 12, turn="dead"),
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


def kill_at_each(scene: Scene, case: Case) -> list[str]:
    """One run for each step; what is not right is in the scene's problems.

    Returns the steps at which the account was said to be interrupted.
    """
    said = []
    steps = list_steps(scene, case)
    turn = find_turn(steps, case)
    for number, step in enumerate(steps):
        scene.restore()
        killed = scene.run(*case.arguments, kill_at=step)
        scene.expect(killed.signal == signal.SIGKILL, f"[{step}] not reached: {killed.err}")
        scene.expect(killed.steps[-1:] == [step], f"[{step}] went on to {killed.steps[-1:]}")
        rows_if_out = case.list_rows_if_out(has_turned=number >= turn)
        if Aftermath(scene, step, rows_if_out).check() == INTERRUPTED:
            said.append(step)
    return said


def find_turn(steps: list[str], case: Case) -> int:
    """The number of the step after the commit that decides; there is one such commit."""
    if case.turn is None:
        return len(steps)
    [turn] = [
        number
        for number, step in enumerate(steps)
        if step.startswith("after commit of ") and case.turn in step.split()
    ]
    return turn
