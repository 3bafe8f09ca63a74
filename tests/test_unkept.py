"""A sign-in whose tokens cannot be kept: they are ended at Procore, and the error that mattered is told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from procore_cli.flows import revocation
from tests.cli import PATIENCE_S, Machine
from tests.provider import Answer, Provider
from tests.signed_in import assert_ended, last_token, saying, sign_in

REVOKED = "The tokens that Procore had given are revoked again; nothing is kept."


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    return machine


def assert_revoked(provider: Provider, said: str) -> None:
    """All that was issued is, and that is said."""
    revoked = {request.form["token"] for request in provider.requests if request.path == "/oauth/revoke"}
    assert revoked == {t for t in provider.issued if t.startswith(("hush-access-", "hush-refresh-"))} != set()
    assert REVOKED in said


def replace_secrets_by_a_file(machine: Machine) -> None:
    for path in (machine.data / "secrets").iterdir():
        path.unlink()
    (machine.data / "secrets").rmdir()
    (machine.data / "secrets").touch()


def damage_database(machine: Machine) -> None:
    (machine.data / "production.db").write_bytes(b"no database")


def test_tokens_of_nobody_known_are_revoked(machine: Machine, provider: Provider) -> None:
    answers = [
        (Answer(500, {"errors": "Sorry"}), 5, "Procore answered 500"),
        (Answer(401, {"error": "invalid_token"}), 4, "did not accept the access token"),
        (Answer(200, {"id": "x"}), 5, "a person without a usable id"),
        (Answer(302, "", {"Location": "https://elsewhere.example/"}), 5, "redirect"),
    ]
    for me, code, said in answers:
        provider.script["/rest/v1.0/me"] = lambda _, me=me: me
        ended = sign_in(machine)
        assert_ended(ended, code)
        assert said in ended.err
        assert_revoked(provider, ended.err)
        assert machine.run_here("token").code == 4


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (replace_secrets_by_a_file, "secrets cannot be used: it is not a folder"),
        (damage_database, "is not an SQLite database"),
    ],
)
def test_tokens_that_no_store_takes_any_more_are_revoked(
    machine: Machine, provider: Provider, how: Callable[[Machine], None], said: str
) -> None:
    # The store was proved; then, while Procore is asked who it is, it changes.
    provider.script["/rest/v1.0/me"] = lambda _: how(machine)
    ended = sign_in(machine)
    assert_ended(ended, 6)
    assert said in ended.err
    assert_revoked(provider, ended.err)


@pytest.mark.parametrize("lifetime_s", [5400, None])
def test_tokens_that_cannot_be_revoked_are_said_to_live(
    machine: Machine, provider: Provider, lifetime_s: int | None
) -> None:
    provider.lifetime_s = lifetime_s
    provider.script["/rest/v1.0/me"] = lambda _: Answer(500, {"errors": "Sorry"})
    provider.script["/oauth/revoke"] = lambda _: Answer(503, "")
    ended = sign_in(machine)
    assert_ended(ended, 5)
    assert REVOKED not in ended.err
    assert "could not be revoked; they may still live there, the access token until " in ended.err
    assert ("until Procore refuses it" in ended.err) == (lifetime_s is None)
    assert "the refresh token until somebody ends it" in ended.err
    assert "Error: production: Procore answered 500" in ended.err


def test_an_end_that_procore_does_not_confirm_is_not_waited_for_long(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert revocation.PATIENCE_S == 10
    monkeypatch.setattr(revocation, "PATIENCE_S", 0.2)
    go_on = threading.Event()
    provider.script["/rest/v1.0/me"] = lambda _: Answer(500, {"errors": "Sorry"})
    provider.script["/oauth/revoke"] = lambda _: Answer(200, {}) if go_on.wait(PATIENCE_S) else None
    ended = sign_in(machine)
    go_on.set()
    assert_ended(ended, 5)
    assert "Procore did not say so within 0.2 s" in ended.err
    assert "Error: production: Procore answered 500" in ended.err


def test_a_former_token_that_procore_gives_again_is_not_revoked(machine: Machine, provider: Provider) -> None:
    assert sign_in(machine).code == 0
    former = [token for token in provider.issued if token.startswith("hush-refresh-")][-1]
    provider.script["/oauth/token"] = saying(provider, refresh_token=former)
    access = last_token(provider)
    assert_ended(sign_in(machine))
    revoked = [request.form["token"] for request in provider.requests if request.path == "/oauth/revoke"]
    assert revoked == [access]
