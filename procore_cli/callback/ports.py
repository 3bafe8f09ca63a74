"""The sockets that the listener waits on, on both loopback addresses; refuses every other address."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys

from procore_cli.callback import sockets
from procore_cli.errors import PortTakenError

_BACKLOG = 128
# Below it, ports are root's unless the system says otherwise.
_FIRST_FREE_PORT = 1024
_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
# What a machine without IPv6 answers to a socket or an address of that family.
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL})
_REASONS = {
    errno.EADDRINUSE: "the port is in use",
    errno.EACCES: "this system does not allow it",
    errno.EPERM: "this system does not allow it",
}


def new_listening_sockets(port: int, environment: str) -> list[socket.socket]:
    """Listen at a port of 127.0.0.1 and ::1, or of 127.0.0.1 alone where there is no IPv6.

    Raises PortTakenError when one of them is not to be had; then neither is kept.
    """
    with contextlib.ExitStack() as undo:
        found = []
        for family, address in _LOOPBACKS:
            try:
                found.append(undo.enter_context(_new_listening_socket(family, address, port)))
            except OSError as error:
                if family != socket.AF_INET6 or error.errno not in _NO_SUCH_FAMILY:
                    raise _port_taken(error, address, port, environment) from error
        undo.pop_all()
    return found


def with_holder(error: PortTakenError, port: int) -> PortTakenError:
    """The error with whoever holds the port, as far as the system tells."""
    holder = sockets.find_port_holder(port)
    if holder is None:
        return error
    hint = "Finish it in its browser, or end it with Ctrl-C; then try again." if holder.is_sign_in else None
    return error.reworded(f"{error.message} {holder.describe()}", hint)


def _new_listening_socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        _set_options(listening, family)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _set_options(listening: socket.socket, family: socket.AddressFamily) -> None:
    # Without REUSEADDR Linux keeps a used port for a minute; on Windows it would share the port with others.
    if sys.platform == "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def _port_taken(error: OSError, address: str, port: int, environment: str) -> PortTakenError:
    number = error.errno or 0
    reason = _REASONS.get(number) or error.strerror or "it failed"
    name = errno.errorcode.get(number, "unknown")
    return PortTakenError(
        f"The sign-in to {environment} cannot listen at port {port} of {address}: {reason} "
        f"(errno {number}, {name}).",
        f"{_way_out(number, port)}, or sign in with `--paste` in a terminal.",
        environment=environment,
    )


def _way_out(number: int, port: int) -> str:
    if number not in (errno.EACCES, errno.EPERM):
        return "End the program that holds the port"
    if sys.platform == "win32":
        # Hyper-V and others reserve ranges; a port held exclusively by another program fails so as well.
        return (
            "Look whether another program holds the port, or Windows has reserved it:"
            " `netsh interface ipv4 show excludedportrange protocol=tcp`"
        )
    if sys.platform == "linux" and port < _FIRST_FREE_PORT:
        return f"Let users have the port: `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`"
    return "Allow this program to listen there"
