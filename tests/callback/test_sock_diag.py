"""What the kernel says about one socket."""

from __future__ import annotations

import os
import struct
import sys

import pytest

from procore_cli.callback import sockets as sock_diag
from procore_cli.callback.sockets import find_owner
from tests.callback.socket_stand import HOSTS, connected


@pytest.mark.parametrize("host", HOSTS)
def test_the_kernel_tells_whose_a_connection_is_or_nothing_at_all(host: str) -> None:
    with connected(host) as connection:
        owner = find_owner(connection.peer, connection.own)
        inode = os.fstat(connection.client.fileno()).st_ino
        assert owner in (None, (os.geteuid(), inode))


def test_a_connection_that_does_not_exist_has_no_owner() -> None:
    assert find_owner(("127.0.0.1", 1), ("127.0.0.1", 2)) is None


def test_a_system_without_it_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with connected("127.0.0.1") as connection:
        monkeypatch.setattr(sys, "platform", "darwin")
        assert find_owner(connection.peer, connection.own) is None


def test_a_kernel_that_refuses_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    with connected("127.0.0.1") as connection:
        monkeypatch.setattr(sock_diag.socket, "socket", refuse)
        assert find_owner(connection.peer, connection.own) is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        struct.pack("=IHHIIi", 36, 2, 0, 0, 0, -2),
        struct.pack("=IHHIIi", 36, 2, 0, 0, 0, -2) + b"\x01" * 200,
        struct.pack("=IHHII", 124, 20, 0, 0, 0) + b"\x01" * 40,
    ],
)
def test_an_answer_that_is_none_tells_nothing(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    class Kernel:
        def __enter__(self) -> Kernel:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def settimeout(self, timeout_s: float) -> None:
            pass

        def send(self, question: bytes) -> None:
            pass

        def recv(self, size: int) -> bytes:
            return answer

    monkeypatch.setattr(sock_diag.socket, "socket", lambda *_: Kernel())

    assert find_owner(("127.0.0.1", 1), ("127.0.0.1", 2)) is None
