"""Whose a connection is."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from procore_cli.callback.sockets import PROC, Peer, SharedTables, Standing, judge, read_tables
from tests.callback.socket_stand import HOSTS, MAPPED, NOBODY, V4, V6, connected, new_proc, row, words


@pytest.mark.parametrize("host", HOSTS)
def test_our_own_connection_is_known_as_ours(host: str) -> None:
    with connected(host) as connection:
        assert judge(connection.peer, connection.own) == Peer(Standing.ADMITTED, os.geteuid())


@pytest.mark.parametrize("dialled", ["127.0.0.1", *(["::ffff:127.0.0.1"] if "::1" in HOSTS else [])])
def test_a_connection_to_an_ipv4_listener_is_found_whatever_socket_it_came_from(dialled: str) -> None:
    with connected("127.0.0.1", dialled) as connection:
        assert judge(connection.peer, connection.own) == Peer(Standing.ADMITTED, os.geteuid())


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[tuple[tuple[str, int], tuple[str, int], Path]]:
    """Another user's connection: a real one where we may make it, else one in a copy of /proc."""
    if os.geteuid() == 0:
        with connected("127.0.0.1", uid=NOBODY) as connection:
            yield connection.peer, connection.own, PROC
    else:
        root = new_proc(tmp_path / "proc", row(f"{V4}:D431", f"{V4}:11D7"))
        yield ("127.0.0.1", 0xD431), ("127.0.0.1", 4567), root


def test_another_users_connection_is_refused(foreign: tuple[tuple[str, int], tuple[str, int], Path]) -> None:
    peer, own, root = foreign
    assert judge(peer, own, partial(read_tables, root), {}) == (Standing.FOREIGN, NOBODY)
    assert judge(peer, own, partial(read_tables, root), {"SUDO_UID": "1"}).standing is Standing.FOREIGN


def test_the_user_behind_sudo_is_let_in(foreign: tuple[tuple[str, int], tuple[str, int], Path]) -> None:
    peer, own, root = foreign
    assert (
        judge(peer, own, partial(read_tables, root), {"SUDO_UID": str(NOBODY)}).standing is Standing.ADMITTED
    )


def test_a_connection_whose_other_end_hung_up_belongs_to_nobody_and_not_to_root() -> None:
    with connected("127.0.0.1") as connection:
        peer = connection.peer
        connection.client.close()
        assert judge(peer, connection.own).standing is Standing.GONE


def test_one_who_only_stopped_sending_is_still_known() -> None:
    with connected("127.0.0.1") as connection:
        connection.client.shutdown(socket.SHUT_WR)
        assert judge(connection.peer, connection.own).standing is Standing.ADMITTED


def test_one_who_hung_up_is_not_unknown_once_the_kernel_has_forgotten_his_end(tmp_path: Path) -> None:
    """As TCP_LINGER2 lets anybody have it within a second, while ours still has what he sent."""
    ours = row(f"{V4}:11D7", f"{V4}:D431", state="08", uid=os.geteuid())
    root = new_proc(tmp_path / "proc", ours)
    assert judge(("127.0.0.1", 0xD431), ("127.0.0.1", 4567), partial(read_tables, root), {}) == Peer(
        Standing.GONE
    )


def test_one_whose_end_lies_outside_of_the_table_is_unknown_while_he_is_there(tmp_path: Path) -> None:
    root = new_proc(tmp_path / "proc", row(f"{V4}:11D7", f"{V4}:D431", uid=os.geteuid()))
    assert judge(("127.0.0.1", 0xD431), ("127.0.0.1", 4567), partial(read_tables, root), {}) == Peer(
        Standing.ADMITTED
    )


def test_a_socket_that_the_kernel_left_out_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = row(f"{V4}:11D7", f"{V4}:D431"), row(f"{V4}:D431", f"{V4}:11D7")
    root = new_proc(tmp_path / "proc")
    printed = iter([ours, "", ours + theirs, ""])
    monkeypatch.setattr(Path, "read_text", lambda *_: next(printed))
    assert judge(("127.0.0.1", 0xD431), ("127.0.0.1", 4567), partial(read_tables, root), {}) == Peer(
        Standing.FOREIGN, NOBODY
    )


@pytest.mark.parametrize(
    ("host", "tcp", "tcp6"),
    [
        ("127.0.0.1", row(f"{V4}:D431", f"{V4}:11D7"), ""),
        ("127.0.0.1", "", row(f"{MAPPED}:D431", f"{MAPPED}:11D7")),
        ("::ffff:127.0.0.1", row(f"{V4}:D431", f"{V4}:11D7"), ""),
        ("::1", "", row(f"{V6}:D431", f"{V6}:11D7")),
        ("::1%lo", "", row(f"{V6}:D431", f"{V6}:11D7")),
    ],
)
def test_every_form_of_an_address_is_recognized(tmp_path: Path, host: str, tcp: str, tcp6: str) -> None:
    root = new_proc(tmp_path / "proc", tcp, tcp6)
    assert judge((host, 0xD431), (host, 4567), partial(read_tables, root), {}).standing is Standing.FOREIGN


@pytest.mark.parametrize(
    "other",
    [
        row(f"{V4}:11D7", f"{V4}:D431"),
        row(f"{V4}:D431", f"{V4}:11D8"),
        row(f"{V4}:D432", f"{V4}:11D7"),
        row(f"{words(0x7F000002)}:D431", f"{V4}:11D7"),
        row(f"{V4}:D431", f"{words(0x7F000002)}:11D7"),
        "   0: torn line\n",
    ],
)
def test_only_the_other_end_of_this_very_connection_counts(tmp_path: Path, other: str) -> None:
    root = new_proc(tmp_path / "proc", other)
    peer, own = ("127.0.0.1", 0xD431), ("127.0.0.1", 4567)
    assert judge(peer, own, partial(read_tables, root), {}).standing is Standing.ADMITTED


def test_a_socket_that_nobody_holds_is_not_roots(tmp_path: Path) -> None:
    root = new_proc(tmp_path / "proc", row(f"{V4}:D431", f"{V4}:11D7", uid=0, inode=0))
    assert (
        judge(("127.0.0.1", 0xD431), ("127.0.0.1", 4567), partial(read_tables, root), {}).standing
        is Standing.GONE
    )


@pytest.mark.parametrize(("uid", "standing"), [(os.geteuid(), Standing.ADMITTED), (NOBODY, Standing.FOREIGN)])
def test_in_a_table_that_knows_no_inodes_the_uid_counts(tmp_path: Path, uid: int, standing: Standing) -> None:
    theirs = row(f"{V4}:D431", f"{V4}:11D7", uid=uid, inode=0)
    ours = row(f"{V4}:11D7", f"{V4}:D431", uid=os.geteuid(), inode=0)
    root = new_proc(tmp_path / "proc", theirs + ours)
    assert (
        judge(("127.0.0.1", 0xD431), ("127.0.0.1", 4567), partial(read_tables, root), {}).standing is standing
    )


@pytest.mark.parametrize(("uid", "is_let_in"), [(0, True), (1000, True), (1001, False)])
def test_root_and_we_ourselves_are_let_in_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, is_let_in: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    root = new_proc(tmp_path / "proc", row(f"{V4}:D431", f"{V4}:11D7", uid=uid))
    expected = Standing.ADMITTED if is_let_in else Standing.FOREIGN
    assert (
        judge(("127.0.0.1", 0xD431), ("127.0.0.1", 4567), partial(read_tables, root), {}).standing is expected
    )


def test_a_system_that_tells_nothing_lets_everybody_in(tmp_path: Path) -> None:
    peer, own = ("127.0.0.1", 0xD431), ("127.0.0.1", 4567)
    assert judge(peer, own, partial(read_tables, tmp_path), {}).standing is Standing.ADMITTED


def test_one_reading_serves_many_and_nobody_who_came_after_it_had_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
