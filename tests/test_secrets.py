"""No secret anywhere but in the keyring: every command is run with --debug, and everything is searched."""

from __future__ import annotations

from pathlib import Path

import pytest

from procore_cli.client.oauth import new_pkce
from procore_cli.models import AppCredentials, Binding, TokenSet
from procore_cli.storage.files import StoredSecret
from tests.cli import Machine, Result, browser
from tests.provider import CLIENT_SECRET, Answer, Provider, Request

BROWSER = ("--browser", browser())


def arguments_of_all_processes() -> str:
    """What any user of the machine can read of the processes that run now (empty where there is no /proc)."""
    return "\n".join(map(read_or_nothing, Path("/proc").glob("[0-9]*/cmdline")))


def read_or_nothing(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        # The process has gone.
        return ""


def test_no_secret_is_anywhere_but_in_the_keyring(machine: Machine, provider: Provider) -> None:
    processes: list[str] = []

    def look(_: Request) -> None:
        processes.append(arguments_of_all_processes())

    provider.script = {"/oauth/token": look, "/rest/v1.0/me": look}
    secret = machine.variables.pop("PROCORE_CLIENT_SECRET")
    refuse = {"/oauth/token": lambda _: Answer(400, {"error": "invalid_grant"})}

    results: list[Result] = [
        machine.run("configure", "--debug", "--client-secret-stdin", stdin=secret),
        machine.run("configure", "--show", "--debug"),
        machine.run("signup", "--debug", *BROWSER),
        machine.run("signin", "--debug", "--json", *BROWSER),
        machine.run("whoami", "--debug"),
        machine.run("whoami", "--offline", "--debug"),
        machine.run("refresh", "--debug"),
        machine.run("signin", "--account", "x@example.com", "--debug", *BROWSER),
    ]
    provider.script = refuse
    results.append(machine.run("signin", "--debug", *BROWSER))
    results.append(machine.run("refresh", "--debug"))

    assert [result.code for result in results] == [0, 0, 0, 0, 0, 0, 0, 4, 5, 4]
    said = "".join(result.out + result.err for result in results)
    assert "debug: POST" in said
    files = b"".join(path.read_bytes() for path in machine.data.rglob("*") if path.is_file())
    secrets = [CLIENT_SECRET, *provider.issued]
    assert len(secrets) > 10
    for hushed in secrets:
        assert hushed not in said
        assert hushed.encode() not in files
        assert all(hushed not in arguments for arguments in processes)


def test_the_keyring_is_where_they_are(machine: Machine, provider: Provider) -> None:
    machine.run("signup", *BROWSER)

    kept = b"".join(path.read_bytes() for path in machine.keyring.rglob("*") if path.is_file())
    access_token, refresh_token = provider.issued[-2:]
    assert access_token.encode() in kept
    assert refresh_token.encode() in kept


def test_a_bug_in_the_middle_prints_no_secret(machine: Machine, provider: Provider) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "fail-at-write"
    machine.variables["PROCORE_CLIENT_SECRET"] = CLIENT_SECRET

    result = machine.run("signup", "--debug", *BROWSER)

    assert result.code == 6
    assert "debug:" in result.err
    assert "hush" not in result.err


@pytest.mark.parametrize(
    "holder",
    [
        AppCredentials("id", "hush", "source"),
        TokenSet("hush", "hush", 1, Binding("id", "login", "api")),
        StoredSecret("production", "id", "origin", "hush"),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_secrets_show_in_no_repr(holder: object) -> None:
    assert "hush" not in repr(holder)


def test_a_code_verifier_shows_in_no_repr() -> None:
    pkce = new_pkce()

    assert pkce.verifier not in repr(pkce)
