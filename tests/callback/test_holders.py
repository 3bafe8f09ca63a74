"""Who holds a port, by the kernel's tables, lsof and Windows' netstat (the last two played by scripts)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from procore_cli.callback import sockets
from procore_cli.callback.sockets import Holder, find_port_holder
from tests.callback.listener_stand import LOOPBACKS
from tests.callback.socket_stand import (
    ANY4,
    ANY6,
    MAPPED,
    V4,
    V6,
    connected,
    new_proc,
    new_process,
    row,
    words,
)


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
def test_a_listener_on_any_address_that_is_in_our_way_is_found(tmp_path, tcp, tcp6):
    root = new_proc(tmp_path / "proc", tcp, tcp6)
    new_process(root, 12, b"other\n", "/dev/null", "socket:[770]", "anon_inode:[eventpoll]")
    new_process(root, 345, b"sinatra\n", "/dev/null", "socket:[77]")
    assert find_port_holder(4567, root) == Holder(345, "sinatra")


def test_a_listener_on_another_address_is_not_in_our_way(tmp_path):
    root = new_proc(tmp_path / "proc", row(f"{words(0x0A000005)}:11D7", f"{ANY4}:0000", "0A"))
    new_process(root, 345, b"sinatra\n", "socket:[77]")
    assert find_port_holder(4567, root) is None


@pytest.mark.parametrize(("uid", "user"), [(0, "root"), (4242424, "user 4242424")])
def test_of_a_process_that_we_may_not_look_into_the_user_is_named(tmp_path, uid, user):
    root = new_proc(tmp_path / "proc", row(f"{V4}:11D7", f"{ANY4}:0000", "0A", uid=uid))
    (root / "345").mkdir()
    holder = find_port_holder(4567, root)
    assert holder == Holder(None, "", user)
    assert holder.describe() == f"It is held by a process of {user}."


def test_a_name_is_shown_without_control_characters_and_where_there_is_one(tmp_path):
    root = new_proc(tmp_path / "proc", row(f"{V4}:11D7", f"{ANY4}:0000", "0A"))
    new_process(root, 345, b"ev\x1b[2J\xe2\x80\xaeil\n", "socket:[77]")
    assert find_port_holder(4567, root) == Holder(345, "ev[2Jil")
    # A process that ends meanwhile.
    (root / "345/comm").unlink()
    (root / "345/fd/9").write_text("a descriptor that is no link any more")
    assert find_port_holder(4567, root) == Holder(345, "")


# Where there is no /proc


def new_lsof(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = folder / "lsof"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_lsof_is_asked_where_there_is_no_proc(tmp_path, monkeypatch):
    new_lsof(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked; printf "p345\\ncruby\\nf7\\np9\\ncx\\n"')
    assert find_port_holder(4567, tmp_path / "no-proc") == Holder(345, "ruby")
    assert (tmp_path / "asked").read_text() == "-nP -iTCP:4567 -sTCP:LISTEN -Fpc\n"


def test_an_lsof_that_does_not_say_it_hangs_or_is_not_there_names_nobody(tmp_path, monkeypatch):
    for body in ("exit 1", "echo pX; echo cname", "echo p12", "echo 'what is this'"):
        new_lsof(tmp_path, monkeypatch, body)
        assert find_port_holder(4567, tmp_path / "no-proc") is None
    new_lsof(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(sockets, "_TOOL_PATIENCE_S", 0.1)
    assert find_port_holder(4567, tmp_path / "no-proc") is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert find_port_holder(4567, tmp_path / "no-proc") is None


# Windows, whose two programs are played by scripts

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
        program = folder / rf"win\System32\{name}.exe"
        program.write_text(f'#!/bin/sh\necho "$@" > {folder}/{name}-asked; cat {folder}/{name}.txt\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_windows_is_asked_in_every_language(tmp_path, monkeypatch):
    listed = '"ruby.exe","3456","Console","1","20.000 K"\n'
    for address, peer in (("127.0.0.1", "0.0.0.0:0"), ("0.0.0.0", "0.0.0.0:0"), ("[::1]", "[::]:0")):
        new_windows(tmp_path, monkeypatch, NETSTAT.format(address=f"{address}:4567", peer=peer), listed)
        holder = find_port_holder(4567, platform="win32")
        assert holder == Holder(3456, "ruby.exe")
        assert holder.describe() == "It is held by ruby.exe (process 3456)."
        assert (tmp_path / "tasklist-asked").read_text() == "/FI PID eq 3456 /FO CSV /NH\n"
    assert find_port_holder(4568, platform="win32") is None


def test_a_process_that_windows_does_not_list_has_no_name(tmp_path, monkeypatch):
    netstat = NETSTAT.format(address="127.0.0.1:4567", peer="0.0.0.0:0")
    new_windows(tmp_path, monkeypatch, netstat, "INFORMATION: es werden keine Aufgaben ausgefuehrt\n")
    holder = find_port_holder(4567, platform="win32")
    assert holder == Holder(3456, "")
    assert holder.describe() == "It is held by a process (process 3456)."
