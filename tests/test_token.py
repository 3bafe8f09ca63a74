"""`procore-login token`: what a script gets, and when it costs a refresh."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from procore_cli import context
from tests.cli import Machine, Result, browser
from tests.provider import JOE, Answer, Provider, Request

LIFETIME_S = 5400


@pytest.fixture
def machine(tmp_path: Path, provider: Provider) -> Machine:
    """Somebody has signed up here, with a token that lives for an hour and a half."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    assert machine.run_here("signup", "--browser", browser("--just-open")).code == 0
    return machine


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lets the commands of this process run so many seconds later."""
    return monkeypatch


def pass_time(later: pytest.MonkeyPatch, seconds: float) -> None:
    defaults = context.open_context.__wrapped__.__kwdefaults__  # type: ignore[attr-defined]
    later.setitem(defaults, "clock", lambda: time.time() + seconds)


def access_tokens(provider: Provider) -> list[str]:
    return [token for token in provider.issued if token.startswith("hush-access-")]


def said(result: Result) -> list[str]:
    """What stands on stderr beside the names of the provider's hosts."""
    hosts = ("(PROCORE_LOGIN_URL)", "(PROCORE_API_URL)")
    return [line for line in result.err.splitlines() if not any(name in line for name in hosts)]


def assert_token(result: Result, token: str) -> None:
    assert result.code == 0, result.err
    assert result.out == f"{token}\n"


def test_a_valid_token_is_printed_and_nothing_else(machine: Machine, provider: Provider) -> None:
    result = machine.run_here("token")

    assert_token(result, access_tokens(provider)[-1])
    assert said(result) == []
    assert provider.count("/oauth/token") == 1


def test_a_token_that_ends_too_soon_is_refreshed(
    machine: Machine, provider: Provider, later: pytest.MonkeyPatch
) -> None:
    pass_time(later, LIFETIME_S - 61)
    assert_token(machine.run_here("token", "--min-ttl", "30"), access_tokens(provider)[0])

    result = machine.run_here("token", "--min-ttl", "100")

    assert provider.count("/oauth/token") == 2
    assert_token(result, access_tokens(provider)[1])


def test_a_minute_is_asked_for_unless_another_time_is(
    machine: Machine, provider: Provider, later: pytest.MonkeyPatch
) -> None:
    pass_time(later, LIFETIME_S - 50)

    assert_token(machine.run_here("token"), access_tokens(provider)[-1])
    assert provider.count("/oauth/token") == 2


def test_within_the_margin_even_no_life_asked_for_is_a_refresh(
    machine: Machine, provider: Provider, later: pytest.MonkeyPatch
) -> None:
    pass_time(later, LIFETIME_S - 4)

    assert machine.run_here("token", "--min-ttl", "0").code == 0
    assert provider.count("/oauth/token") == 2


def test_more_life_than_any_token_has_costs_a_refresh_from_half_of_its_life_on(
    machine: Machine, provider: Provider, later: pytest.MonkeyPatch
) -> None:
    for share, exchanges in ((0.4, 1), (0.6, 2)):
        pass_time(later, LIFETIME_S * share)

        result = machine.run_here("token", "--min-ttl", "999999")

        assert_token(result, access_tokens(provider)[exchanges - 1])
        assert provider.count("/oauth/token") == exchanges
        assert "not for 999999 s" in result.err


def test_a_token_without_an_end_is_used_as_it_is(machine: Machine, provider: Provider) -> None:
    provider.script["/oauth/token"] = lambda _: Answer(200, provider.tokens() | {"expires_in": None})
    machine.run_here("refresh")

    result = machine.run_here("token", "--min-ttl", "999999")

    assert_token(result, access_tokens(provider)[-1])
    assert said(result) == []


def test_processes_at_once_get_one_token_for_one_refresh(machine: Machine, provider: Provider) -> None:
    provider.lifetime_s = 3
    machine.run_here("refresh")
    provider.lifetime_s = LIFETIME_S

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: machine.run("token"), range(4)))

    assert {(result.code, result.out) for result in results} == {(0, f"{access_tokens(provider)[-1]}\n")}
    assert provider.count("/oauth/token") == 3


def test_a_token_from_elsewhere_is_handed_on(machine: Machine) -> None:
    machine.variables["PROCORE_ACCESS_TOKEN"] = "from-elsewhere"

    result = machine.run_here("token")

    assert_token(result, "from-elsewhere")
    assert "PROCORE_ACCESS_TOKEN" in result.err


def test_nobody_signed_in_exits_4_and_opens_nothing(tmp_path: Path, provider: Provider) -> None:
    stranger = Machine(tmp_path / "another")
    stranger.point_at(provider)

    result = stranger.run_here("token")

    assert (result.code, result.out) == (4, "")
    assert "signin" in result.err
    assert provider.requests == []


def test_the_demos_token_says_where_it_works(tmp_path: Path) -> None:
    demo = Machine(tmp_path / "demo")
    demo.run_here("signup", "--env", "demo", "--browser", browser())

    result = demo.run_here("token", "--env", "demo")

    assert result.code == 0
    assert result.out.count("\n") == 1
    assert "demo serve" in result.err


def test_the_token_is_on_stdout_alone(
    machine: Machine, provider: Provider, later: pytest.MonkeyPatch
) -> None:
    pass_time(later, LIFETIME_S)

    result = machine.run_here("token", "--debug")

    assert_token(result, access_tokens(provider)[-1])
    assert "hush" not in result.err
    assert all("hush" not in str(request.query) for request in provider.requests)


def test_after_an_interrupted_refresh_the_tokens_in_hand_are_tried_before_they_are_printed(
    machine: Machine, provider: Provider
) -> None:
    def spend_and_fail(request: Request) -> Answer:
        provider.refuse(request.form["refresh_token"])
        return Answer(503, "")

    provider.script["/oauth/token"] = spend_and_fail
    assert machine.run_here("refresh").code == 5
    provider.script.clear()

    result, again = machine.run_here("token"), machine.run_here("token")

    assert (result.code, result.out) == (again.code, again.out) == (4, "")
    assert "was interrupted; signing in again mends that" in result.err
    assert "was interrupted; signing in again mends that" in again.err
    assert provider.count("/oauth/token") == 3


def test_a_token_that_lives_is_printed_with_a_warning_where_an_interruption_cannot_be_cleared_up(
    machine: Machine, provider: Provider
) -> None:
    provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert machine.run_here("refresh").code == 5

    result = machine.run_here("token")

    assert_token(result, access_tokens(provider)[-1])
    assert "Procore may have ended it" in result.err


def test_a_call_of_the_api_uses_a_token_that_lives_where_an_interruption_cannot_be_cleared_up(
    machine: Machine, provider: Provider, tmp_path: Path
) -> None:
    provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert machine.run_here("refresh").code == 5

    result = machine.run_here("api", "/rest/v1.0/me", "--output", str(tmp_path / "body"))

    assert (result.code, json.loads((tmp_path / "body").read_text())) == (0, JOE), result.err
    assert "Procore may have ended it" in result.err
