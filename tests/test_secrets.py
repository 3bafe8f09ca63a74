"""No secret anywhere but in the keyring: every command is run with --debug, and everything is searched."""

import contextlib
import io
import sys
from pathlib import Path

from procore_cli.client.oauth import new_pkce
from procore_cli.config.settings import Overrides, load_settings
from procore_cli.grants import AppCredentials, TokenSet
from procore_cli.models import Binding
from procore_cli.storage.files import StoredSecret
from tests.cli import Result, browser
from tests.provider import CLIENT_SECRET, Answer, Request

BROWSER = ("--browser", browser())


def arguments_of_all_processes() -> str:
    """What any user of the machine can read of the processes that run now (empty where there is no /proc)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        # It may have gone.
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(found)


def test_no_secret_is_anywhere_but_in_the_keyring(machine, provider, monkeypatch):
    processes: list[str] = []

    def look(_: Request) -> None:
        processes.append(arguments_of_all_processes())

    provider.script = {"/oauth/token": look, "/rest/v1.0/me": look}
    secret = machine.variables.pop("PROCORE_CLIENT_SECRET")
    refuse = {"/oauth/token": lambda _: Answer(400, {"error": "invalid_grant"})}
    monkeypatch.setattr(sys, "stdin", io.StringIO(secret))
    results: list[Result] = [
        machine.run_here("configure", "--debug", "--client-secret-stdin"),
        machine.run_here("configure", "--show", "--debug"),
        # These two as processes: what they start, and with which arguments, is looked at, too.
        machine.run("signup", "--debug", *BROWSER),
        machine.run_here("signin", "--debug", "--json", *BROWSER),
        machine.run_here("whoami", "--debug"),
        machine.run_here("whoami", "--offline", "--debug"),
        machine.run("refresh", "--debug"),
        machine.run_here("signin", "--account", "x@example.com", "--debug", *BROWSER),
    ]
    provider.script = refuse
    results.append(machine.run_here("signin", "--debug", *BROWSER))
    results.append(machine.run_here("refresh", "--debug"))
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


def test_the_keyring_is_where_they_are_and_where_it_fails_nothing_prints_them(machine, provider):
    machine.run_here("signup", *BROWSER).ended()
    kept = "".join(machine.kept())
    assert [token in kept for token in provider.issued[-2:]] == [True, True]
    machine.variables["TEST_KEYRING_FAULT"] = "fail-at-write"
    machine.run_here("signup", "--debug", *BROWSER).ended(6, "debug:")


def test_secrets_show_in_no_repr():
    pkce = new_pkce()
    settings = load_settings(Overrides(), {"PROCORE_CLIENT_SECRET": "hush", "PROCORE_ACCESS_TOKEN": "hush"})
    for holder, hushed in (
        (settings, "hush"),
        (AppCredentials("id", "hush", "source"), "hush"),
        (TokenSet("hush", "hush", 1, Binding("id", "login", "api")), "hush"),
        (StoredSecret("production", "id", "origin", "hush"), "hush"),
        (pkce, pkce.verifier),
    ):
        assert hushed not in repr(holder)
