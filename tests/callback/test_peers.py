"""Whose a connection is."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from procore_cli.callback.sockets import PROC, Address, Peer, SharedTables, Standing, judge, read_tables
from tests.callback.listener_stand import LOOPBACKS
from tests.callback.socket_stand import MAPPED, NOBODY, V4, V6, connected, new_proc, row, words

PEER, OWN = ("127.0.0.1", 0xD431), ("127.0.0.1", 4567)
OURS, THEIRS = f"{V4}:11D7", f"{V4}:D431"
FOREIGN = Peer(Standing.FOREIGN, NOBODY)


def judged(proc: Path, tcp: str = "", tcp6: str = "", peer: Address = PEER, own: Address = OWN) -> Peer:
    """What is said of a connection where the kernel prints these tables."""
    shutil.rmtree(proc, ignore_errors=True)
    new_proc(proc, tcp, tcp6)
    return judge(peer, own, partial(read_tables, proc), {})


def test_our_own_connection_is_known_as_ours_whatever_socket_it_came_from():
    mapped = [("127.0.0.1", "::ffff:127.0.0.1")] if "::1" in LOOPBACKS else []
    for host, dialled in [*((host, host) for host in LOOPBACKS), *mapped]:
        with connected(host, dialled) as connection:
            assert judge(connection.peer, connection.own) == (Standing.ADMITTED, os.geteuid())
            connection.client.shutdown(socket.SHUT_WR)
            assert judge(connection.peer, connection.own).standing is Standing.ADMITTED


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[tuple[Address, Address, Path]]:
    """Another user's connection: a real one where we may make it, else one in a copy of /proc."""
    if os.geteuid() == 0:
        with connected("127.0.0.1", uid=NOBODY) as connection:
            yield connection.peer, connection.own, PROC
    else:
        yield PEER, OWN, new_proc(tmp_path / "proc", row(THEIRS, OURS))


def test_another_users_connection_is_refused_unless_he_is_the_one_behind_sudo(foreign):
    peer, own, root = foreign
    tables = partial(read_tables, root)
    assert judge(peer, own, tables, {}) == FOREIGN
    assert judge(peer, own, tables, {"SUDO_UID": "1"}) == FOREIGN
    assert judge(peer, own, tables, {"SUDO_UID": str(NOBODY)}).standing is Standing.ADMITTED


def test_a_connection_whose_other_end_hung_up_belongs_to_nobody_and_not_to_root():
    with connected("127.0.0.1") as connection:
        peer = connection.peer
        connection.client.close()
        assert judge(peer, connection.own).standing is Standing.GONE


def test_one_who_cannot_be_found_has_gone_or_is_unknown_while_he_is_there(tmp_path):
    """As TCP_LINGER2 lets anybody have it within a second, while ours still has what he sent."""
    left = row(OURS, THEIRS, state="08", uid=os.geteuid())
    stays = row(OURS, THEIRS, uid=os.geteuid())
    assert judged(tmp_path, left) == (Standing.GONE, None)
    assert judged(tmp_path, stays) == (Standing.ADMITTED, None)
    # A socket that nobody holds is not root's.
    assert judged(tmp_path, row(THEIRS, OURS, uid=0, inode=0)).standing is Standing.GONE


def test_a_socket_that_the_kernel_left_out_is_looked_for_again(tmp_path, monkeypatch):
    ours = row(OURS, THEIRS)
    printed = iter([ours, "", ours + row(THEIRS, OURS), ""])
    monkeypatch.setattr(Path, "read_text", lambda *_: next(printed))
    assert judge(PEER, OWN, partial(read_tables, tmp_path), {}) == FOREIGN


@pytest.mark.parametrize(
    ("host", "tcp", "tcp6"),
    [
        ("127.0.0.1", row(THEIRS, OURS), ""),
        ("127.0.0.1", "", row(f"{MAPPED}:D431", f"{MAPPED}:11D7")),
        ("::ffff:127.0.0.1", row(THEIRS, OURS), ""),
        ("::1", "", row(f"{V6}:D431", f"{V6}:11D7")),
        ("::1%lo", "", row(f"{V6}:D431", f"{V6}:11D7")),
    ],
)
def test_every_form_of_an_address_is_recognized(tmp_path, host, tcp, tcp6):
    assert judged(tmp_path, tcp, tcp6, (host, PEER[1]), (host, OWN[1])) == FOREIGN


def test_only_the_other_end_of_this_very_connection_counts(tmp_path):
    for other in (
        row(OURS, THEIRS),
        row(THEIRS, f"{V4}:11D8"),
        row(f"{V4}:D432", OURS),
        row(f"{words(0x7F000002)}:D431", OURS),
        row(THEIRS, f"{words(0x7F000002)}:11D7"),
        "   0: torn line\n",
    ):
        assert judged(tmp_path, other).standing is Standing.ADMITTED, other


def test_root_and_we_ourselves_are_let_in_and_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for uid, standing in ((0, Standing.ADMITTED), (1000, Standing.ADMITTED), (1001, Standing.FOREIGN)):
        assert judged(tmp_path, row(THEIRS, OURS, uid=uid)) == (standing, uid)
        if uid:
            # A table that knows no inodes: the uid counts.
            rows = row(THEIRS, OURS, uid=uid, inode=0) + row(OURS, THEIRS, uid=1000, inode=0)
            assert judged(tmp_path, rows) == (standing, uid)


def test_a_system_that_tells_nothing_lets_everybody_in(tmp_path):
    assert judge(PEER, OWN, partial(read_tables, tmp_path), {}).standing is Standing.ADMITTED


def test_one_reading_serves_many_and_nobody_who_came_after_it_had_begun(tmp_path, monkeypatch):
    readings: list[str] = []
    has_begun, may_end = threading.Event(), threading.Event()

    def read(*_: object) -> str:
        has_begun.set()
        assert may_end.wait(20)
        readings.append(f"reading {len(readings)}")
        return readings[-1]

    monkeypatch.setattr("procore_cli.callback.sockets.read_tables", read)
    tables = SharedTables(tmp_path)
    with ThreadPoolExecutor(40) as pool:
        first = pool.submit(tables.read)
        assert has_begun.wait(20)
        others = [pool.submit(tables.read) for _ in range(39)]
        threading.Timer(0.05, may_end.set).start()

    assert first.result() == "reading 0"
    assert "reading 0" not in {other.result() for other in others}
    assert len(readings) < 40
