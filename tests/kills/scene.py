"""A machine, a strict Procore and the fork server; runs a command, ends it, and looks at what is left.

Refuses to excuse anything: whatever is not as it should be becomes a line of `problems`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli import Machine
from tests.kills.forks import End, Forks
from tests.kills.inventory import Book, Drawer, Folder, join_whole, read_book
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
    drawers: list[Drawer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine.point_at(self.provider)
        self.machine.variables |= {"PROCORE_ENV": self.environment, "PROCORE_LOGIN_STORE": self.kind}
        self.drawers += [
            Folder(self.machine.data / "secrets", "*"),
            Folder(self.machine.keyring, "*.entry"),
        ]

    def run(self, *arguments: str, **order: Any) -> End:
        """Run a command as a process of its own; `order` as in `zygote`."""
        return self.forks.run(self.machine.environ(), self.machine.home, list(arguments), **order)

    def sign_in(self, **order: Any) -> End:
        """The whole of it, the browser too."""
        return self.run(*SIGN_IN, **order)

    def keep(self) -> None:
        """Remember the machine and Procore as they are."""
        shutil.copytree(self.machine.home, self._backup)
        for drawer in self.drawers:
            drawer.keep()
        self._kept = self.provider.take_state()

    def restore(self) -> None:
        """Make both as they were, at the same place."""
        shutil.rmtree(self.machine.home)
        shutil.copytree(self._backup, self.machine.home)
        for drawer in self.drawers:
            drawer.restore()
        self.provider.put_state(self._kept)
        self.provider.rotated = 0

    def read_texts(self, *, drafts: bool = True) -> list[str]:
        """Whatever lies in any store."""
        return [text for drawer in self.drawers for text in drawer.read(drafts=drafts)]

    def read_book(self) -> Book:
        return read_book(self.machine.data / f"{self.environment}.db", self.environment)

    def is_written(self, token: str) -> bool:
        """Whether a whole token set in a store has the token."""
        return any(token in text for text in join_whole(self.read_texts(drafts=False)))

    def expect(self, what: bool, problem: str) -> bool:
        """Note a problem unless `what` is so."""
        if not what:
            self.problems.append(problem)
        return what

    def tell(self) -> str:
        """The problems, for a person."""
        return "\n".join([f"{len(self.problems)} problems:", *self.problems])

    @property
    def _backup(self) -> Path:
        return self.machine.home.with_name("backup")
