"""How often a waiting run looks into the database: a hundred of them share one machine.

Refuses to measure time: it passes in the sleep alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from procore_cli.storage.locks import LOOK_S, POLL_S, Locks


@dataclass
class Wait:
    """A run that waits for a lock which another one has; time passes in its sleep alone."""

    home: Path
    now: float = 0.0
    looks: list[float] = field(default_factory=list)
    meanwhile: dict[int, Callable[[], None]] = field(default_factory=dict)
    polls: int = 0

    @property
    def database(self) -> Path:
        return self.home / "production.db"

    def run(self, polls: int) -> list[float]:
        """When it looked, until it gave up after so many polls."""
        with Locks(self.home, self.database, "production", print).hold(1):
            locks = Locks(
                self.home,
                self.database,
                "production",
                print,
                clock=lambda: self.now,
                sleep=self._sleep,
            )
            with locks.hold(1, leave_when=lambda: self._look(polls)) as held:
                assert not held
        return self.looks

    def _look(self, polls: int) -> bool:
        self.looks.append(round(self.now, 3))
        return self.polls >= polls

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.polls += 1
        self.meanwhile.pop(self.polls, lambda: None)()


@pytest.fixture
def wait(tmp_path: Path) -> Wait:
    wait = Wait(tmp_path / "data")
    wait.home.mkdir(mode=0o700)
    wait.database.write_bytes(b"as it was")
    return wait


def test_it_looks_at_first_and_once_a_second(wait: Wait) -> None:
    assert wait.run(round(2 * LOOK_S / POLL_S)) == pytest.approx([0, LOOK_S, 2 * LOOK_S], abs=2 * POLL_S)


def test_it_looks_as_soon_as_the_database_has_changed(wait: Wait) -> None:
    wait.meanwhile[3] = lambda: os.utime(wait.database, ns=(1, 1))

    assert wait.run(3) == pytest.approx([0, 3 * POLL_S])


def test_it_looks_when_the_database_is_another_file_now(wait: Wait) -> None:
    def replace() -> None:
        status = wait.database.stat()
        other = wait.home / "other.db"
        other.write_bytes(b"as it was")
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(wait.database)

    wait.meanwhile[2] = replace

    assert wait.run(2) == pytest.approx([0, 2 * POLL_S])


def test_it_looks_once_a_second_where_there_is_no_database(wait: Wait) -> None:
    wait.database.unlink()

    assert wait.run(round(LOOK_S / POLL_S)) == pytest.approx([0, LOOK_S], abs=2 * POLL_S)
