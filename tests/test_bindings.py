"""Kept tokens and the values in force: where they differ, nothing is sent and the setting is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli import Machine
from tests.elsewhere import Elsewhere, watch_ways_out
from tests.moments import set_clock
from tests.provider import CLIENT_ID, Provider
from tests.signed_in import assert_ended, last_token, refreshes

pytestmark = pytest.mark.usefixtures("signed_in")

URLS = ["PROCORE_LOGIN_URL", "PROCORE_API_URL"]
SETTINGS = [*URLS, "PROCORE_CLIENT_ID"]
SENDERS = [("whoami",), ("token",), ("token", "--min-ttl", "0"), ("refresh",)]
CONFIGURED = "config.toml [environments.production]"


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        yield server


@pytest.fixture
def ways_out(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return watch_ways_out(monkeypatch)


def configure(machine: Machine, client_id: str) -> None:
    (machine.data / "config.toml").write_text(f'[environments.production]\nclient_id = "{client_id}"\n')
    (machine.data / "config.toml").chmod(0o600)


PLACES = ("{elsewhere}", "https://{own}", "http://localhost:{port}")
# A setting, its value, and what is in force then; one that is set to nothing is not set, and the file counts.
OTHERS = [
    *((url, other, other) for url in URLS for other in PLACES),
    ("PROCORE_LOGIN_URL", "", "https://login.procore.com"),
    ("PROCORE_API_URL", "", "https://api.procore.com"),
    ("PROCORE_CLIENT_ID", "another-app", "another-app"),
    ("PROCORE_CLIENT_ID", "", "a-third-app"),
]


@pytest.mark.parametrize(("setting", "value", "in_force"), OTHERS)
def test_tokens_for_another_app_scheme_host_or_port_are_sent_nowhere(
    machine: Machine,
    provider: Provider,
    elsewhere: Elsewhere,
    ways_out: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: str,
    in_force: str,
) -> None:
    configure(machine, "a-third-app")
    made_for, own = machine.variables[setting], provider.url.removeprefix("http://")
    places = {"elsewhere": elsewhere.url, "own": own, "port": own.partition(":")[2]}
    machine.variables[setting] = value.format(**places)
    named = CONFIGURED if in_force == "a-third-app" else setting
    for is_expired in (False, True):
        if is_expired:
            set_clock(monkeypatch)
        for command in SENDERS:
            result = machine.run_here(*command)
            assert_ended(result, 3)
            assert result.out == ""
            said = [line for line in result.err.splitlines() if line.startswith(("Error: ", "Hint: "))]
            assert len(said) == 2
            for word in (made_for, in_force.format(**places), "production", "Nothing was sent", named):
                assert word in said[0]
            assert named in said[1]
            assert (f"{setting} is not set)" in result.err) is (value == "")
            assert (f"Set {setting} to {made_for} again" in result.err) is (value == "")
    assert (ways_out, elsewhere.count(), refreshes(provider)) == ([], 0, 0)


def test_the_same_app_from_another_place_is_the_same(machine: Machine, ways_out: list[Any]) -> None:
    del machine.variables["PROCORE_CLIENT_ID"]
    configure(machine, CLIENT_ID)
    for command in SENDERS:
        ways_out.clear()
        assert_ended(machine.run_here(*command))
        # The watch that finds nothing elsewhere does see what goes out.
        assert (ways_out == []) is (command[0] == "token")


@pytest.mark.parametrize("setting", URLS)
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


def test_without_any_app_in_force_the_token_serves_and_is_not_renewed(
    machine: Machine, provider: Provider
) -> None:
    del machine.variables["PROCORE_CLIENT_ID"]
    assert machine.run_here("token").out == f"{last_token(provider)}\n"
    assert_ended(machine.run_here("whoami"))
    refused = machine.run_here("refresh")
    assert_ended(refused, 3)
    assert "procore-login configure" in refused.err
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
    hosts = [("https://login.example.com" in line, elsewhere.url in line) for line in named]
    assert hosts == [(True, False), (False, True)]
    assert (ways_out, elsewhere.count()) == ([], 0)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("signout",), ("deleted here", "not revoked")),
        (("signout", "--all"), ("deleted here", "not revoked")),
        (("accounts", "--check", "--env", "production"), ("Nothing was sent",)),
    ],
)
def test_signing_out_deletes_here_and_checking_asks_nobody_else(
    machine: Machine,
    provider: Provider,
    elsewhere: Elsewhere,
    ways_out: list[Any],
    setting: str,
    command: tuple[str, ...],
    said: tuple[str, ...],
) -> None:
    made_for = machine.variables[setting]
    machine.variables[setting] = elsewhere.url if setting.endswith("URL") else "another-app"
    result = machine.run_here(*command)
    assert_ended(result, 3)
    is_out = command[0] == "signout"
    assert result.out == "" or not is_out
    told = (
        next(line for line in result.err.splitlines() if line.startswith("Error: ")) if is_out else result.err
    )
    for word in (made_for, machine.variables[setting], setting, *said):
        assert word in told
    assert (ways_out, elsewhere.count(), provider.count("/oauth/revoke")) == ([], 0, 0)
    assert len(list(machine.keyring.iterdir())) == (0 if is_out else 1)
    assert_ended(machine.run_here("token"), 4 if is_out else 3)
