"""The Secret Service as far as a read needs it, encrypted on the bus; refuses to write, to prompt, to unlock.

The packages keyring and SecretStorage do more, and take longer to load than a read takes. Source: the
freedesktop.org Secret Service API, with its algorithm dh-ietf1024-sha256-aes128-cbc-pkcs7.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7
from jeepney import DBusAddress, DBusErrorResponse, MessageType, Properties, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

_BUS_NAME = "org.freedesktop.secrets"
_SERVICE = DBusAddress("/org/freedesktop/secrets", _BUS_NAME, "org.freedesktop.Secret.Service")
_DEFAULT_COLLECTION = DBusAddress(
    "/org/freedesktop/secrets/aliases/default", _BUS_NAME, "org.freedesktop.Secret.Collection"
)
_ITEM_INTERFACE = "org.freedesktop.Secret.Item"

_ALGORITHM = "dh-ietf1024-sha256-aes128-cbc-pkcs7"
# RFC 2409, section 6.2: the Second Oakley Group.
_GENERATOR = 2
_PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22"
    "514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6"
    "F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381"
    "FFFFFFFFFFFFFFFF",
    16,
)
_PRIME_BYTES = 128
# More than twice what the group is good for; one as long as the prime takes seven times as long.
_EXPONENT_BYTES = 32
_KEY_BYTES = 16


class SecretService:
    """A connection to the service; a key is agreed on when the first secret is read."""

    def __init__(self, connection: DBusConnection) -> None:
        """The connection stays the caller's to close."""
        self._connection = connection
        self._session: tuple[str, bytes] | None = None

    def search(self, attributes: dict[str, str]) -> list[str]:
        """The paths of the items in the default collection that have the attributes."""
        (paths,) = self._call(_DEFAULT_COLLECTION, "SearchItems", "a{ss}", attributes)
        return list(paths)

    def read(self, path: str) -> bytes:
        """An item's secret. Raises DBusErrorResponse if it is locked or gone, ValueError if it is garbled."""
        if self._session is None:
            self._session = self._agree()
        session, key = self._session
        item = DBusAddress(path, _BUS_NAME, _ITEM_INTERFACE)
        ((_, vector, encrypted, _),) = self._call(item, "GetSecret", "o", session)
        cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(vector)))
        decryptor, unpadder = cipher.decryptor(), PKCS7(algorithms.AES.block_size).unpadder()
        padded = decryptor.update(bytes(encrypted)) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()

    def is_locked(self) -> bool:
        """Whether the default collection is locked."""
        ((_, locked),) = self._send(Properties(_DEFAULT_COLLECTION).get("Locked"))
        return bool(locked)

    def _agree(self) -> tuple[str, bytes]:
        """A new session's path and key."""
        exponent = int.from_bytes(os.urandom(_EXPONENT_BYTES), "big")
        offer = pow(_GENERATOR, exponent, _PRIME).to_bytes(_PRIME_BYTES, "big")
        # A service that cannot encrypt answers with an error: not to be asked to do without by us.
        (_, answer), path = self._call(_SERVICE, "OpenSession", "sv", _ALGORITHM, ("ay", offer))
        shared = pow(int.from_bytes(answer, "big"), exponent, _PRIME).to_bytes(_PRIME_BYTES, "big")
        return path, HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"").derive(shared)

    def _call(self, address: DBusAddress, method: str, signature: str, *arguments: Any) -> tuple[Any, ...]:
        return self._send(new_method_call(address, method, signature, arguments))

    def _send(self, message: Any) -> tuple[Any, ...]:
        reply = self._connection.send_and_get_reply(message)
        if reply.header.message_type is not MessageType.method_return:
            raise DBusErrorResponse(reply)
        body: tuple[Any, ...] = reply.body
        return body


@contextmanager
def open_service() -> Iterator[SecretService]:
    """The service on the user's session bus. Raises what jeepney raises, TimeoutError if the bus is busy."""
    with closing(open_dbus_connection()) as connection:
        yield SecretService(connection)
