"""A text of any size as parts that fit Windows' 2,560 bytes an entry; each part tells when it is not whole.

Refuses to hand out a text of which a part is missing, damaged or from another text.
"""

from __future__ import annotations

import binascii
import re

from procore_cli.errors import KeyringError, StorageError
from procore_cli.store.secret_store import ReservingStore, SecretStore

# 1,280 UTF-16 units; every text here is ASCII, so one character is one unit.
PART_CHARS = 1280
MAX_PARTS = 16
USERNAME = "token-set"
_PART = re.compile(r"procore-login ([0-9]{1,2})/([0-9]{1,2}) ([0-9a-f]{8}) (.*)", re.DOTALL | re.ASCII)


def new_service(environment: str, name: str, number: int) -> str:
    """The keyring service of one part.

    Each part has a service of its own: keyring's Windows backend rewrites an entry when a second user name
    comes under the same service.
    """
    return f"procore-login/{environment}/{name}/{number}"


def split_text(text: str) -> list[str]:
    """Cut an ASCII text into parts with headers. Raises StorageError if there would be too many."""
    count = max(1, -(-len(text) // PAYLOAD_CHARS))
    if count > MAX_PARTS:
        raise StorageError(
            f"The tokens are too long to be kept ({len(text)} characters).",
            "Please report this: procore-login has to be changed.",
        )
    pieces = [text[i * PAYLOAD_CHARS : (i + 1) * PAYLOAD_CHARS] for i in range(count)]
    checksum = _checksum(text)
    return [_new_header(i, count, checksum) + piece for i, piece in enumerate(pieces, 1)]


def join_parts(parts: list[str]) -> str | None:
    """The text, or None if the parts are not exactly what `split_text` made."""
    text = "".join(match[4] for match in map(_PART.fullmatch, parts) if match)
    try:
        return text if split_text(text) == parts else None
    except StorageError:
        return None


def reserve(store: ReservingStore, environment: str, name: str, count: int) -> None:
    """Make room for `count` parts that `save_text` will write. Raises StorageError."""
    for number in range(1, count + 1):
        store.reserve(new_service(environment, name, number), USERNAME, PART_CHARS)


def save_text(store: SecretStore, environment: str, name: str, text: str) -> int:
    """Write every part and read all of it back; returns how many there are. Raises StorageError."""
    parts = split_text(text)
    for number, part in enumerate(parts, 1):
        store.save(new_service(environment, name, number), USERNAME, part)
    # KWallet's backend, for one, ignores a failed write.
    if load_text(store, environment, name) != text:
        raise KeyringError(
            "The keyring did not keep what was written to it.",
            "Unlock it, or correct what PYTHON_KEYRING_BACKEND or keyringrc.cfg names, and try again;"
            " `procore-login configure --store file` keeps the tokens in files.",
        )
    return len(parts)


def load_text(store: SecretStore, environment: str, name: str) -> str | None:
    """The text under a name, or None if it is missing or torn. Raises StorageError."""
    first = store.load(new_service(environment, name, 1), USERNAME)
    match = _PART.fullmatch(first) if first else None
    if first is None or match is None or int(match[2]) > MAX_PARTS:
        return None
    parts = [first]
    for number in range(2, int(match[2]) + 1):
        part = store.load(new_service(environment, name, number), USERNAME)
        if part is None:
            return None
        parts.append(part)
    return join_parts(parts)


def delete_text(store: SecretStore, environment: str, name: str, count: int | None) -> None:
    """Delete `count` parts, or as many as there can be. Raises StorageError."""
    for number in range(1, (count or MAX_PARTS) + 1):
        store.delete(new_service(environment, name, number), USERNAME)


def _new_header(number: int, count: int, checksum: str) -> str:
    return f"procore-login {number}/{count} {checksum} "


def _checksum(text: str) -> str:
    # Against damage, not forgery: whoever can write here can compute any checksum. hashlib would load an
    # OpenSSL at every start, for 3 ms and 3.4 MiB.
    return f"{binascii.crc32(text.encode('utf-8', 'replace')):08x}"


PAYLOAD_CHARS = PART_CHARS - len(_new_header(MAX_PARTS, MAX_PARTS, _checksum("")))
