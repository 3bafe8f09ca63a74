"""A signed-in machine that calls an API: its standard output is bytes, as a pipe's is."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from unittest import mock

from procore_cli.cli import main
from procore_cli.flows import api_call
from tests.api_server import ApiServer
from tests.cli import Machine
from tests.provider import JOE, Provider
from tests.signed_in import save_tokens


class Tty(io.TextIOWrapper):
    """A text stream over memory that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Called:
    """What a call gave; `out` are the bytes of standard output, `slept` the pauses in seconds."""

    out: bytes
    err: str
    slept: list[float]

    @property
    def said(self) -> list[str]:
        """What stands on stderr beside the names of the servers."""
        # On a terminal of 80 columns such a line goes on in the next one.
        hosts = ("signing in at", "calling the API at", "(PROCORE_", "https://login.", "https://api.")
        return [line for line in self.err.splitlines() if not any(name in line for name in hosts)]


class Caller:
    """Runs `procore-login api` in the test's own process; no pause takes any time."""

    def __init__(self, machine: Machine, provider: Provider, api: ApiServer) -> None:
        self.machine = machine
        self.provider = provider
        self.api = api

    def __call__(
        self,
        *arguments: str,
        stdin: bytes = b"",
        terminal: str = "",
        closed: str = "",
        variables: dict[str, str] | None = None,
        code: int = 0,
    ) -> Called:
        """Call, and see it end with `code`, without a traceback or a secret on stderr.

        `terminal` names the streams that are one, as in `in out err`, `closed` a missing one.
        """
        out, err = io.BytesIO(), io.BytesIO()
        slept: list[float] = []
        streams = {
            "stdin": _stream(io.BytesIO(stdin), "in" in terminal.split()),
            "stdout": _stream(out, "out" in terminal.split()),
            "stderr": _stream(err, "err" in terminal.split()),
        }
        environ = {**self.machine.environ(), "TERM": "xterm", **(variables or {})}
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, environ, clear=True))
            stack.enter_context(mock.patch.dict(api_call.call.__kwdefaults__, sleep=slept.append))
            for name, stream in streams.items():
                stack.enter_context(mock.patch.object(sys, name, None if name == closed else stream))
            ended = main.run(["api", *arguments])
            for stream in streams.values():
                stream.flush()
        called = Called(out.getvalue(), err.getvalue().decode(), slept)
        assert ended == code, called.err
        assert "Traceback" not in called.err
        assert "hush" not in called.err
        return called

    def sign_in(self, lifetime_s: int = 5400) -> str:
        """Save fresh tokens for the two servers as a sign-in does; returns the access token."""
        tokens = save_tokens(self.provider, self.machine, JOE, api_url=self.api.url, lifetime_s=lifetime_s)
        return tokens.access_token


def _stream(raw: io.BytesIO, is_terminal: bool) -> io.TextIOWrapper:
    kind = Tty if is_terminal else io.TextIOWrapper
    return kind(raw, encoding="utf-8", newline="\n", write_through=True)
