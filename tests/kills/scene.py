"""A machine, a strict Procore and the fork server; a command ended at each step, and what is left of it.

The account must work, or say why; nothing may be left over. Whatever is not as it should be becomes a line of
`problems`; "interrupted" is refused wherever Procore had not rotated, or its answer lies whole in a store.
"""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli import Machine
from tests.kills.forks import End, Forks
from tests.kills.inventory import Book, Folder, join_whole, read_book
from tests.kills.strict_provider import StrictProvider

JOE_ROW = (11111, "joecontractor@procore.com")
DAY_S = 86_400.0
SIGN_IN = ("signin", "--browser", "true", "--timeout", "20")


@dataclass
class Scene:
    """One store on one machine; `kind` is "file" or "keyring"."""

    machine: Machine
    provider: StrictProvider
    forks: Forks
    kind: str = "file"
    environment: str = "production"
    drawers: list[Folder] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine.point_at(self.provider)
        self.machine.variables |= {"PROCORE_ENV": self.environment, "PROCORE_LOGIN_STORE": self.kind}
        self.drawers += [Folder(self.machine.data / "secrets", "*"), Folder(self.machine.keyring, "*.entry")]

    def run(self, *arguments: str, **order: Any) -> End:
        """Run a command as a process of its own; `order` as in `zygote`."""
        return self.forks.run(self.machine.environ(), self.machine.home, list(arguments), **order)

    def sign_in(self, **order: Any) -> End:
        return self.run(*SIGN_IN, **order)

    def keep(self) -> None:
        shutil.copytree(self.machine.home, self._backup)
        for drawer in self.drawers:
            drawer.keep()
        self._kept = self.provider.take_state()

    def restore(self) -> None:
        shutil.rmtree(self.machine.home)
        shutil.copytree(self._backup, self.machine.home)
        for drawer in self.drawers:
            drawer.restore()
        self.provider.put_state(self._kept)
        self.provider.rotated = 0

    def read_texts(self, *, drafts: bool = True) -> list[str]:
        return [text for drawer in self.drawers for text in drawer.read(drafts=drafts)]

    def read_book(self) -> Book:
        return read_book(self.machine.data / f"{self.environment}.db", self.environment)

    def is_written(self, token: str) -> bool:
        """Whether a whole token set in a store has the token."""
        return any(token in text for text in join_whole(self.read_texts(drafts=False)))

    def expect(self, what: bool, problem: str) -> None:
        if not what:
            self.problems.append(problem)

    def tell(self) -> str:
        return "\n".join([f"{len(self.problems)} problems:", *self.problems])

    @property
    def _backup(self) -> Path:
        return self.machine.home.with_name("backup")


WORKED, INTERRUPTED, SIGNED_OUT = "worked", "said interrupted", "signed out"


class Aftermath:
    """The commands that are run after one was ended, and what they show; `where` names the trial."""

    def __init__(self, scene: Scene, where: str, rows_if_out: list[tuple[int, str]] | None = None) -> None:
        """`rows_if_out`: the table of users where nobody may be signed in; None: somebody must be."""
        self._scene = scene
        self._where = where
        self._rows_if_out = rows_if_out

    def check(self) -> str:
        """Run them all; returns the verdict, which is never left open."""
        verdict = self.check_next()
        self.check_later()
        return verdict

    def check_next(self) -> str:
        scene = self._scene
        scene.provider.recover()
        expected = self._find_expected()
        self._expect_end(scene.run("token"), expected)
        if expected != WORKED:
            # Whose refresh was interrupted is still the one that commands are about.
            is_known = expected == INTERRUPTED
            rows = [JOE_ROW] if is_known else self._rows_if_out
            self._expect_book(0, rows, JOE_ROW[0] if is_known else None)
            mended = scene.sign_in()
            self._expect(mended.code == 0, f"a sign-in does not mend it: {show(mended)}")
            self._expect_end(scene.run("token"), WORKED)
        self._expect_book(1, [JOE_ROW], JOE_ROW[0])
        who = scene.run("whoami")
        self._expect(who.code == 0, f"whoami: {show(who)}")
        return expected

    def check_later(self) -> None:
        """A run under the lock, and a save a day later, leave nothing behind."""
        for later_s in (0.0, DAY_S + 600):
            saved = self._scene.run("refresh", later_s=later_s)
            self._expect(saved.code == 0, f"refresh {later_s:g} s later: {show(saved)}")
        lines = self._scene.read_book().lines
        self._expect([line.state for line in lines] == ["live"], f"listed in the end: {lines}")
        texts = self._scene.read_texts()
        listed = sum(line.parts or 0 for line in lines)
        self._expect(len(texts) == listed, f"{len(texts)} parts lie in the store, {listed} are listed")

    def _find_expected(self) -> str:
        if self._rows_if_out is not None:
            return SIGNED_OUT
        provider = self._scene.provider
        is_lost = provider.rotated > 0 and not self._scene.is_written(provider.issued[-1])
        return INTERRUPTED if is_lost else WORKED

    def _expect_end(self, end: End, expected: str) -> None:
        self._expect(_judge(end) == expected, f"not {expected!r}, but {_judge(end)!r}: {show(end)}")
        if end.code == 0:
            token = end.out.strip()
            self._expect(self._scene.provider.is_alive(token), "token prints one that is dead")
            whole = [text for text in join_whole(self._scene.read_texts()) if token in text]
            self._expect(len(whole) == 1, f"{len(whole)} whole entries hold the printed token")

    def _expect_book(self, live: int, rows: list[tuple[int, str]] | None, current: int | None) -> None:
        book = self._scene.read_book()
        self._expect(book.count("live") == live, f"live entries, not {live}: {book.lines}")
        self._expect(book.users == rows, f"rows, not {rows}: {book.users}")
        self._expect(book.current == current, f"the session is {book.current}'s, not {current}'s")

    def _expect(self, what: bool, problem: str) -> None:
        self._scene.expect(what, f"[{self._where}] {problem}")


def _judge(end: End) -> str:
    if end.code == 0:
        return WORKED
    if end.code == 4 and "interrupted" in end.err:
        return INTERRUPTED
    return SIGNED_OUT if end.code == 4 and "igned in to" in end.err else "something else"


def show(end: End) -> str:
    last = " | ".join(end.err.strip().splitlines()[-2:])
    return f"code {end.code}, signal {end.signal}: {last}"


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
