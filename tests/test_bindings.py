"""Kept tokens and the values in force: where they differ, nothing is sent and the setting is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli import Machine, Result
from tests.elsewhere import Elsewhere, watch_ways_out
from tests.moments import LIFETIME_S, set_clock
from tests.provider import CLIENT_ID, JOE, Provider
from tests.signed_in import assert_ended, last_token, refreshes, save_tokens

pytestmark = pytest.mark.usefixtures("signed_in")

SETTINGS = ["PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_CLIENT_ID"]
SENDERS = [("whoami",), ("token",), ("token", "--min-ttl", "0"), ("refresh",)]
CONFIGURED = "config.toml [environments.production]"


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        yield server


@pytest.fixture
def ways_out(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whatever goes out after the sign-in."""
    return watch_ways_out(monkeypatch)


def configure(machine: Machine, client_id: str, environment: str = "production") -> None:
    (machine.data / "config.toml").write_text(f'[environments.{environment}]\nclient_id = "{client_id}"\n')
    (machine.data / "config.toml").chmod(0o600)


def assert_refused(result: Result, made_for: str, in_force: str, setting: str) -> None:
    """Exit 3, no data, and both values and the setting on stderr."""
    assert_ended(result, 3)
    assert result.out == ""
    said = [line for line in result.err.splitlines() if line.startswith(("Error: ", "Hint: "))]
    assert len(said) == 2
    assert made_for in said[0]
    assert in_force in said[0]
    assert "production" in said[0]
    assert "Nothing was sent" in said[0]
    assert setting in said[0]
    assert setting in said[1]


@pytest.mark.parametrize("setting", ["PROCORE_LOGIN_URL", "PROCORE_API_URL"])
def test_another_scheme_host_or_port_is_another_host(
    machine: Machine,
    provider: Provider,
    elsewhere: Elsewhere,
    ways_out: list[Any],
    setting: str,
) -> None:
    others = [
        elsewhere.url,
        provider.url.replace("http:", "https:"),
        provider.url.replace("127.0.0.1", "localhost"),
        "https://procore.example.com",
    ]
    for other in others:
        machine.variables[setting] = other
        for command in SENDERS:
            assert_refused(machine.run_here(*command), provider.url, other, setting)

    assert ways_out == []
    assert elsewhere.count() == 0


def test_values_that_are_unset_again_are_others_too(
    machine: Machine, provider: Provider, ways_out: list[Any]
) -> None:
    for setting, own in (
        ("PROCORE_LOGIN_URL", "https://login.procore.com"),
        ("PROCORE_API_URL", "https://api.procore.com"),
    ):
        former = machine.variables.pop(setting)
        for command in SENDERS:
            result = machine.run_here(*command)
            assert_refused(result, provider.url, own, setting)
            assert f"({setting} is not set)" in result.err
            assert f"Set {setting} to {provider.url} again" in result.err
        machine.variables[setting] = former

    assert ways_out == []


def test_another_app_is_named_with_the_place_that_names_it(machine: Machine, ways_out: list[Any]) -> None:
    configure(machine, "a-third-app")
    # Set to nothing, the variable is not set, and the file counts.
    for value, other, place in (
        ("another-app", "another-app", "PROCORE_CLIENT_ID"),
        ("", "a-third-app", CONFIGURED),
    ):
        machine.variables["PROCORE_CLIENT_ID"] = value
        for command in SENDERS:
            result = machine.run_here(*command)
            assert_refused(result, CLIENT_ID, other, place)
            assert ("PROCORE_CLIENT_ID is not set" in result.err) is (value == "")
            assert (f"Set PROCORE_CLIENT_ID to {CLIENT_ID} again" in result.err) is (value == "")

    assert ways_out == []


def test_the_same_app_from_another_place_is_the_same(machine: Machine, ways_out: list[Any]) -> None:
    del machine.variables["PROCORE_CLIENT_ID"]
    configure(machine, CLIENT_ID)

    for command in SENDERS:
        ways_out.clear()
        assert_ended(machine.run_here(*command))
        # The watch that finds nothing elsewhere does see what goes out.
        assert (ways_out == []) is (command[0] == "token")


@pytest.mark.parametrize("setting", ["PROCORE_LOGIN_URL", "PROCORE_API_URL"])
def test_the_same_origin_in_other_letters_is_the_same(
    machine: Machine, provider: Provider, setting: str
) -> None:
    own = provider.url.replace("127.0.0.1", "localhost")
    machine.variables |= {"PROCORE_LOGIN_URL": own, "PROCORE_API_URL": own}
    provider.url = own
    save_tokens(provider, machine, JOE)

    for same in (f"{own}/", own.replace("localhost", "LocalHost"), own.replace("http", "HTTP")):
        machine.variables[setting] = same
        for command in SENDERS:
            assert_ended(machine.run_here(*command))


@pytest.mark.parametrize("setting", ["PROCORE_LOGIN_URL", "PROCORE_API_URL"])
def test_a_path_below_the_base_url_is_no_base_url(
    machine: Machine, provider: Provider, ways_out: list[Any], setting: str
) -> None:
    machine.variables[setting] = f"{provider.url}/below"

    for command in (*SENDERS, ("whoami", "--offline"), ("signout",)):
        result = machine.run_here(*command)
        assert_ended(result, 3)
        assert setting in result.err

    assert ways_out == []
    # Not even a sign-out touches what is kept, since nobody knows what was meant.
    assert len(list(machine.keyring.iterdir())) == 1


def test_an_expired_token_is_not_refreshed_for_another_api(
    machine: Machine,
    provider: Provider,
    elsewhere: Elsewhere,
    ways_out: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = set_clock(monkeypatch)
    clock.now += LIFETIME_S * 1000
    machine.variables["PROCORE_API_URL"] = elsewhere.url

    for command in SENDERS:
        assert_refused(machine.run_here(*command), provider.url, elsewhere.url, "PROCORE_API_URL")

    assert (ways_out, elsewhere.count(), refreshes(provider)) == ([], 0, 0)


def test_a_process_of_its_own_prints_no_token_and_connects_to_nobody(
    machine: Machine, provider: Provider, elsewhere: Elsewhere
) -> None:
    asked = len(provider.requests)
    machine.variables |= {"PROCORE_LOGIN_URL": elsewhere.url, "PROCORE_API_URL": elsewhere.url}

    assert_refused(machine.run("token"), provider.url, elsewhere.url, "PROCORE_LOGIN_URL")

    assert (elsewhere.count(), len(provider.requests)) == (0, asked)


def test_without_any_app_in_force_the_token_serves_and_is_not_renewed(
    machine: Machine, provider: Provider
) -> None:
    del machine.variables["PROCORE_CLIENT_ID"]
    token = last_token(provider)

    assert machine.run_here("token").out == f"{token}\n"
    assert_ended(machine.run_here("whoami"))
    refused = machine.run_here("refresh")

    assert_ended(refused, 3)
    assert "configure --env production" in refused.err
    assert refreshes(provider) == 0


def test_offline_the_other_hosts_are_named_and_nothing_else_happens(
    machine: Machine, elsewhere: Elsewhere, ways_out: list[Any]
) -> None:
    machine.variables |= {
        "PROCORE_LOGIN_URL": "https://login.example.com",
        "PROCORE_API_URL": elsewhere.url,
        "PROCORE_CLIENT_ID": "another-app",
        "TEST_KEYRING_FAULT": "missing",
    }

    result = machine.run_here("whoami", "--offline", "--json")

    assert_ended(result)
    assert result.json["email"] == "joecontractor@procore.com"
    named = [line for line in result.err.splitlines() if "production" in line]
    assert [("https://login.example.com" in line, elsewhere.url in line) for line in named] == [
        (True, False),
        (False, True),
    ]
    assert (ways_out, elsewhere.count()) == ([], 0)


# Signing out, and asking about every account


@pytest.mark.parametrize("setting", SETTINGS)
def test_signing_out_deletes_here_sends_nothing_and_says_so(
    machine: Machine, provider: Provider, elsewhere: Elsewhere, ways_out: list[Any], setting: str
) -> None:
    made_for = machine.variables[setting]
    for arguments in (["signout"], ["signout", "--all"]):
        machine.variables[setting] = made_for
        save_tokens(provider, machine, JOE)
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
