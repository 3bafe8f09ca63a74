"""The sockets that a sign-in listens on."""

import errno
import socket
import sys

import pytest

from procore_cli.callback.ports import new_listening_sockets
from procore_cli.errors import PortTakenError
from tests.callback.listener_stand import LOOPBACKS
from tests.cli import free_port


def occupy(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def fail_to(method: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that refuses a step."""

    def refuse(self: socket.socket, _: object) -> None:
        raise OSError(number, "in its own words")

    monkeypatch.setattr(socket.socket, method, refuse)


@pytest.fixture
def without_ipv6(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A machine where making a socket of that family fails."""
    real = socket.socket

    def new_socket(family: int = -1, kind: int = -1, *rest: object) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6 here")
        return real(family, kind)

    monkeypatch.setattr(socket, "socket", new_socket)


def test_it_listens_on_every_loopback_address_and_on_nothing_else():
    port = free_port()
    sockets = new_listening_sockets(port, "production")
    assert [each.getsockname()[:2] for each in sockets] == [(address, port) for address in LOOPBACKS]
    for each in sockets:
        each.close()


@pytest.mark.parametrize("taken", [*LOOPBACKS, "0.0.0.0"])
def test_a_port_in_use_on_one_address_is_not_to_be_had_and_nothing_is_kept_of_it(taken):
    port = free_port()
    with occupy(taken, port), pytest.raises(PortTakenError) as refused:
        new_listening_sockets(port, "production")
    address = "127.0.0.1" if taken == "0.0.0.0" else taken
    why = f"port {port} of {address}: the port is in use (errno {errno.EADDRINUSE}, EADDRINUSE)"
    assert refused.value.exit_code == 7
    assert why in str(refused.value)
    assert "production" in refused.value.message
    assert "--paste" in refused.value.hint
    for address in LOOPBACKS:
        occupy(address, port).close()


@pytest.mark.parametrize(
    ("platform", "port", "way_out"),
    [
        ("linux", 80, "`sudo sysctl net.ipv4.ip_unprivileged_port_start=80`"),
        ("linux", 4567, "Allow this program to listen there"),
        ("darwin", 80, "Allow this program to listen there"),
        ("win32", 4567, "`netsh interface ipv4 show excludedportrange protocol=tcp`"),
    ],
)
def test_a_port_that_the_system_does_not_allow_is_explained(monkeypatch, platform, port, way_out):
    fail_to("bind", errno.EACCES, monkeypatch)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(PortTakenError) as caught:
        new_listening_sockets(port, "sandbox")
    assert f"port {port} of 127.0.0.1: this system does not allow it (errno 13, EACCES)" in str(caught.value)
    assert way_out in caught.value.hint
    assert "--paste" in caught.value.hint


def test_another_failure_is_told_in_the_systems_words(monkeypatch):
    port = free_port()
    fail_to("listen", errno.ENOBUFS, monkeypatch)
    with pytest.raises(PortTakenError, match=r"in its own words \(errno \d+, ENOBUFS\)"):
        new_listening_sockets(port, "sandbox")


def test_windows_gets_exclusive_use_and_no_reuse(monkeypatch):
    """A fake of the platform switch: an option that exists here stands for Windows' own."""
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    # Any port will do; a chosen one could be kept from us by what was closed there a moment ago.
    for each in new_listening_sockets(0, "production"):
        with each:
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_machine_without_ipv6_gets_ipv4_alone(without_ipv6):
    (only,) = new_listening_sockets(0, "production")
    assert only.getsockname()[0] == "127.0.0.1"
    only.close()


@pytest.mark.parametrize("number", [errno.EACCES])
def test_ipv6_that_fails_for_another_reason_is_not_passed_over(without_ipv6):
    with pytest.raises(PortTakenError, match="::1"):
        new_listening_sockets(0, "production")
