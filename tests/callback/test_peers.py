"""Whose a connection is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from procore_cli.callback.peers import admits, find_peer_uid
from procore_cli.callback.sockets_table import PROC
from tests.callback.socket_stand import HOSTS, MAPPED, NOBODY, V4, V6, connected, new_proc, row, words


@pytest.mark.parametrize("host", HOSTS)
def test_our_own_connection_is_known_as_ours(host: str) -> None:
    with connected(host) as connection:
        assert find_peer_uid(connection.peer, connection.own) == os.geteuid()
        assert admits(connection.peer, connection.own)


@pytest.mark.parametrize("dialled", ["127.0.0.1", *(["::ffff:127.0.0.1"] if "::1" in HOSTS else [])])
def test_a_connection_to_an_ipv4_listener_is_found_whatever_socket_it_came_from(dialled: str) -> None:
    with connected("127.0.0.1", dialled) as connection:
        assert find_peer_uid(connection.peer, connection.own) == os.geteuid()


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
    assert find_peer_uid(peer, own, root) == NOBODY
    assert not admits(peer, own, root, {})
    assert not admits(peer, own, root, {"SUDO_UID": "1"})


def test_the_user_behind_sudo_is_let_in(foreign: tuple[tuple[str, int], tuple[str, int], Path]) -> None:
    peer, own, root = foreign
    assert admits(peer, own, root, {"SUDO_UID": str(NOBODY)})


def test_a_connection_whose_other_end_is_gone_belongs_to_nobody() -> None:
    with connected("127.0.0.1") as connection:
        peer = connection.peer
        connection.client.close()
        assert find_peer_uid(peer, connection.own) is None


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
    assert find_peer_uid((host, 0xD431), (host, 4567), root) == NOBODY


@pytest.mark.parametrize(
    "other",
    [
        row(f"{V4}:11D7", f"{V4}:D431"),
        row(f"{V4}:D431", f"{V4}:11D8"),
        row(f"{V4}:D432", f"{V4}:11D7"),
        row(f"{words(0x7F000002)}:D431", f"{V4}:11D7"),
        row(f"{V4}:D431", f"{words(0x7F000002)}:11D7"),
        row(f"{V4}:D431", f"{V4}:11D7", uid=0, inode=0),
        "   0: torn line\n",
    ],
)
def test_only_the_other_end_of_this_very_connection_counts(tmp_path: Path, other: str) -> None:
    root = new_proc(tmp_path / "proc", other)
    peer, own = ("127.0.0.1", 0xD431), ("127.0.0.1", 4567)
    assert find_peer_uid(peer, own, root) is None
    assert admits(peer, own, root, {})


@pytest.mark.parametrize(("uid", "is_let_in"), [(0, True), (1000, True), (1001, False)])
def test_root_and_we_ourselves_are_let_in_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, is_let_in: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    root = new_proc(tmp_path / "proc", row(f"{V4}:D431", f"{V4}:11D7", uid=uid))
    assert admits(("127.0.0.1", 0xD431), ("127.0.0.1", 4567), root, {}) is is_let_in


def test_a_system_that_tells_nothing_lets_everybody_in(tmp_path: Path) -> None:
    peer, own = ("127.0.0.1", 0xD431), ("127.0.0.1", 4567)
    assert find_peer_uid(peer, own, tmp_path) is None
    assert admits(peer, own, tmp_path, {})
