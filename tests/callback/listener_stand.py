"""A listener on a free port, and a client that speaks to it over real sockets."""

import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from procore_cli.callback.pending import Home, PendingCallback
from procore_cli.callback.server import Listener
from procore_cli.models import Me, User

AUTHORIZE_URL = "https://login.procore.com/oauth/authorize?client_id=app&response_type=code&state=ours"
CALLBACK = "/callback?code=c0de&state=ours"
JOE = "joecontractor@procore.com"
HOME = Home(User(1, 11111, JOE), Me(11111, JOE, "Joe Contractor"))
ROW = f'[1, 11111, "{JOE}"]'


LOOPBACKS = ["127.0.0.1", "::1"] if socket.has_dualstack_ipv6() else ["127.0.0.1"]


@dataclass(frozen=True)
class Reply:
    """An answer as the client saw it; header names in lower case."""

    status: int
    headers: dict[str, str]
    text: str


SECURITY = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "server": "procore-login",
    "connection": "close",
}


def is_safe(reply: Reply) -> bool:
    """Whether it forbids caching, sniffing, referring, framing and reading from another origin."""
    policy = reply.headers["content-security-policy"]
    return (
        reply.headers.items() >= SECURITY.items()
        and policy.startswith("default-src 'none'; ")
        and "frame-ancestors 'none'" in policy
        and "unsafe" not in policy
        and not any(name.startswith("access-control") for name in reply.headers)
    )


def read_reply(raw: bytes) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    return Reply(int(first.split()[1]), {name.lower(): value for name, value in pairs}, body.decode())


class Client:
    """Speaks to whatever listens on its port."""

    port: int

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection((address, self.port), timeout=15)

    def head(self, line: str, *headers: str, host: str | None = None) -> bytes:
        host = f"localhost:{self.port}" if host is None else host
        return "\r\n".join([line, f"Host: {host}", *headers, "", ""]).encode("latin-1")

    def send(self, raw: bytes, address: str = "127.0.0.1") -> bytes:
        """Send bytes, return everything that comes back until the listener hangs up."""
        with self.connect(address) as client:
            client.sendall(raw)
            return read_all(client)

    def ask(self, target: str, *headers: str, method: str = "GET", address: str = "127.0.0.1") -> Reply:
        return read_reply(self.send(self.head(f"{method} {target} HTTP/1.1", *headers), address))


@dataclass
class Stand(Client):
    port: int
    pending: PendingCallback
    listener: Listener
    pool: ThreadPoolExecutor = field(repr=False)

    def ask_later(self, target: str) -> Future[Reply]:
        """Ask in a thread, for an answer that has to wait."""
        return self.pool.submit(self.ask, target)

    def arrive(self, target: str = CALLBACK) -> Future[Reply]:
        """Bring a callback, whose tab waits from now on."""
        waiting = self.ask_later(target)
        assert self.pending.wait(5) is not None
        return waiting

    def come_back(self) -> Reply:
        """Bring the callback of a sign-in that succeeds, and return its answer."""
        reply = self.arrive()
        self.pending.finish(HOME)
        return reply.result(5)


def read_all(client: socket.socket) -> bytes:
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


NewStand = Callable[..., Stand]
