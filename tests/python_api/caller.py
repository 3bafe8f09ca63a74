"""A Python program that calls Procore by requests."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from procore_cli import ProcoreAuth, log
from tests.api_server import Reply, Seen
from tests.cli import Machine
from tests.provider import JOE, Provider
from tests.signed_in import save_tokens

PATH = "/rest/v1.0/projects"
# Of a web app.
REDIRECT_URI = "https://app.example.com/procore/callback"


def live_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log.LOG_CONSOLE, "_warned", {})
    for name, value in machine.environ().items():
        monkeypatch.setenv(name, value)


def get(url: str, auth: ProcoreAuth, method: str = "GET", **options: Any) -> requests.Response:
    # A session of its own, closed with its connections.
    with requests.Session() as session:
        return session.request(method, url, auth=auth, timeout=20, **options)


def browse(url: str) -> str:
    """Go through the provider's pages; the callback that the browser is sent to."""
    answer = requests.get(url, allow_redirects=False, timeout=20)
    assert answer.status_code == 302
    return answer.headers["Location"]


def post(url: str, auth: ProcoreAuth, **options: Any) -> requests.Response:
    return get(url, auth, "POST", **options)


def refuse(*tokens: str) -> Callable[[Seen], Reply | None]:
    return lambda seen: Reply(401, "refused") if seen.token in tokens else None


def end_soon(machine: Machine, provider: Provider) -> None:
    """The token in the store has expired; the next one lives long."""
    save_tokens(provider, machine, JOE, api_url=machine.variables["PROCORE_API_URL"], lifetime_s=3)
