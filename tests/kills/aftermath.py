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

    def __init__(self, scene: Scene, where: str, may_be_out: bool = False) -> None:
        """`may_be_out`: that nobody is signed in afterwards may be right (sign-up, sign-out)."""
        self._scene = scene
        self._where = where
        self._may_be_out = may_be_out

    def check(self) -> str:
        """Run them all; returns one of the three verdicts."""
        verdict = self.check_next()
        self.check_later()
        return verdict

    def check_next(self) -> str:
        """The next command."""
        scene = self._scene
        scene.provider.settle()
        is_lost = self._is_answer_lost()
        verdict = self._judge(scene.run("token"), is_lost)
        if verdict != WORKED:
            self._expect_agreement(is_in=False)
            mended = scene.sign_in()
            self._expect(mended.code == 0, f"a sign-in does not mend it: {show(mended)}")
            self._judge(scene.run("token"), False)
        self._expect_agreement(is_in=True)
        who = scene.run("whoami")
        self._expect(who.code == 0, f"whoami: {show(who)}")
        return verdict

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

    def _is_answer_lost(self) -> bool:
        provider = self._scene.provider
        return provider.rotated > 0 and not self._scene.is_written(provider.issued[-1])

    def _judge(self, end: End, is_lost: bool) -> str:
        if end.code == 0:
            token = end.out.strip()
            self._expect(self._scene.provider.is_alive(token), "token prints one that is dead")
            self._expect_live_entry(token)
            return WORKED
        if self._may_be_out and end.code == 4 and "igned in to" in end.err and "interrupted" not in end.err:
            return SIGNED_OUT
        self._expect(end.code == 4 and "interrupted" in end.err, f"the next command: {show(end)}")
        self._expect(is_lost, f"says interrupted, but nothing was lost: {show(end)}")
        return INTERRUPTED

    def _expect_live_entry(self, token: str) -> None:
        whole = [text for text in join_whole(self._scene.read_texts()) if token in text]
        self._expect(len(whole) == 1, f"{len(whole)} whole entries hold the printed token")

    def _expect_agreement(self, *, is_in: bool) -> None:
        book = self._scene.read_book()
        self._expect(book.count("live") == is_in, f"live entries: {book.lines}")
        self._expect(book.users in ([JOE_ROW], [] if self._may_be_out else [JOE_ROW]), f"rows: {book.users}")
        if is_in:
            self._expect(book.current == JOE_ROW[0], f"the session is {book.current}'s")
            self._expect(book.users == [JOE_ROW], f"rows: {book.users}")

    def _expect(self, what: bool, problem: str) -> None:
        self._scene.expect(what, f"[{self._where}] {problem}")


def show(end: End) -> str:
    """How a command ended, in a line."""
    last = " | ".join(end.err.strip().splitlines()[-2:])
    return f"code {end.code}, signal {end.signal}: {last}"
