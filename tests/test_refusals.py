"""A 401 from `/me` on a token that should be alive: one refresh and one repetition, in a crowd too."""

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

from procore_cli.config.settings import Overrides
from procore_cli.console import Console
from procore_cli.context import open_context
from procore_cli.flows import access
from procore_cli.models import Profile
from tests.cli import Machine, browser
from tests.provider import Answer, Provider, Request, serving
from tests.signed_in import assert_ended, last_token, refreshes, saying, sign_in

pytestmark = pytest.mark.usefixtures("signed_in")

CROWD = 12
PATIENCE_S = 20


def bearers(provider: Provider) -> list[str | None]:
    """What was shown to `/me`."""
    return [request.bearer for request in provider.requests if request.path == "/rest/v1.0/me"]


REFUSED = Answer(401, {"error": "invalid_token", "error_description": "It was revoked"})


def test_a_refused_token_is_refreshed_and_shown_once_more_and_if_refused_again_the_reason_is_told(
    machine, provider
):
    refused = last_token(provider)
    provider.expire()
    machine.run_here("whoami").ended()
    assert (bearers(provider), refreshes(provider)) == ([refused, last_token(provider)], 1)
    provider.script["/rest/v1.0/me"] = lambda _: REFUSED
    machine.run_here("whoami").ended(
        4, "production: Procore did not accept the access token", "It was revoked", "procore-login signin"
    )
    assert (refreshes(provider), len(bearers(provider))) == (2, 4)


@pytest.mark.parametrize("lifetime_s", [0, -5, 3])
def test_an_expired_token_whose_successors_are_refused_does_not_loop(machine, provider, lifetime_s):
    provider.lifetime_s = lifetime_s
    assert_ended(machine.run_here("refresh"))
    provider.script["/rest/v1.0/me"] = lambda _: REFUSED
    assert_ended(machine.run_here("whoami"), 4)
    assert refreshes(provider) - 1 == 1
    assert len(bearers(provider)) == 1


def test_a_new_token_that_a_sign_in_replaced_meanwhile_costs_nothing_more(machine, provider):
    provider.lifetime_s = 0
    assert_ended(machine.run_here("refresh"))
    provider.lifetime_s = 5400

    def sign_in_meanwhile(_: Request) -> Answer:
        del provider.script["/rest/v1.0/me"]
        assert machine.run("signin", "--browser", browser("--just-open")).code == 0
        return Answer(401, {"error": "invalid_token"})

    provider.script["/rest/v1.0/me"] = sign_in_meanwhile
    assert_ended(machine.run_here("whoami"))
    assert bearers(provider)[-1] == last_token(provider)
    assert refreshes(provider) - 1 == 1


def test_a_refused_token_without_a_refresh_token_says_so_and_stays(machine, provider):
    provider.script["/oauth/token"] = saying(provider, refresh_token=...)
    assert sign_in(machine).code == 0
    provider.expire()
    shown = len(bearers(provider))
    machine.run_here("whoami").ended(4, "no refresh token")
    assert (refreshes(provider), len(bearers(provider)) - shown) == (0, 1)
    assert machine.run_here("token").out == f"{last_token(provider)}\n"


def test_only_a_401_costs_a_refresh_and_where_that_is_refused_the_token_is_not_shown_again(machine, provider):
    for status in (403, 404, 500):
        provider.script["/rest/v1.0/me"] = lambda _, status=status: Answer(status, {"errors": "no"})
        machine.run_here("whoami").ended(5)
    assert (refreshes(provider), len(bearers(provider))) == (0, 3)
    del provider.script["/rest/v1.0/me"]
    provider.expire()
    provider.script["/oauth/token"] = lambda _: Answer(400, {"error": "invalid_grant"})
    for _ in range(2):
        machine.run_here("whoami").ended(4)
    assert (refreshes(provider), len(bearers(provider))) == (1, 4)


def test_a_crowd_that_is_refused_at_once_refreshes_once(machine, provider):
    refused = last_token(provider)
    all_refused = threading.Barrier(CROWD)
    provider.expire()

    def answer(request: Request) -> None:
        # Nobody hears of it before everybody has asked.
        if request.bearer == refused:
            all_refused.wait(PATIENCE_S)

    provider.script["/rest/v1.0/me"] = answer
    with ThreadPoolExecutor(CROWD) as pool, mock.patch.dict(os.environ, machine.environ()):
        profiles = list(pool.map(lambda _: ask_who(), range(CROWD)))
    assert len(set(profiles)) == 1
    assert refreshes(provider) == 1
    assert sorted(map(str, bearers(provider))) == sorted([refused, last_token(provider)] * CROWD)


def ask_who() -> Profile:
    """`whoami`, of which many may run in one process."""
    with open_context(Overrides(), Console(io.StringIO())) as world:
        return access.whoami(world)


def test_tokens_of_another_host_that_came_meanwhile_are_sent_nowhere(machine, provider):
    with serving(Provider()) as second:
        other = Machine(machine.home, dict(machine.variables), machine.port)
        other.point_at(second)

        def sign_in_elsewhere(_: Request) -> Answer:
            del provider.script["/rest/v1.0/me"]
            assert other.run("signin", "--browser", browser("--just-open")).code == 0
            return REFUSED

        provider.script["/rest/v1.0/me"] = sign_in_elsewhere
        result = machine.run_here("whoami")
    assert not {str(request.bearer) for request in provider.requests} & set(second.issued)
    assert_ended(result, 3)
    assert second.url in result.err
    assert provider.url in result.err
    assert refreshes(provider) == 0
