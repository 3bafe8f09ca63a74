"""Tokens that another run saved meanwhile: taken, but only where they belong to what is in force here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli import Machine, browser
from tests.provider import Answer, Provider, Request, serving
from tests.signed_in import assert_ended, refreshes

pytestmark = pytest.mark.usefixtures("signed_in")


@pytest.fixture
def second() -> Iterator[Provider]:
    """Another Procore, with the same person."""
    with serving(Provider()) as running:
        yield running


def test_tokens_of_another_host_that_came_meanwhile_are_sent_nowhere(
    machine: Machine, provider: Provider, second: Provider
) -> None:
    other = Machine(machine.home, dict(machine.variables), machine.port)
    other.point_at(second)

    def sign_in_elsewhere(_: Request) -> Answer:
        del provider.script["/rest/v1.0/me"]
        assert other.run("signin", "--browser", browser("--just-open")).code == 0
        return Answer(401, {"error": "invalid_token"})

    provider.script["/rest/v1.0/me"] = sign_in_elsewhere

    result = machine.run_here("whoami")

    assert not {str(request.bearer) for request in provider.requests} & set(second.issued)
    assert_ended(result, 3)
    assert second.url in result.err
    assert provider.url in result.err
    assert refreshes(provider) == 0
