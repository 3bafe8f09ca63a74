"""What stands between a client and a server and cuts: with a reset, in silence, or before an answer arrives.

Refuses to understand more of PostgreSQL's protocol than that a statement is a text on its way to the server.
"""

from __future__ import annotations

import ctypes
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

# Linux: a filter of one instruction, "keep 0 bytes", makes the kernel drop whatever arrives for a socket.
_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
_ATTACH_FILTER, _DETACH_FILTER = 26, 27
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_CHUNK = 65_536

Kind = Literal["reset", "silence"]
# "request": the statement never arrives. "answer": it is done, and nobody hears of it.
Lost = Literal["request", "answer"]


@dataclass(frozen=True)
class Cut:
    """What happens to the next statement that has `word` in it."""

    word: bytes
    lost: Lost
    kind: Kind


@dataclass(eq=False)
class Link:
    """One client's connection, and ours to the server in its place."""

    client: socket.socket
    server: socket.socket
    cut: Cut | None = None

    @property
    def ends(self) -> tuple[socket.socket, socket.socket]:
        return self.client, self.server


class CuttingProxy:
    """A port of loopback that leads to a server's, until it is told to cut."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        # Held while something is passed on or cut, never while nothing happens.
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._silent: list[socket.socket] = []
        self._cuts: list[Cut] = []
        self._is_over = False
        self._refusals = threading.Semaphore(0)
        self.cuts_made = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut_at(self, word: str, lost: Lost, kind: Kind = "reset") -> None:
        """The next statement with this word in it meets a cut; others go through, and so do later ones."""
        with self._lock:
            self._cuts.append(Cut(word.encode(), lost, kind))

    def cut_all(self, kind: Kind = "reset") -> None:
        """Cut every connection there is; `silence` reaches those who come, too, until `hear_again`."""
        with self._lock:
            for link in list(self._links):
                self._cut(link, kind)
            if kind == "silence":
                _drop_everything(self._listener)

    def hear_again(self) -> None:
        """Whoever comes now is let in; what was silenced stays so."""
        with suppress(OSError):
            self._listener.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)

    def wait_for_refusals(self, count: int) -> None:
        """Wait until so many connections came while the server was down."""
        assert all(self._refusals.acquire(timeout=30) for _ in range(count))

    def close(self) -> None:
        self._is_over = True
        self._thread.join()
        with self._lock:
            for link in list(self._links):
                self._cut(link, "reset")
            for end in self._silent:
                _reset(end)
            self._listener.close()
            self._selector.close()

    def _serve(self) -> None:
        while not self._is_over:
            ready = self._selector.select(0.05)
            with self._lock:
                for key, _ in ready:
                    if key.data is None:
                        self._let_in()
                    elif key.data in self._links:
                        self._pass_on(key.fileobj, key.data)  # type: ignore[arg-type]

    def _let_in(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._server)
        except OSError:
            # As if nobody listened here either.
            _reset(client)
            self._refusals.release()
            return
        link = Link(client, server)
        for end in link.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(end, selectors.EVENT_READ, link)
        self._links.append(link)

    def _pass_on(self, end: socket.socket, link: Link) -> None:
        is_clients = end is link.client
        try:
            data = end.recv(_CHUNK)
            if not data:
                self._drop(link)
                return
            if is_clients:
                link.cut = self._take_cut(data)
            elif link.cut is not None:
                # The answer to what was passed on: it is done by now.
                self._cut(link, link.cut.kind)
                return
            if is_clients and link.cut is not None and link.cut.lost == "request":
                self._cut(link, link.cut.kind)
                return
            (link.server if is_clients else link.client).sendall(data)
        except OSError:
            self._drop(link)

    def _take_cut(self, data: bytes) -> Cut | None:
        found = next((cut for cut in self._cuts if cut.word in data), None)
        if found is not None:
            self._cuts.remove(found)
            self.cuts_made += 1
        return found

    def _cut(self, link: Link, kind: Kind) -> None:
        self._forget(link)
        for end in link.ends:
            if kind == "silence":
                _drop_everything(end)
                self._silent.append(end)
            else:
                _reset(end)

    def _drop(self, link: Link) -> None:
        """One end has gone in the ordinary way: so does the other."""
        self._forget(link)
        for end in link.ends:
            end.close()

    def _forget(self, link: Link) -> None:
        self._links.remove(link)
        for end in link.ends:
            self._selector.unregister(end)


def _drop_everything(end: socket.socket) -> None:
    program = struct.pack("HL", 1, ctypes.addressof(_DROP_ALL))
    end.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    end.close()


@contextmanager
def cutting(server_port: int) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()
