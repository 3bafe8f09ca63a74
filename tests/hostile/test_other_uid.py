"""A machine that others use too: real connections of other users; needs root, who can be anybody."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import Machine, command
from tests.hostile.waiting import SignIn, start_sign_in, stop
from tests.provider import Provider

pytestmark = pytest.mark.other_uid

NOBODY = 65534
REFUSED = "Warning: Another user of this machine tried to reach this sign-in, and was refused."
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=15) as client:
    client.sendall(sys.stdin.buffer.read())
    client.shutdown(socket.SHUT_WR)
    try:
        while chunk := client.recv(65536):
            sys.stdout.buffer.write(chunk)
    except ConnectionError:
        pass
"""
HIT_AND_RUN = """
import socket, struct, sys
raw = sys.stdin.buffer.read()
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
if sys.argv[2] == "reset":
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
client.sendall(raw)
client.close()
"""
# Another user who may read everything: Python may lie where only root can look. No other right of root's.
AS_NOBODY = [
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]


def send_as_nobody(sign_in: SignIn, raw: bytes, address: str = "127.0.0.1") -> bytes:
    """What another user of the machine gets for these bytes."""
    done = subprocess.run(
        [*AS_NOBODY, sys.executable, "-c", CLIENT, address, str(sign_in.port)],
        input=raw,
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    )
    return done.stdout


def start_as_nobody(machine: Machine, *arguments: str) -> subprocess.Popen[str]:
    """Start a command as a user who is not root, with a home of his own."""
    for path in [machine.home, *machine.home.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    return subprocess.Popen(
        [*AS_NOBODY, *command(), *arguments],
        env=machine.environ(),
        cwd=machine.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture
def nobodys(machine: Machine, provider: Provider) -> Iterator[SignIn]:
    """A sign-in of somebody who is not root."""
    sign_in = start_sign_in(machine, provider, lambda *arguments: start_as_nobody(machine, *arguments))
    yield sign_in
    stop(sign_in.process)


def attempts(sign_in: SignIn) -> list[bytes]:
    """Everything that somebody else may send: he is refused before it is looked at."""
    target = f"/callback?code=evil&state={sign_in.state}"
    return [
        sign_in.head(f"GET {target} HTTP/1.1"),
        sign_in.head("GET / HTTP/1.1"),
        sign_in.head(f"POST {target} HTTP/1.1"),
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /" + b"x" * 70_000,
    ]


def test_another_user_is_refused_whatever_he_sends_and_told_of_once(sign_in):
    sign_in.told.append(REFUSED)
    replies = [send_as_nobody(sign_in, raw) for raw in attempts(sign_in)]
    over_ipv6 = send_as_nobody(sign_in, sign_in.head("GET / HTTP/1.1"), "::1")
    assert [reply[:13] for reply in (*replies, over_ipv6)] == [b"HTTP/1.1 403 "] * 6
    assert not [reply for reply in replies if sign_in.state.encode() in reply or b"evil" in reply]


def test_the_user_behind_sudo_is_let_in(machine, provider):
    machine.variables["SUDO_UID"] = str(NOBODY)
    sign_in = start_sign_in(machine, provider)
    try:
        assert send_as_nobody(sign_in, sign_in.head("GET / HTTP/1.1")).startswith(b"HTTP/1.1 200 ")
        sign_in.let_the_person_sign_in()
    finally:
        stop(sign_in.process)


def test_who_is_not_root_lets_in_himself_and_root(nobodys):
    uids = Path(f"/proc/{nobodys.process.pid}/status").read_text("ascii").partition("Uid:")[2].split()[:4]
    assert uids == [str(NOBODY)] * 4
    assert send_as_nobody(nobodys, nobodys.head("GET / HTTP/1.1")).startswith(b"HTTP/1.1 200 ")
    # The browser of the tests is root's, as WSL's relay is.
    nobodys.let_the_person_sign_in()


@pytest.mark.parametrize("farewell", ["close", "reset"])
def test_another_user_who_hangs_up_at_once_does_not_pass_for_root(sign_in, farewell):
    """The link, and so the state, can be read by others: in the arguments of the browser."""
    sign_in.told.append(REFUSED)
    send_as_nobody(sign_in, b"")
    for _ in range(5):
        subprocess.run(
            [*AS_NOBODY, sys.executable, "-c", HIT_AND_RUN, str(sign_in.port), farewell],
            input=sign_in.head(f"GET /callback?code=evil&state={sign_in.state} HTTP/1.1"),
            timeout=30,
            check=True,
        )
