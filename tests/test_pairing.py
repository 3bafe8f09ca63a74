"""Kept client secrets and damaged bindings: nothing is paired with a stranger, and a bad word is no word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from procore_cli.storage import files as parts
from procore_cli.storage.files import ClientSecrets, SecretFiles
from tests.cli import Machine
from tests.elsewhere import Elsewhere, watch_ways_out
from tests.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.signed_in import assert_ended, last_token, refreshes, sign_in
from tests.store.store_world import BINDING, run_sql


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    machine.data.mkdir(mode=0o700)
    return machine


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        yield server


def keep_secret(machine: Machine, client_id: str, origin: str, environment: str = "production") -> None:
    files = SecretFiles(machine.data)
    ClientSecrets(lambda _: files, "file", environment).save(client_id, origin, CLIENT_SECRET)


def count_files(machine: Machine) -> int:
    return len(list((machine.data / "secrets").iterdir()))


def test_a_kept_secret_signs_its_own_app_in_and_renews_its_tokens(
    machine: Machine, provider: Provider
) -> None:
    keep_secret(machine, CLIENT_ID, provider.url)
    machine.variables["PROCORE_CLIENT_SECRET"] = ""

    assert sign_in(machine).code == 0
    assert_ended(machine.run_here("refresh"))


def test_no_sign_in_begins_with_the_secret_of_another_app(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_secret(machine, "the-app-of-the-secret", provider.url)
    # A variable that is set to nothing is not set.
    machine.variables["PROCORE_CLIENT_SECRET"] = ""
    ways_out = watch_ways_out(monkeypatch)

    result = sign_in(machine)

    assert_ended(result, 3)
    for said in ("the-app-of-the-secret", CLIENT_ID, "PROCORE_CLIENT_ID", "Nothing was sent"):
        assert said in result.err
    assert ways_out == []
    assert provider.requests == []
    assert count_files(machine) == 1


@pytest.mark.parametrize("kept", ["another app", "another host"])
def test_no_token_is_renewed_with_the_secret_of_another_app_or_host(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    assert sign_in(machine).code == 0
    app = "the-app-of-the-secret" if kept == "another app" else CLIENT_ID
    host = "https://login.example.com" if kept == "another host" else provider.url
    keep_secret(machine, app, host)
    del machine.variables["PROCORE_CLIENT_SECRET"]
    ways_out = watch_ways_out(monkeypatch)

    result = machine.run_here("refresh")

    assert_ended(result, 3)
    named = (app, CLIENT_ID) if kept == "another app" else (host, provider.url)
    assert all(name in result.err for name in named)
    assert ("PROCORE_CLIENT_ID" if kept == "another app" else "PROCORE_LOGIN_URL") in result.err
    assert ways_out == []
    # Nothing was sent, so the tokens are as good as before.
    assert machine.run_here("token").out == f"{last_token(provider)}\n"


def test_no_sign_in_begins_at_another_host_than_the_secrets(
    machine: Machine, provider: Provider, elsewhere: Elsewhere
) -> None:
    keep_secret(machine, CLIENT_ID, provider.url)
    del machine.variables["PROCORE_CLIENT_SECRET"]
    machine.variables["PROCORE_LOGIN_URL"] = elsewhere.url

    result = sign_in(machine)

    assert_ended(result, 3)
    for said in (provider.url, elsewhere.url, "PROCORE_LOGIN_URL"):
        assert said in result.err
    assert elsewhere.count() == 0


def test_a_damaged_client_secret_is_none(machine: Machine, provider: Provider) -> None:
    del machine.variables["PROCORE_CLIENT_SECRET"]
    for written in ("", "[]", "[1, 5, 6, 7]", '[1, "client-of-the-tests"]', "{", "null"):
        keep_secret(machine, CLIENT_ID, provider.url)
        SecretFiles(machine.data).save("procore-login/production/client-secret", "client-secret", written)

        result = sign_in(machine)

        assert_ended(result, 3)
        assert "configure" in result.err
    assert provider.requests == []


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
    rewrite_binding(machine, binding)
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


def rewrite_binding(machine: Machine, binding: Any) -> None:
    """What a program does that knows the format, checksums and all."""
    files = SecretFiles(machine.data)
    ((name,),) = run_sql(machine.data / "production.db", "SELECT name FROM procore_login_entries")
    text = parts.load_text(files, "production", str(name))
    assert text is not None
    parts.save_text(files, "production", str(name), json.dumps({**json.loads(text), "binding": binding}))
