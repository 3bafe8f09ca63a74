"""A Python program that calls Procore by requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from procore_cli import ProcoreAuth, log
from tests.api_server import Call
from tests.cli import Machine
from tests.provider import Answer, Provider

PATH = "/rest/v1.0/projects"


def live_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log.LOG_CONSOLE, "_warned", {})
    for name, value in machine.environ().items():
        monkeypatch.setenv(name, value)


def get(url: str, auth: ProcoreAuth, **options: Any) -> requests.Response:
    # A session of its own, closed with its connections.
    with requests.Session() as session:
        return session.get(url, auth=auth, timeout=20, **options)


def post(url: str, auth: ProcoreAuth, **options: Any) -> requests.Response:
    with requests.Session() as session:
        return session.post(url, auth=auth, timeout=20, **options)


def refuse(*tokens: str) -> Callable[[Call], Answer | None]:
    return lambda call: Answer(401, "refused") if call.token in tokens else None


def end_soon(machine: Machine, provider: Provider) -> None:
    """The token in the store has expired; the next one lives long."""
    provider.lifetime_s = 3
    assert machine.run_here("refresh").code == 0
    provider.requests.clear()
    provider.lifetime_s = 5400
