"""Real connections, and kernels' tables of sockets as files, for the tests of peers and holders."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

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
