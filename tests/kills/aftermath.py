"""What must be so after a command that was ended: the account works, or says why; nothing is left over.

Refuses "interrupted" wherever Procore had not rotated, or its answer lies whole in a store.
"""

from __future__ import annotations

from tests.kills.forks import End
from tests.kills.inventory import join_whole
from tests.kills.scene import DAY_S, JOE_ROW, Scene

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
        """The next command."""
        scene = self._scene
        scene.provider.recover()
        expected = self._find_expected()
        self._expect_end(scene.run("token"), expected)
        if expected != WORKED:
            self._expect_nobody_is_in(expected)
            mended = scene.sign_in()
            self._expect(mended.code == 0, f"a sign-in does not mend it: {show(mended)}")
            self._expect_end(scene.run("token"), WORKED)
        self._expect_joe_is_in()
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

    def _expect_nobody_is_in(self, expected: str) -> None:
        # Whose refresh was interrupted is still the one that commands are about.
        rows = [JOE_ROW] if expected == INTERRUPTED else self._rows_if_out
        current = JOE_ROW[0] if expected == INTERRUPTED else None
        self._expect_book(0, rows, current)

    def _expect_joe_is_in(self) -> None:
        self._expect_book(1, [JOE_ROW], JOE_ROW[0])

    def _expect_book(self, live: int, rows: list[tuple[int, str]] | None, current: int | None) -> None:
        book = self._scene.read_book()
        self._expect(book.count("live") == live, f"live entries, not {live}: {book.lines}")
        self._expect(book.users == rows, f"rows, not {rows}: {book.users}")
        self._expect(book.current == current, f"the session is {book.current}'s, not {current}'s")

    def _expect(self, what: bool, problem: str) -> None:
        self._scene.expect(what, f"[{self._where}] {problem}")


def _judge(end: End) -> str:
    """What the command says has become of the account."""
    if end.code == 0:
        return WORKED
    if end.code == 4 and "interrupted" in end.err:
        return INTERRUPTED
    return SIGNED_OUT if end.code == 4 and "igned in to" in end.err else "something else"


def show(end: End) -> str:
    """How a command ended, in a line."""
    last = " | ".join(end.err.strip().splitlines()[-2:])
    return f"code {end.code}, signal {end.signal}: {last}"
