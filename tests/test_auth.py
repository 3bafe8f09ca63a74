"""`ProcoreAuth` with requests: what it attaches, where to, and what a 401 costs."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from procore_cli import (
    ConfigurationError,
    ProcoreAuth,
    ProcoreError,
    SignInNeededError,
    UsageMistakeError,
    logged,
)
from procore_cli.repetition import is_at
from tests.api_server import ApiServer, Call, serving_api
from tests.cli import Machine
from tests.memory_keyring import FolderKeyring
from tests.people import SECOND, THIRD, People
from tests.provider import JOE, Answer, Provider, serving
from tests.signed_in import last_token, refreshes, sign_in

PATH = "/rest/v1.0/projects"


@pytest.fixture
def api(provider: Provider) -> Iterator[ApiServer]:
    with serving_api(provider) as running:
        yield running


@pytest.fixture
def other(provider: Provider) -> Iterator[ApiServer]:
    """A second host, which would accept the token."""
    with serving_api(provider) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, provider: Provider, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Joe is signed in, and this process finds him."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["PROCORE_API_URL"] = api.url
    assert sign_in(machine).code == 0
    api.calls.clear()
    live_on(machine, monkeypatch)
    return machine


def live_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged.TELLER, "_warned", set())
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


def test_the_token_and_the_company_are_attached(machine: Machine, provider: Provider, api: ApiServer) -> None:
    response = get(api.url + PATH, ProcoreAuth(company=123))

    (call,) = api.calls
    assert response.status_code == 200
    assert call.token == last_token(provider)
    assert call.headers["Procore-Company-Id"] == "123"


@pytest.mark.parametrize(
    ("variable", "named", "own", "sent"),
    [
        ("", None, None, None),
        ("5", None, None, "5"),
        ("5", 7, None, "7"),
        ("5", 7, {"procore-company-id": "9"}, "9"),
    ],
)
def test_the_company_is_the_requests_own_then_the_named_then_the_one_in_force(
    machine: Machine,
    api: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    named: int | None,
    own: dict[str, str] | None,
    sent: str | None,
) -> None:
    monkeypatch.setenv("PROCORE_COMPANY_ID", variable)

    get(api.url + PATH, ProcoreAuth(company=named), headers=own)

    assert api.calls[0].headers["Procore-Company-Id"] == sent


@pytest.mark.parametrize("company", [0, -1, True, "123", 1.5])
def test_a_company_that_is_none_is_refused_at_once(company: Any) -> None:
    with pytest.raises(UsageMistakeError):
        ProcoreAuth(company=company)


def test_a_loop_costs_one_look_into_the_keyring_and_no_exchange(
    machine: Machine, provider: Provider, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, find = [], FolderKeyring.find
    monkeypatch.setattr(FolderKeyring, "find", lambda *words: looks.append(words) or find(*words))
    auth = ProcoreAuth()

    statuses = {get(api.url + PATH, auth).status_code for _ in range(5)}

    assert (statuses, refreshes(provider)) == ({200}, 0)
    assert len(looks) == len(set(looks))


def test_an_expired_token_is_renewed_before_anything_is_sent(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    end_soon(machine, provider)

    assert get(api.url + PATH, ProcoreAuth()).status_code == 200
    assert [call.token for call in api.calls] == [last_token(provider)]


def end_soon(machine: Machine, provider: Provider) -> None:
    """The token in the store has expired; the next one lives long."""
    provider.lifetime_s = 3
    assert machine.run_here("refresh").code == 0
    provider.requests.clear()
    provider.lifetime_s = 5400


def test_a_token_that_expires_in_memory_is_renewed(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    auth = ProcoreAuth()
    end_soon(machine, provider)
    provider.lifetime_s = 3
    get(api.url + PATH, auth)
    get(api.url + PATH, auth)

    assert refreshes(provider) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": b"bytes"},
        {"data": {"a": "b"}},
        {"json": {"a": 1}},
        {"data": lambda: io.BytesIO(b"stream")},
        {"files": {"f": b"file"}},
    ],
)
def test_a_401_costs_one_refresh_and_the_call_is_repeated_whole(
    machine: Machine, provider: Provider, api: ApiServer, body: dict[str, Any]
) -> None:
    api.script[PATH] = refuse(last_token(provider))
    options = {name: value() if callable(value) else value for name, value in body.items()}

    response = post(api.url + PATH, ProcoreAuth(), **options)

    first, second = api.calls
    assert response.status_code == 200
    assert [each.status_code for each in response.history] == [401]
    assert (first.body, first.method) == (second.body, second.method)
    assert bool(first.body) is bool(body)
    assert second.token == last_token(provider) != first.token
    assert refreshes(provider) == 1


def test_a_file_is_repeated_from_where_it_stood(
    machine: Machine, provider: Provider, api: ApiServer, tmp_path: Path
) -> None:
    api.script[PATH] = refuse(last_token(provider))
    (tmp_path / "file").write_text("head tail")
    with (tmp_path / "file").open("rb") as file:
        file.seek(5)
        post(api.url + PATH, ProcoreAuth(), data=file)

    assert [call.body for call in api.calls] == [b"tail", b"tail"]


def test_a_stream_that_is_used_up_is_not_repeated_but_the_next_call_has_a_new_token(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    api.script[PATH] = refuse(last_token(provider))
    auth = ProcoreAuth()

    first = post(api.url + PATH, auth, data=iter([b"a", b"b"]))
    second = post(api.url + PATH, auth, data=iter([b"a", b"b"]))

    assert [first.status_code, second.status_code] == [401, 200]
    assert [call.body for call in api.calls] == [b"ab", b"ab"]
    assert refreshes(provider) == 1


def test_a_call_that_is_refused_again_is_not_repeated_again(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    api.script[PATH] = lambda _: Answer(401, "never")

    response = get(api.url + PATH, ProcoreAuth())

    assert (response.status_code, response.text) == (401, "never")
    assert (len(api.calls), refreshes(provider)) == (2, 1)


def test_where_no_token_will_do_not_every_call_costs_a_refresh(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    api.script[PATH] = lambda _: Answer(401, "never")
    auth = ProcoreAuth()

    assert {get(api.url + PATH, auth).status_code for _ in range(4)} == {401}
    assert refreshes(provider) == 1
    assert get(api.url + "/elsewhere", auth).status_code == 200


def test_a_token_that_was_taken_away_twice_is_renewed_twice(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    auth = ProcoreAuth()
    for _ in range(2):
        provider.expire()
        assert get(api.url + PATH, auth).status_code == 200

    assert refreshes(provider) == 2


@pytest.mark.parametrize("target", ["http://[bad/x", "http:\\\\example.com", "/ok\\..", "mailto:x"])
def test_a_redirect_that_cannot_be_read_takes_nothing_along(
    machine: Machine, api: ApiServer, target: str
) -> None:
    api.redirect("/go", target)
    kept: list[requests.PreparedRequest] = []

    with contextlib.suppress(requests.RequestException, ValueError):
        get(
            f"{api.url}/go", ProcoreAuth(company=1), hooks={"response": lambda r, **_: kept.append(r.request)}
        )

    assert not {"Authorization", "Procore-Company-Id"} & kept[0].headers.keys()


def test_a_token_that_another_process_renewed_is_taken_at_a_401_without_another_refresh(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.script[PATH] = refuse(last_token(provider))
    assert machine.run_here("refresh").code == 0

    assert get(api.url + PATH, auth).status_code == 200
    assert refreshes(provider) == 1
    assert api.calls[-1].token == last_token(provider)


def test_threads_share_one_refresh_of_an_expired_token(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    end_soon(machine, provider)
    auth = ProcoreAuth()

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: get(api.url + PATH, auth).status_code, range(12)))

    assert statuses == [200] * 12
    assert refreshes(provider) == 1


def test_threads_that_are_refused_at_once_share_one_refresh(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    auth, old, together = ProcoreAuth(), last_token(provider), threading.Barrier(8)

    def refuse_together(call: Call) -> Answer | None:
        if call.token != old:
            return None
        together.wait(20)
        return Answer(401, "refused")

    api.script[PATH] = refuse_together

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: get(api.url + PATH, auth).status_code, range(8)))

    assert statuses == [200] * 8
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


def test_another_origin_gets_nothing(
    machine: Machine, provider: Provider, api: ApiServer, other: ApiServer
) -> None:
    other.script[PATH] = lambda _: Answer(401, "who are you?")

    response = get(other.url + PATH, ProcoreAuth(company=123))

    (call,) = other.calls
    assert response.status_code == 401
    assert (call.token, call.headers["Procore-Company-Id"]) == (None, None)
    assert provider.count("/oauth/token") == 1


@pytest.mark.parametrize("is_refused_first", [False, True])
def test_a_redirect_elsewhere_takes_neither_token_nor_company_along(
    machine: Machine, provider: Provider, api: ApiServer, other: ApiServer, is_refused_first: bool
) -> None:
    old = last_token(provider) if is_refused_first else ""
    target = f"{other.url}/file"
    api.script["/go"] = lambda call: refuse(old)(call) or Answer(302, "", {"Location": target})
    other.script["/file"] = lambda _: Answer(200, "the file")

    response = get(f"{api.url}/go", ProcoreAuth(company=123))

    (call,) = other.calls
    assert response.text == "the file"
    assert (call.token, call.headers["Procore-Company-Id"]) == (None, None)
    assert api.calls[-1].token == last_token(provider)


@pytest.mark.parametrize("is_refused_first", [False, True])
def test_a_redirect_within_the_api_keeps_both(
    machine: Machine, provider: Provider, api: ApiServer, is_refused_first: bool
) -> None:
    old = last_token(provider) if is_refused_first else ""
    api.script["/go"] = lambda call: refuse(old)(call) or Answer(302, "", {"Location": PATH})

    response = get(f"{api.url}/go", ProcoreAuth(company=123))

    assert response.status_code == 200
    assert api.calls[-1].token == last_token(provider)
    assert api.calls[-1].headers["Procore-Company-Id"] == "123"


def test_a_401_at_the_end_of_a_redirect_elsewhere_costs_no_refresh(
    machine: Machine, provider: Provider, api: ApiServer, other: ApiServer
) -> None:
    api.redirect("/go", f"{other.url}/file")
    other.script["/file"] = lambda _: Answer(401, "")

    assert get(f"{api.url}/go", ProcoreAuth()).status_code == 401
    assert refreshes(provider) == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://api.procore.com/x",
        "https://api.procore.com:8443/x",
        "https://api.procore.com.example.com/x",
        "https://example.com/https://api.procore.com",
        "https://user@api.procore.com/x",
        "https://api.procore.com@example.com/x",
        "https://example.com\\@api.procore.com/x",
        "https://api.procore.com\\.example.com/x",
        "https://api.procore.com\n.example.com/x",
        "https://[api.procore.com/x",
        "https://api.procore.com:x/x",
        "//api.procore.com/x",
        "",
    ],
)
def test_what_is_not_surely_the_api_is_not_the_api(url: str) -> None:
    assert not is_at(url, "https://api.procore.com")
    assert is_at("https://API.procore.com:443/x?y=user@example.com", "https://api.procore.com")


def test_a_token_from_elsewhere_is_used_and_never_renewed(
    machine: Machine,
    provider: Provider,
    api: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    auth = ProcoreAuth()

    statuses = [get(api.url + PATH, auth).status_code for _ in range(2)]

    assert statuses == [401, 401]
    assert [call.token for call in api.calls] == ["from-elsewhere"] * 2
    assert refreshes(provider) == 0
    assert caplog.text.count("Using the token from PROCORE_ACCESS_TOKEN") == 1


def test_a_named_account_wins_over_a_token_from_elsewhere(
    machine: Machine, provider: Provider, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")

    get(api.url + PATH, ProcoreAuth(account=JOE["login"]))

    assert api.calls[0].token == last_token(provider)


def test_it_acts_for_the_account_of_its_first_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(People()) as people:
        machine = Machine(tmp_path / "machine")
        machine.point_at(people)
        for person in (SECOND, THIRD):
            people.sign_in(machine, person)
        live_on(machine, monkeypatch)
        auth = ProcoreAuth(min_ttl=0)
        me = f"{people.url}/rest/v1.0/me"

        before = get(me, auth).json()
        assert machine.run_here("switch", SECOND["login"]).code == 0
        people.expire()

        assert before == get(me, auth).json() == THIRD
        assert get(me, ProcoreAuth(account=SECOND["login"])).json() == SECOND


def test_nobody_signed_in_is_an_error_of_ours_and_sends_nothing(machine: Machine, api: ApiServer) -> None:
    machine.run_here("signout")
    api.calls.clear()

    with pytest.raises(SignInNeededError, match="production"):
        get(api.url + PATH, ProcoreAuth())
    assert api.calls == []


def test_a_refused_refresh_after_a_401_is_an_error_of_ours(
    machine: Machine, provider: Provider, api: ApiServer
) -> None:
    api.script[PATH] = refuse(last_token(provider))
    provider.script["/oauth/token"] = lambda _: Answer(400, {"error": "invalid_grant"})

    with pytest.raises(SignInNeededError):
        get(api.url + PATH, ProcoreAuth())


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


def test_nothing_is_printed(
    machine: Machine, provider: Provider, api: ApiServer, capfd: pytest.CaptureFixture[str]
) -> None:
    end_soon(machine, provider)

    get(api.url + PATH, ProcoreAuth(company=1))

    assert capfd.readouterr() == ("", "")
    assert "hush" not in repr(ProcoreAuth().__dict__)
    assert os.environ["PROCORE_API_URL"] == api.url
