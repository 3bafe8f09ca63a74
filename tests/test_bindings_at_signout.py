"""Signing out, and asking about every account, where the values in force are not the tokens' own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli import Machine
from tests.elsewhere import Elsewhere, watch_ways_out
from tests.provider import Provider
from tests.signed_in import assert_ended

pytestmark = pytest.mark.usefixtures("signed_in")

SETTINGS = ["PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_CLIENT_ID"]


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        yield server


@pytest.fixture
def ways_out(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whatever goes out after the sign-in."""
    return watch_ways_out(monkeypatch)


@pytest.mark.parametrize("arguments", [("signout",), ("signout", "--all")], ids=" ".join)
@pytest.mark.parametrize("setting", SETTINGS)
def test_signing_out_deletes_here_sends_nothing_and_says_so(
    machine: Machine,
    provider: Provider,
    elsewhere: Elsewhere,
    ways_out: list[Any],
    setting: str,
    arguments: tuple[str, ...],
) -> None:
    made_for = machine.variables[setting]
    machine.variables[setting] = elsewhere.url if setting.endswith("URL") else "another-app"

    result = machine.run_here(*arguments)

    assert_ended(result, 3)
    assert result.out == ""
    error = next(line for line in result.err.splitlines() if line.startswith("Error: "))
    for said in (made_for, machine.variables[setting], setting, "deleted here", "not revoked"):
        assert said in error
    assert (ways_out, elsewhere.count(), provider.count("/oauth/revoke")) == ([], 0, 0)
    assert list(machine.keyring.iterdir()) == []
    assert_ended(machine.run_here("token"), 4)


@pytest.mark.parametrize("setting", SETTINGS)
def test_checking_the_accounts_asks_nobody_else(
    machine: Machine, elsewhere: Elsewhere, ways_out: list[Any], setting: str
) -> None:
    made_for = machine.variables[setting]
    machine.variables[setting] = elsewhere.url if setting.endswith("URL") else "another-app"

    result = machine.run_here("accounts", "--check", "--env", "production")

    assert_ended(result, 3)
    for said in (made_for, machine.variables[setting], setting, "Nothing was sent"):
        assert said in result.err
    assert (ways_out, elsewhere.count()) == ([], 0)
