"""Somebody who signs in inside the test's own process, and what the commands then cost Procore.

Refuses to hold a test up: the browser is a thread, no process is started.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli import Machine, Result, browser
from tests.provider import Answer, Provider, Request


def sign_in(machine: Machine, *options: str, env: str = "production") -> Result:
    """Sign in, at whatever Procore the machine's variables name."""
    return machine.run_here("signin", "--env", env, "--json", "--browser", browser("--just-open"), *options)


def saying(provider: Provider, **changes: Any) -> Callable[[Request], Answer]:
    """A token endpoint that grants whatever is asked, in these words; ... leaves a word out."""

    def answer(_: Request) -> Answer:
        body = {**provider.tokens(), **changes}
        return Answer(200, {key: value for key, value in body.items() if value is not ...})

    return answer


def last_token(provider: Provider) -> str:
    """The access token that was issued last."""
    return next(token for token in reversed(provider.issued) if token.startswith("hush-access-"))


def refreshes(provider: Provider) -> int:
    """How often a refresh token was sent."""
    return sum(request.form.get("grant_type") == "refresh_token" for request in provider.requests)


def assert_ended(result: Result, code: int = 0) -> None:
    """The exit code, no traceback, and no secret on stderr."""
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    assert "hush" not in result.err
