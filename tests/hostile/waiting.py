"""A whole sign-in that waits for its browser, and a client that says anything to it over a raw socket."""

import html
import json
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.callback.listener_stand import ROW, Client, read_reply
from tests.cli import Machine
from tests.provider import Provider, Request, flat
from tests.stub_browser import Browser

SIGNED_UP = "Signed up as joecontractor@procore.com in production"
STRAY_ERROR = "Warning: Something sent an error that does not belong to this sign-in; still waiting."
CAME_BY_HTTPS = (
    "Warning: The browser came by https: change https to http in its address, and load it again or paste it"
    " here."
)
# What it says by itself, after half a minute.
SILENCE = "Still waiting."
END_S = 20
Start = Callable[..., subprocess.Popen[str]]


@dataclass
class SignIn(Client):
    """A `signup` process that has shown its link; `told` is what it may say until the person comes."""

    machine: Machine
    provider: Provider
    process: subprocess.Popen[str]
    link: str = field(repr=False)
    told: list[str] = field(default_factory=list)
    is_over: bool = False

    @property
    def state(self) -> str:
        return parse_qs(urlsplit(self.link).query)["state"][0]

    @property
    def port(self) -> int:
        return self.machine.port

    def send(self, raw: bytes, address: str = "127.0.0.1") -> bytes:
        """Send bytes and hang up for sending; what comes back, whole or cut off by a reset."""
        with self.connect(address) as client:
            try:
                client.sendall(raw)
                client.shutdown(socket.SHUT_WR)
            except OSError:
                # It has answered already, and hung up.
                pass
            return read_what_comes(client)

    def status_of(self, raw: bytes) -> int:
        """The status of the answer, or 0 where there is none."""
        received = self.send(raw)
        return read_reply(received).status if received else 0

    def assert_waits(self) -> None:
        """Nothing has ended the sign-in, and no code was tried."""
        assert self.process.poll() is None, self.end()
        assert self.provider.count("/oauth/token") == 0

    def callback(self) -> str:
        """The path and query that Procore sends a person back to who consents; uses nothing up."""
        asked = urlsplit(self.link)
        answer = self.provider.answer(Request("GET", asked.path, flat(asked.query), {}, None))
        came = urlsplit(answer.headers["Location"])
        return f"{came.path}?{came.query}"

    def let_the_person_sign_in(self) -> None:
        """Nothing was said that should not be; the real callback works, and is the only one that did."""
        self.is_over = True
        self.assert_waits()
        home = Browser().open(self.link)
        code, out, err = self.end()

        assert (code, err[: len(self.told)]) == (0, self.told), err
        assert [line.startswith(SIGNED_UP) for line in err[len(self.told) :]] == [True], err
        assert json.loads(out)["procore_id"] == 11111
        assert ROW in html.unescape(home.text)
        assert self.provider.count("/oauth/token") == 1

    def end(self) -> tuple[int, str, list[str]]:
        """How the process ended, its stdout, and the lines of stderr since the link."""
        code = self.process.wait(END_S)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        said = self.process.stderr.read().splitlines()
        return code, self.process.stdout.read(), [line for line in said if not line.startswith(SILENCE)]


def start_sign_in(machine: Machine, provider: Provider, start: Start | None = None) -> SignIn:
    """Start `signup` and wait for its link; the caller ends the process."""
    arguments = ("signup", "--no-browser", "--json", "--timeout", "240")
    process = (start or machine.start)(*arguments)
    return SignIn(machine, provider, process, read_link(process))


def read_link(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "/oauth/authorize?" in line:
            return line.strip()
    raise AssertionError("".join(said))


def stop(process: subprocess.Popen[Any]) -> None:
    """End a process, if nothing has, and everything that was opened for it."""
    with process:
        if process.poll() is None:
            process.kill()


def read_what_comes(client: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := client.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received
