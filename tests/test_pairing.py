"""Kept client secrets and damaged bindings: nothing is paired with a stranger, and a bad word is no word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from procore_cli.storage import files as parts
from procore_cli.storage.files import ClientSecrets, SecretFiles
from tests.cli import Machine
from tests.elsewhere import watch_ways_out
from tests.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.signed_in import assert_ended, last_token, refreshes, sign_in
from tests.store.store_world import BINDING, run_sql


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    machine.data.mkdir(mode=0o700)
    return machine


def keep_secret(machine: Machine, client_id: str, origin: str) -> None:
    files = SecretFiles(machine.data)
    ClientSecrets(lambda _: files, "file", "production").save(client_id, origin, CLIENT_SECRET)
    # A variable that is set to nothing is not set.
    machine.variables["PROCORE_CLIENT_SECRET"] = ""


def test_a_kept_secret_signs_its_own_app_in_and_renews_its_tokens(
    machine: Machine, provider: Provider
) -> None:
    keep_secret(machine, CLIENT_ID, provider.url)
    assert sign_in(machine).code == 0
    assert_ended(machine.run_here("refresh"))


@pytest.mark.parametrize("kept_for", ["another app", "another host"])
@pytest.mark.parametrize("command", ["signin", "refresh"])
def test_the_secret_of_another_app_or_host_begins_no_sign_in_and_renews_no_token(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch, command: str, kept_for: str
) -> None:
    if command == "refresh":
        assert sign_in(machine).code == 0
    sent = len(provider.requests)
    app, host = "the-app-of-the-secret", "https://login.example.com"
    if kept_for == "another app":
        keep_secret(machine, app, provider.url)
        named = (app, CLIENT_ID, "PROCORE_CLIENT_ID")
    else:
        keep_secret(machine, CLIENT_ID, host)
        named = (host, provider.url, "PROCORE_LOGIN_URL")
    ways_out = watch_ways_out(monkeypatch)

    result = sign_in(machine) if command == "signin" else machine.run_here("refresh")

    assert_ended(result, 3)
    for said in (*named, "Nothing was sent"):
        assert said in result.err
    assert (ways_out, len(provider.requests)) == ([], sent)
    if command == "refresh":
        # Nothing was sent, so the tokens are as good as before.
        assert machine.run_here("token").out == f"{last_token(provider)}\n"
    else:
        assert len(list((machine.data / "secrets").iterdir())) == 1


FORGED: dict[str, tuple[Any, int]] = {
    "none": (None, 4),
    "a text": ("production", 4),
    "empty": ({}, 4),
    "an app that is a number": ({**BINDING._asdict(), "client_id": 5}, 4),
    "a host that is null": ({**BINDING._asdict(), "login_origin": None}, 4),
    "no words": ({"client_id": "", "login_origin": "", "api_origin": ""}, 3),
    "other hosts": (BINDING._asdict(), 3),
    "the demo's": ({"client_id": CLIENT_ID, "login_origin": "demo", "api_origin": "demo"}, 3),
}


@pytest.mark.parametrize(("binding", "code"), FORGED.values(), ids=FORGED.keys())
def test_tokens_whose_binding_is_damaged_are_sent_nowhere(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch, binding: Any, code: int
) -> None:
    assert sign_in(machine).code == 0
    # What a program does that knows the format, checksums and all.
    files = SecretFiles(machine.data)
    ((name,),) = run_sql(machine.data / "production.db", "SELECT name FROM procore_login_entries")
    text = json.loads(parts.load_text(files, "production", str(name)) or "")
    parts.save_text(files, "production", str(name), json.dumps({**text, "binding": binding}))
    ways_out = watch_ways_out(monkeypatch)
    for command in ("token", "whoami", "refresh", "signout"):
        result = machine.run_here(command)
        assert "Traceback" not in result.err
        assert result.out == ""
        assert "hush" not in result.err
        # A sign-out has nothing to revoke where it can read nothing.
        assert result.code == (0 if (command, code) == ("signout", 4) else code), result.err
    assert ways_out == []
    assert refreshes(provider) == 0
    assert list((machine.data / "secrets").iterdir()) == []
