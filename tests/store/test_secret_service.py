"""The session that reads the Secret Service, against SecretStorage's own half of the key agreement."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

pytest.importorskip("secretstorage")

from jeepney import DBusErrorResponse, HeaderFields, Message, new_error, new_method_return
from secretstorage.dhcrypto import DH_PRIME_1024, Session
from secretstorage.util import format_secret

from procore_cli.store.secret_service import SecretService

ALGORITHM = "dh-ietf1024-sha256-aes128-cbc-pkcs7"
ITEM = "/org/freedesktop/secrets/collection/login/1"


class Service:
    """A connection to a service that has one item; it answers as the service itself would."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.refusal = ""
        self.wants_zeros = False
        self.damage: Callable[[bytes], bytes] = bytes
        self.session = Session()
        self.session.object_path = "/org/freedesktop/secrets/session/s1"

    def send_and_get_reply(self, message: Message) -> Message:
        method = message.header.fields[HeaderFields.member]
        self.asked.append((method, message.body))
        message.header.serial = len(self.asked)
        if method == self.refusal:
            return new_error(message, "org.freedesktop.DBus.Error.NotSupported")
        signature, body = getattr(self, f"answer_{method}")(*message.body)
        return new_method_return(message, signature, body)

    def answer_OpenSession(self, algorithm: str, offer: tuple[str, bytes]) -> tuple[str, tuple[Any, ...]]:  # noqa: N802
        assert algorithm == ALGORITHM
        offered = int.from_bytes(offer[1], "big")
        if self.wants_zeros:
            fits = (n for n in count(2**20) if pow(offered, n, DH_PRIME_1024) < 2**1016)
            self.session.my_private_key = next(fits)
            self.session.my_public_key = pow(2, self.session.my_private_key, DH_PRIME_1024)
        self.session.set_server_public_key(offered)
        key = self.session.my_public_key.to_bytes(128, "big")
        return "vo", (("ay", key.lstrip(b"\0")), self.session.object_path)

    def answer_GetSecret(self, session: str) -> tuple[str, tuple[Any, ...]]:  # noqa: N802
        assert session == self.session.object_path
        path, vector, encrypted, kind = format_secret(self.session, self.secret, "text/plain")
        return "(oayays)", ((path, vector, self.damage(encrypted), kind),)


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
    [lambda text: text[:-1], lambda text: b"", lambda text: bytes([text[0] ^ 1]) + text[1:] + b"\0" * 16],
    ids=["cut", "empty", "garbled"],
)
def test_a_garbled_secret_is_no_text(damage: Callable[[bytes], bytes]) -> None:
    service = Service(b"text")
    service.damage = damage

    with pytest.raises(ValueError):  # noqa: PT011 - cryptography's words are its own
        SecretService(service).read(ITEM)
