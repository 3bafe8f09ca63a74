"""`procore-login token`: what a script gets, and when it costs a refresh."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli import Machine, Result, browser
from tests.moments import LIFETIME_S, pass_time
from tests.provider import JOE, Answer, Provider, Request


@pytest.fixture
def machine(tmp_path: Path, provider: Provider) -> Machine:
    """Somebody has signed up here, with a token that lives for an hour and a half."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    assert machine.run_here("signup", "--browser", browser("--just-open")).code == 0
    return machine


def access_tokens(provider: Provider) -> list[str]:
    return [token for token in provider.issued if token.startswith("hush-access-")]


def assert_token(result: Result, token: str) -> None:
    assert result.code == 0, result.err
    assert result.out == f"{token}\n"


def test_a_valid_token_or_one_without_an_end_is_printed_and_nothing_else(machine, provider):
    result = machine.run_here("token")
    assert_token(result, access_tokens(provider)[-1])
    assert (result.said, provider.count("/oauth/token")) == ([], 1)
    provider.script["/oauth/token"] = lambda _: Answer(200, provider.tokens() | {"expires_in": None})
    machine.run_here("refresh")
    result = machine.run_here("token", "--min-ttl", "999999")
    assert_token(result, access_tokens(provider)[-1])
    assert result.said == []


@pytest.mark.parametrize(
    ("left_s", "options", "exchanges"),
    [
        (61, ["--min-ttl", "30"], 1),
        (61, ["--min-ttl", "100"], 2),
        # A minute is asked for unless another time is.
        (70, [], 1),
        (50, [], 2),
        # Within the margin even no life asked for is a refresh.
        (4, ["--min-ttl", "0"], 2),
        (0, ["--debug"], 2),
    ],
)
def test_a_token_that_ends_too_soon_is_refreshed(machine, provider, monkeypatch, left_s, options, exchanges):
    pass_time(monkeypatch, LIFETIME_S - left_s)
    result = machine.run_here("token", *options)
    assert_token(result, access_tokens(provider)[exchanges - 1])
    assert provider.count("/oauth/token") == exchanges
    # The token is on stdout alone.
    assert "hush" not in result.err
    assert all("hush" not in str(request.query) for request in provider.requests)


def test_more_life_than_any_token_has_costs_a_refresh_from_half_of_its_life_on(
    machine, provider, monkeypatch
):
    for share, exchanges in ((0.4, 1), (0.6, 2)):
        pass_time(monkeypatch, LIFETIME_S * share)
        result = machine.run_here("token", "--min-ttl", "999999")
        assert_token(result, access_tokens(provider)[exchanges - 1])
        assert provider.count("/oauth/token") == exchanges
        assert "not for 999999 s" in result.err


def test_processes_at_once_get_one_token_for_one_refresh(machine, provider):
    provider.lifetime_s = 3
    machine.run_here("refresh")
    provider.lifetime_s = LIFETIME_S
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: machine.run("token"), range(4)))
    assert {(result.code, result.out) for result in results} == {(0, f"{access_tokens(provider)[-1]}\n")}
    assert provider.count("/oauth/token") == 3


def test_nobody_signed_in_exits_4_and_opens_nothing(tmp_path, provider):
    stranger = Machine(tmp_path / "another")
    stranger.point_at(provider)
    stranger.run_here("token").ended(4, "signin")
    assert provider.requests == []


def test_the_demos_token_says_where_it_works(tmp_path):
    demo = Machine(tmp_path / "demo")
    demo.run_here("signup", "--env", "demo", "--browser", browser())
    result = demo.run_here("token", "--env", "demo").ended(0, "demo serve")
    assert result.out.count("\n") == 1


def test_after_an_interrupted_refresh_the_tokens_in_hand_are_tried_before_they_are_printed(machine, provider):
    def spend_and_fail(request: Request) -> Answer:
        provider.refuse(request.form["refresh_token"])
        return Answer(503, "")

    provider.script["/oauth/token"] = spend_and_fail
    assert machine.run_here("refresh").code == 5
    provider.script.clear()
    for _ in range(2):
        machine.run_here("token").ended(4, "was interrupted; signing in again mends that")
    assert provider.count("/oauth/token") == 3


def test_a_token_that_lives_is_used_with_a_warning_where_an_interruption_cannot_be_cleared_up(
    machine, provider, tmp_path
):
    provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert machine.run_here("refresh").code == 5
    called = machine.run_here("api", "/rest/v1.0/me", "--output", str(tmp_path / "body")).ended()
    assert json.loads((tmp_path / "body").read_text()) == JOE
    result = machine.run_here("token")
    assert_token(result, access_tokens(provider)[-1])
    assert [each.err.count("Procore may have ended it") for each in (called, result)] == [1, 1]
