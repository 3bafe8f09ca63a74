"""One holder at a time, across threads and processes, for a limited time."""

from __future__ import annotations

import itertools
import os
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from procore_cli.errors import BusyError, DataFolderError
from procore_cli.storage.locks import LOCK_TIMEOUT_S, LOOK_S, POLL_S, Locks
from tests import moments
from tests.store.store_world import World


class Clock(moments.Clock):
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def new_locks(world: World, clock: Clock) -> Locks:
    return Locks(world.home, world.database.path, "production", clock=clock, sleep=clock.sleep)


def test_a_lock_is_a_file_of_ours_that_stays(world: World, tmp_path: Path) -> None:
    # A free one is taken even by a waiter that would leave.
    with world.locks.hold(11111, leave_when=lambda: True) as held:
        assert held
    (path,) = (world.home / "locks").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    inode = path.stat().st_ino
    with world.locks.hold(11111):
        pass
    assert path.stat().st_ino == inode
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataFolderError, match="link"):
        world.locks.hold(11111).__enter__()


def test_a_held_lock_is_given_up_after_ninety_seconds(world: World) -> None:
    clock = Clock()
    waiting = new_locks(world, clock).hold(11111)
    with world.locks.hold(11111), pytest.raises(BusyError, match="production") as failure:
        waiting.__enter__()
    assert failure.value.exit_code == 5
    assert LOCK_TIMEOUT_S == 90
    assert clock.now == pytest.approx(90, abs=0.2)
    assert max(clock.sleeps) <= 0.1


def test_accounts_environments_and_databases_have_their_own_locks(world: World) -> None:
    elsewhere = World(world.home, database_path=world.home.parent / "test.db")
    sandbox = World(world.home, environment="sandbox", database_path=world.database.path)
    scopes = [world.locks.try_hold(who) for who in (11111, 22222, None)]
    scopes += [sandbox.locks.try_hold(11111), elsewhere.locks.try_hold(11111)]
    with ExitStack() as stack:
        assert all(stack.enter_context(scope) for scope in scopes)
        # Two names of one database are one lock.
        link = world.home.parent / "link.db"
        link.symlink_to("test.db")
        assert not stack.enter_context(World(world.home, database_path=link).locks.try_hold(11111))


def test_trying_does_not_wait(world: World) -> None:
    with world.locks.try_hold(11111) as first, world.locks.try_hold(11111) as second:
        assert (first, second) == (True, False)
    # It is released when its holder fails, too.
    with pytest.raises(KeyboardInterrupt), world.locks.hold(11111):
        raise KeyboardInterrupt
    with world.locks.try_hold(11111) as third:
        assert third


def test_a_waiter_may_leave_without_the_lock(world: World) -> None:
    clock = Clock()
    with world.locks.hold(11111):
        with new_locks(world, clock).hold(11111, leave_when=lambda: clock.now > 1) as held:
            assert not held
        with world.locks.try_hold(11111) as still_free:
            assert not still_free
    assert clock.now == pytest.approx(1, abs=0.2)


def test_a_waiter_looks_into_the_database_once_a_second_and_as_soon_as_it_has_changed(world: World) -> None:
    # A hundred of them share one machine.
    clock, looks = Clock(), []
    database = world.database.path
    database.parent.mkdir(mode=0o700)
    database.write_bytes(b"as it was")

    def look() -> bool:
        looks.append(clock.now)
        return len(looks) > 5

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(looks) == 3 and clock.now - looks[2] > LOOK_S / 2:
            # The same time and size: another file.
            status = database.stat()
            other = database.with_name("other.db")
            other.write_bytes(b"as it was")
            os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
            other.replace(database)
        elif len(looks) == 4:
            os.utime(database, ns=(1, 1))
        elif len(looks) == 5:
            database.unlink(missing_ok=True)

    waiting = Locks(world.home, database, "production", clock=clock, sleep=sleep)
    with world.locks.hold(1), waiting.hold(1, leave_when=look) as held:
        assert not held
    waits = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert waits == pytest.approx([LOOK_S, LOOK_S, LOOK_S / 2, POLL_S, POLL_S], abs=2 * POLL_S)
    assert min(waits) > 0


HOLD = """
import sys
from pathlib import Path
from procore_cli.storage.locks import Locks
with Locks(Path(sys.argv[1]), Path(sys.argv[2]), "production").hold(11111):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_dies_lets_the_next_one_in(world: World) -> None:
    world.home.mkdir(mode=0o700)
    command = [sys.executable, "-c", HOLD, str(world.home), str(world.database.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with world.locks.try_hold(11111) as held:
            assert not held
        other.kill()
        other.wait()
        with world.locks.hold(11111) as held:
            assert held


def test_a_file_system_without_locks_is_said_to_have_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    def acquire(self: object, **_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(filelock.BaseFileLock, "acquire", acquire)
    with pytest.raises(DataFolderError, match="no locks") as failure:
        world.locks.hold(11111).__enter__()
    assert "PROCORE_LOGIN_HOME" in failure.value.hint
