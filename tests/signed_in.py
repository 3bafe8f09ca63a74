"""Somebody who is signed in, or signs in inside the test's own process, and what that costs Procore.

Refuses to hold a test up: the browser is a thread, no process is started.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from procore_cli.grants import TokenSet
from procore_cli.models import Binding, Me, StoreName
from procore_cli.storage.opening import Storage
from tests.cli import Machine, Result, browser
from tests.provider import CLIENT_ID, Answer, Provider, Request


def save_tokens(
    provider: Provider,
    machine: Machine,
    person: Any,
    environment: str = "production",
    store: StoreName = "keyring",
    *,
    api_url: str = "",
    lifetime_s: int = 0,
) -> TokenSet:
    """Save fresh tokens of the person's as a sign-in does, without the browser: a fifth of its time."""
    answer = provider.tokens()
    fresh = TokenSet(
        answer["access_token"],
        answer["refresh_token"],
        answer["created_at"] + (lifetime_s or answer["expires_in"]),
        Binding(CLIENT_ID, provider.url, api_url or provider.url),
    )
    database = machine.variables.get("PROCORE_LOGIN_DB")
    with mock.patch.dict(os.environ, machine.environ(), clear=True):
        storage = Storage(machine.data, environment, store, database=Path(database) if database else None)
        storage.tokens.save_signin(fresh, Me(**person))
    return fresh


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
    return next(token for token in reversed(provider.issued) if token.startswith("hush-access-"))


def refreshes(provider: Provider) -> int:
    return sum(request.form.get("grant_type") == "refresh_token" for request in provider.requests)


def assert_ended(result: Result, code: int = 0) -> None:
    """The exit code, no traceback, and no secret on stderr."""
    result.ended(code, prints=True)
