"""Whose a connection is, and who holds a port: real ones, and kernels' tables of sockets as files.

lsof, and Windows' netstat and tasklist, are played by scripts.
"""

import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from procore_cli.callback import sockets
from procore_cli.callback.sockets import (
    PROC,
    Address,
    Holder,
    Peer,
    SharedTables,
    Standing,
    find_port_holder,
    judge,
    read_tables,
)
from tests.callback.listener_stand import LOOPBACKS

NOBODY = 65534 if os.geteuid() != 65534 else 65533
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


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


def test_every_form_of_an_address_is_recognized(tmp_path):
    for host, tcp, tcp6 in (
        ("127.0.0.1", row(THEIRS, OURS), ""),
        ("127.0.0.1", "", row(f"{MAPPED}:D431", f"{MAPPED}:11D7")),
        ("::ffff:127.0.0.1", row(THEIRS, OURS), ""),
        ("::1", "", row(f"{V6}:D431", f"{V6}:11D7")),
        ("::1%lo", "", row(f"{V6}:D431", f"{V6}:11D7")),
    ):
        assert judged(tmp_path, tcp, tcp6, (host, PEER[1]), (host, OWN[1])) == FOREIGN, (host, tcp6)


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


@pytest.mark.parametrize("host", ["0.0.0.0", *LOOPBACKS])
def test_the_holder_of_a_port_is_named(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        holder = find_port_holder(server.getsockname()[1])
    assert holder == Holder(os.getpid(), Path("/proc/self/comm").read_text().strip())


def test_neither_a_free_port_nor_one_that_a_connection_comes_from_has_a_holder():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert find_port_holder(port) is None
    with connected("127.0.0.1") as connection:
        assert find_port_holder(connection.peer[1]) is None


def listening(address: str, uid: int = NOBODY) -> str:
    return row(f"{address}:11D7", f"{ANY6 if len(address) > 8 else ANY4}:0000", "0A", uid=uid)


@pytest.mark.parametrize("address", [V4, ANY4, V6, ANY6, MAPPED, words(0x0A000005)])
def test_a_listener_on_any_address_that_is_in_our_way_is_found_and_no_other(tmp_path, address):
    root = new_proc(tmp_path, *(("", listening(address)) if len(address) > 8 else (listening(address),)))
    new_process(root, 12, b"other\n", "/dev/null", "socket:[770]", "anon_inode:[eventpoll]")
    new_process(root, 345, b"sinatra\n", "/dev/null", "socket:[77]")
    is_in_our_way = address != words(0x0A000005)
    assert find_port_holder(4567, root) == (Holder(345, "sinatra") if is_in_our_way else None)


@pytest.mark.parametrize(("uid", "user"), [(0, "root"), (4242424, "user 4242424")])
def test_of_a_process_that_we_may_not_look_into_the_user_is_named(tmp_path, uid, user):
    root = new_proc(tmp_path, listening(V4, uid))
    (root / "345").mkdir()
    holder = find_port_holder(4567, root)
    assert holder == Holder(None, "", user)
    assert holder.describe() == f"It is held by a process of {user}."


def test_a_name_is_shown_without_control_characters_and_where_there_is_one(tmp_path):
    root = new_proc(tmp_path, listening(V4))
    new_process(root, 345, b"ev\x1b[2J\xe2\x80\xaeil\n", "socket:[77]")
    assert find_port_holder(4567, root) == Holder(345, "ev[2Jil")
    # A process that ends meanwhile.
    (root / "345/comm").unlink()
    (root / "345/fd/9").write_text("a descriptor that is no link any more")
    assert find_port_holder(4567, root) == Holder(345, "")


WAITING = [
    ["/usr/bin/python3.11", "/opt/venv/bin/procore-login", "signin", "--env", "demo"],
    ["python3", "-I", "-m", "procore_cli", "signup"],
    ["/opt/procore-login", "signup", "--no-browser"],
]
NOT_WAITING = [
    ["ruby", "procore-login"],
    ["python3", "procore-login", "demo", "serve", "--port", "4567"],
    ["python3", "procore_cli", "signup"],
    ["python3", "-m", "http.server", "signin"],
    [],
]


@pytest.mark.parametrize(
    ("words", "waits"), [*((words, True) for words in WAITING), *((words, False) for words in NOT_WAITING)]
)
def test_another_sign_in_is_told_by_its_command_line(tmp_path, monkeypatch, words, waits):
    root = new_proc(tmp_path, listening(V4))
    new_process(root, 345, b"python3\n", "socket:[77]")
    (root / "345/cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    new_program(tmp_path, monkeypatch, "lsof", "echo p345; echo cpython3")
    new_program(tmp_path, monkeypatch, "ps", f'test "$*" = "-ww -o args= -p 345" && echo "{" ".join(words)}"')
    for holder in (find_port_holder(4567, root), find_port_holder(4567, tmp_path / "no-proc")):
        assert holder == Holder(345, "python3", is_sign_in=waits)
        assert (holder.describe() == "Another sign-in waits there (process 345).") == waits


def new_program(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_lsof_is_asked_where_there_is_no_proc(tmp_path, monkeypatch):
    printed = "p345\\ncruby\\nf7\\np9\\ncx\\n"
    new_program(tmp_path, monkeypatch, "lsof", f'echo "$@" > {tmp_path}/asked; printf "{printed}"')
    assert find_port_holder(4567, tmp_path / "no-proc") == Holder(345, "ruby")
    assert (tmp_path / "asked").read_text() == "-nP -iTCP:4567 -sTCP:LISTEN -Fpc\n"


def test_an_lsof_that_does_not_say_it_hangs_or_is_not_there_names_nobody(tmp_path, monkeypatch):
    for body in ("exit 1", "echo pX; echo cname", "echo p12", "echo 'what is this'"):
        new_program(tmp_path, monkeypatch, "lsof", body)
        assert find_port_holder(4567, tmp_path / "no-proc") is None
    new_program(tmp_path, monkeypatch, "lsof", "exec sleep 60")
    monkeypatch.setattr(sockets, "_TOOL_PATIENCE_S", 0.1)
    assert find_port_holder(4567, tmp_path / "no-proc") is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert find_port_holder(4567, tmp_path / "no-proc") is None


NETSTAT = """
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    10.0.0.5:4567          0.0.0.0:0              ABH\xd6REN         11
  TCP    127.0.0.1:4567         127.0.0.1:50000        HERGESTELLT      12
  TCP    127.0.0.1:45670        0.0.0.0:0              ABH\xd6REN         13
  TCP    {address}         {peer}              ABH\xd6REN         3456
"""


def new_windows(folder: Path, monkeypatch: pytest.MonkeyPatch, netstat: str, tasklist: str) -> None:
    """Its programs are found by full path; on this system that is one file name with backslashes."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SYSTEMROOT", "win")
    for name, printed in (("netstat", netstat), ("tasklist", tasklist)):
        (folder / f"{name}.txt").write_bytes(printed.encode("latin-1"))
        body = f'echo "$@" > {folder}/{name}-asked; cat {folder}/{name}.txt'
        new_program(folder, monkeypatch, rf"win\System32\{name}.exe", body)


def test_windows_is_asked_in_every_language(tmp_path, monkeypatch):
    listed = '"ruby.exe","3456","Console","1","20.000 K"\n'
    for address, peer in (("127.0.0.1", "0.0.0.0:0"), ("0.0.0.0", "0.0.0.0:0"), ("[::1]", "[::]:0")):
        new_windows(tmp_path, monkeypatch, NETSTAT.format(address=f"{address}:4567", peer=peer), listed)
        holder = find_port_holder(4567, platform="win32")
        assert holder == Holder(3456, "ruby.exe")
        assert holder.describe() == "It is held by ruby.exe (process 3456)."
        assert (tmp_path / "tasklist-asked").read_text() == "/FI PID eq 3456 /FO CSV /NH\n"
    assert find_port_holder(4568, platform="win32") is None
    netstat = NETSTAT.format(address="127.0.0.1:4567", peer="0.0.0.0:0")
    new_windows(tmp_path, monkeypatch, netstat, "INFORMATION: es werden keine Aufgaben ausgefuehrt\n")
    holder = find_port_holder(4567, platform="win32")
    assert holder == Holder(3456, "")
    assert holder.describe() == "It is held by a process (process 3456)."
