"""Somebody who signs in inside the test's own process, and what the commands then cost Procore.

Refuses to hold a test up: the browser is a thread, no process is started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from procore_cli.world import World
from tests.cli import Machine, Result
from tests.provider import Answer, Provider, Request
from tests.stub_browser import Browser


class Tab:
    """A browser that only opens the link, which is all that `tests.provider` asks for."""

    name = "a thread of the test"

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def open(self, url: str) -> bool:
        thread = threading.Thread(target=Browser().open, args=(url,), daemon=True)
        thread.start()
        self._threads.append(thread)
        return True

    def close(self) -> None:
        for thread in self._threads:
            thread.join()


def sign_in(machine: Machine, *options: str, env: str = "production") -> Result:
    """Sign in, at whatever Procore the machine's variables name."""
    tab = Tab()

    def find_browser(_: World, _ways: Any) -> Tab:
        return tab

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "_find_browser", find_browser)
        result = machine.run_here("signin", "--env", env, "--json", *options)
    tab.close()
    return result


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
