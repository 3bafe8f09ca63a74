"""`ProcoreAuth` in many threads, and the errors that come out of a call."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from procore_cli import (
    ConfigurationError,
    ProcoreAuth,
    ProcoreError,
    SignInNeededError,
    UsageMistakeError,
)
from tests.api_server import ApiServer
from tests.cli import Machine
from tests.provider import Answer, Provider
from tests.python_api.caller import PATH, end_soon, get, refuse
from tests.signed_in import last_token, refreshes


def test_threads_share_one_refresh_of_an_expired_token(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    end_soon(machine, provider)
    auth = ProcoreAuth()

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: get(api.url + PATH, auth).status_code, range(12)))

    assert statuses == [200] * 12
    assert refreshes(provider) == 1


def test_threads_share_a_failure(machine: Machine, provider: Provider, api: ApiServer) -> None:
    end_soon(machine, provider)
    provider.script["/oauth/token"] = lambda _: Answer(503, "")
    auth, together = ProcoreAuth(), threading.Barrier(6)

    def call(_: int) -> str:
        together.wait(20)
        try:
            return str(get(api.url + PATH, auth).status_code)
        except ProcoreError:
            return "failed"

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(call, range(6))) == {"failed"}
    assert api.calls == []


def test_nobody_signed_in_is_an_error_of_ours_and_sends_nothing(machine: Machine, api: ApiServer) -> None:
    machine.run_here("signout")
    api.calls.clear()

    with pytest.raises(SignInNeededError, match="production"):
        get(api.url + PATH, ProcoreAuth())
    assert api.calls == []


def test_the_demo_without_a_running_procore_says_how_to_run_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        get("http://127.0.0.1:1/rest", ProcoreAuth("demo"))

    assert "demo serve" in caught.value.hint


def test_an_environment_that_is_none_is_an_error_of_ours() -> None:
    with pytest.raises(UsageMistakeError, match="sandbx"):
        get("http://127.0.0.1:1/rest", ProcoreAuth("sandbx"))


def test_settings_that_change_under_it_end_it_rather_than_mix_two_procores(
    machine: Machine, provider: Provider, api: ApiServer, other: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.script[PATH] = refuse(last_token(provider))
    monkeypatch.setenv("PROCORE_API_URL", other.url)

    with pytest.raises(ConfigurationError):
        get(api.url + PATH, auth)
    assert other.calls == []
