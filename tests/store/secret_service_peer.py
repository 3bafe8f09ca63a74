"""The other end of a session with the Secret Service, on SecretStorage's half of the key agreement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jeepney import HeaderFields, Message, new_error, new_method_return
from secretstorage.dhcrypto import Session
from secretstorage.util import format_secret

ALGORITHM = "dh-ietf1024-sha256-aes128-cbc-pkcs7"
ITEM = "/org/freedesktop/secrets/collection/login/1"


class Service:
    """A connection to a service that has one item; it answers as the service itself would."""

    def __init__(self, secret: bytes | None) -> None:
        self.secret = secret
        self.is_locked = False
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.refusal = ""
        self.error = "org.freedesktop.DBus.Error.Failed"
        self.damage: Callable[[bytes], bytes] = bytes
        self.session = Session()
        self.session.object_path = "/org/freedesktop/secrets/session/s1"

    def close(self) -> None:
        """Connections are closed; this one has nothing to close."""

    def send_and_get_reply(self, message: Message) -> Message:
        method = message.header.fields[HeaderFields.member]
        self.asked.append((method, message.body))
        message.header.serial = len(self.asked)
        if method == self.refusal:
            return new_error(message, self.error)
        signature, body = getattr(self, f"answer_{method}")(*message.body)
        return new_method_return(message, signature, body)

    def answer_OpenSession(self, algorithm: str, offer: tuple[str, bytes]) -> tuple[str, tuple[Any, ...]]:  # noqa: N802
        assert algorithm == ALGORITHM
        offered = int.from_bytes(offer[1], "big")
        self.session.set_server_public_key(offered)
        key = self.session.my_public_key.to_bytes(128, "big")
        return "vo", (("ay", key), self.session.object_path)

    def answer_SearchItems(self, _: dict[str, str]) -> tuple[str, tuple[Any, ...]]:  # noqa: N802
        return "ao", ([] if self.secret is None else [ITEM],)

    def answer_Get(self, _: str, name: str) -> tuple[str, tuple[Any, ...]]:  # noqa: N802
        return "v", ({"Locked": ("b", self.is_locked), "Label": ("s", "a label")}[name],)

    def answer_GetSecret(self, session: str) -> tuple[str, tuple[Any, ...]]:  # noqa: N802
        assert session == self.session.object_path
        path, vector, encrypted, kind = format_secret(self.session, self.secret, "text/plain")
        return "(oayays)", ((path, vector, self.damage(encrypted), kind),)
