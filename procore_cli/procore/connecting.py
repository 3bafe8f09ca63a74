"""A connection to the first of a host's addresses that answers; refuses to wait long for any but the last."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

# What one address gets, as long as there is another to try.
ADDRESS_TIMEOUT_S = 2.0


class Address(NamedTuple):
    """A host's address with the port, as `socket` takes them."""

    family: int
    place: Any


def find_addresses(host: str, port: int) -> list[Address]:
    """A host's addresses, in the system's order. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(Address(family, place) for family, _, _, _, place in found))


def connect(
    addresses: Sequence[Address], timeout_s: float, address_timeout_s: float = ADDRESS_TIMEOUT_S
) -> socket.socket:
    """Connect to one of the addresses, `timeout_s` over all of them. Raises OSError.

    Where the others failed at once, those that were silent are tried again in what is left of the time.
    """
    end = time.monotonic() + timeout_s
    silent, failures = list(addresses), [OSError("no addresses")]
    try:
        while silent and time.monotonic() < end:
            trying, silent = silent, []
            for number, address in enumerate(trying):
                left = len(trying) - number
                left_s = max(0.001, end - time.monotonic())
                limit_s = left_s if left == 1 else min(address_timeout_s, left_s / left)
                try:
                    return _open(address, limit_s)
                except TimeoutError as error:
                    failures.append(error)
                    silent.append(address)
                except OSError as error:
                    failures.append(error)
        # What was silent says more than what refused at once.
        raise next((each for each in failures if isinstance(each, TimeoutError)), failures[-1])
    finally:
        # An error holds the frames that it came through, and a frame of theirs the connection.
        failures.clear()


def _open(address: Address, timeout_s: float) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(address.place)
    except BaseException:
        sock.close()
        raise
    return sock
