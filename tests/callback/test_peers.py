"""Whose a connection is, and who holds a port."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from procore_cli.callback import peers
from procore_cli.callback.peers import Holder, admits, find_peer_uid, find_port_holder

NOBODY = 65534 if os.geteuid() != 65534 else 65533
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


HOSTS = ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]


class Connection(NamedTuple):
    client: socket.socket
    accepted: socket.socket

    @property
    def peer(self) -> tuple[str, int]:
        return self.accepted.getpeername()[:2]

    @property
    def own(self) -> tuple[str, int]:
        return self.accepted.getsockname()[:2]


@contextmanager
def connected(host: str, dialled: str | None = None, uid: int | None = None) -> Iterator[Connection]:
    """A real connection to a listener on `host`; as root its client end can belong to another user."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = stack.enter_context(socket.create_server((host, 0), family=family))
        address = (dialled or host, server.getsockname()[1])
        if uid is not None:
            os.seteuid(uid)
        try:
            client = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        finally:
            if uid is not None:
                os.seteuid(0)
        stack.enter_context(closing(client))
        client.connect(address)
        accepted, _ = server.accept()
        stack.enter_context(closing(accepted))
        yield Connection(client, accepted)


def words(*numbers: int) -> str:
    """Addresses are printed word by word in the machine's byte order; these are given in network order."""
    return "".join(f"{int.from_bytes(n.to_bytes(4, 'big'), sys.byteorder):08X}" for n in numbers)


V4 = words(0x7F000001)
V6 = words(0, 0, 0, 1)
MAPPED = words(0, 0, 0xFFFF, 0x7F000001)
ANY4, ANY6 = words(0), words(0, 0, 0, 0)


def row(local: str, remote: str, state: str = "01", uid: int = NOBODY, inode: int = 77) -> str:
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {uid:5} 0 {inode} 1 0 20\n"


def new_proc(root: Path, tcp: str = "", tcp6: str = "") -> Path:
    (root / "net").mkdir(parents=True)
    (root / "net/tcp").write_text(HEADER + tcp)
    (root / "net/tcp6").write_text(HEADER + tcp6)
    return root


def new_process(root: Path, pid: int, name: bytes, *links: str) -> None:
    folder = root / str(pid) / "fd"
    folder.mkdir(parents=True)
    (root / str(pid) / "comm").write_bytes(name)
    for number, link in enumerate(links):
        (folder / str(number)).symlink_to(link)


# Whose a connection is


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
            yield connection.peer, connection.own, peers.PROC
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


# Who holds a port


@pytest.mark.parametrize("host", ["0.0.0.0", *HOSTS])
def test_the_holder_of_a_port_is_named(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        holder = find_port_holder(server.getsockname()[1])
    assert holder == Holder(os.getpid(), Path("/proc/self/comm").read_text().strip())


def test_a_free_port_has_no_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert find_port_holder(port) is None


def test_a_connection_from_a_port_does_not_hold_it() -> None:
    with connected("127.0.0.1") as connection:
        assert find_port_holder(connection.peer[1]) is None


@pytest.mark.parametrize(
    ("tcp", "tcp6"),
    [
        (row(f"{V4}:11D7", f"{ANY4}:0000", "0A"), ""),
        (row(f"{ANY4}:11D7", f"{ANY4}:0000", "0A"), ""),
        ("", row(f"{V6}:11D7", f"{ANY6}:0000", "0A")),
        ("", row(f"{ANY6}:11D7", f"{ANY6}:0000", "0A")),
        ("", row(f"{MAPPED}:11D7", f"{ANY6}:0000", "0A")),
    ],
)
def test_a_listener_on_any_address_that_is_in_our_way_is_found(tmp_path: Path, tcp: str, tcp6: str) -> None:
    root = new_proc(tmp_path / "proc", tcp, tcp6)
    new_process(root, 12, b"other\n", "/dev/null", "socket:[770]", "anon_inode:[eventpoll]")
    new_process(root, 345, b"sinatra\n", "/dev/null", "socket:[77]")
    assert find_port_holder(4567, root) == Holder(345, "sinatra")


def test_a_listener_on_another_address_is_not_in_our_way(tmp_path: Path) -> None:
    root = new_proc(tmp_path / "proc", row(f"{words(0x0A000005)}:11D7", f"{ANY4}:0000", "0A"))
    new_process(root, 345, b"sinatra\n", "socket:[77]")
    assert find_port_holder(4567, root) is None


def test_a_process_that_we_may_not_look_into_is_not_named(tmp_path: Path) -> None:
    root = new_proc(tmp_path / "proc", row(f"{V4}:11D7", f"{ANY4}:0000", "0A"))
    (root / "345").mkdir()
    assert find_port_holder(4567, root) is None


def test_control_characters_of_a_name_are_left_out(tmp_path: Path) -> None:
    root = new_proc(tmp_path / "proc", row(f"{V4}:11D7", f"{ANY4}:0000", "0A"))
    new_process(root, 345, b"ev\x1b[2J\xe2\x80\xaeil\n", "socket:[77]")
    assert find_port_holder(4567, root) == Holder(345, "ev[2Jil")


def test_a_process_that_ends_meanwhile_has_no_name(tmp_path: Path) -> None:
    root = new_proc(tmp_path / "proc", row(f"{V4}:11D7", f"{ANY4}:0000", "0A"))
    new_process(root, 345, b"", "socket:[77]")
    (root / "345/comm").unlink()
    (root / "345/fd/9").write_text("a descriptor that is no link any more")
    assert find_port_holder(4567, root) == Holder(345, "")


# Where there is no /proc


def new_lsof(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = folder / "lsof"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_lsof_is_asked_where_there_is_no_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_lsof(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked; printf "p345\\ncruby\\nf7\\np9\\ncx\\n"')
    assert find_port_holder(4567, tmp_path / "no-proc") == Holder(345, "ruby")
    assert (tmp_path / "asked").read_text() == "-nP -iTCP:4567 -sTCP:LISTEN -Fpc\n"


@pytest.mark.parametrize("body", ["exit 1", "echo pX; echo cname", "echo p12", "echo 'what is this'"])
def test_an_lsof_that_does_not_say_it_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    new_lsof(tmp_path, monkeypatch, body)
    assert find_port_holder(4567, tmp_path / "no-proc") is None


def test_an_lsof_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_lsof(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(peers, "_LSOF_TIMEOUT_S", 0.1)
    assert find_port_holder(4567, tmp_path / "no-proc") is None


def test_a_machine_without_lsof_names_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_port_holder(4567, tmp_path / "no-proc") is None
