"""The session that reads the Secret Service, against SecretStorage's own half of the key agreement."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

pytest.importorskip("secretstorage")

from jeepney import DBusErrorResponse

from procore_cli.storage.secret_service import SecretService
from tests.store.secret_service_peer import ITEM, Service


@pytest.mark.parametrize("secret", [b"", b"x" * 15, b"x" * 16, "é".encode() * 3000])
def test_what_secretstorage_encrypts_is_read(secret: bytes) -> None:
    assert SecretService(Service(secret)).read(ITEM) == secret


def test_a_shared_secret_that_begins_with_zeros_is_as_long_as_any() -> None:
    service = Service(b"text")
    service.wants_zeros = True
    assert SecretService(service).read(ITEM) == b"text"


def test_one_session_serves_for_every_read() -> None:
    service = Service(b"text")
    reader = SecretService(service)

    assert (reader.read(ITEM), reader.read(ITEM)) == (b"text", b"text")
    assert [method for method, _ in service.asked] == ["OpenSession", "GetSecret", "GetSecret"]


def test_no_two_sessions_have_a_key_in_common() -> None:
    services = [Service(b""), Service(b"")]
    for service in services:
        SecretService(service).read(ITEM)
    one, other = (service.asked[0][1] for service in services)
    assert one != other


def test_an_exponent_is_more_than_twice_as_long_as_the_group_is_strong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service(b"")
    asked: list[int] = []
    urandom = os.urandom
    monkeypatch.setattr(os, "urandom", lambda size: asked.append(size) or urandom(size))

    SecretService(service).read(ITEM)

    # The next one is the peer's, for what it encrypts.
    assert asked[0] >= 32


def test_a_service_that_cannot_encrypt_is_not_asked_to_do_without() -> None:
    service = Service(b"text")
    service.refusal = "OpenSession"

    with pytest.raises(DBusErrorResponse):
        SecretService(service).read(ITEM)

    assert [method for method, _ in service.asked] == ["OpenSession"]


def test_an_error_of_the_service_is_raised() -> None:
    service = Service(b"text")
    service.refusal = "GetSecret"

    with pytest.raises(DBusErrorResponse):
        SecretService(service).read(ITEM)


@pytest.mark.parametrize(
    "damage",
    # The last one makes a padding of 48 out of one of 16.
    [lambda text: text[:-1], lambda text: b"", lambda text: text[:15] + bytes([text[15] ^ 32]) + text[16:]],
    ids=["cut", "empty", "garbled"],
)
def test_a_garbled_secret_is_no_text(damage: Callable[[bytes], bytes]) -> None:
    service = Service(b"x" * 16)
    service.damage = damage

    with pytest.raises(ValueError):  # noqa: PT011 - cryptography's words are its own
        SecretService(service).read(ITEM)
