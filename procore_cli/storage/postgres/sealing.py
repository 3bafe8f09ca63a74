"""The key of a shared database, with which tokens are sealed before they leave this process (AES-256-GCM).

Refuses to show a key, and to open what was sealed for another row, or for another state of the same row.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.errors import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from procore_cli.config.shared_database import SharedDatabase

KEY_BYTES = 32
# What a pip is told, wherever a package of the extra is missing.
MISSING = "Install what it needs, in the folder of procore-login: `pip install '.[postgres]'`"
_NONCE_BYTES = 12
# Hundreds of keys; a file that somebody named by mistake is not read whole.
_LARGEST_FILE = 64 * 1024
# A secret that Kubernetes mounts may be its group's to read.
_TOO_OPEN = 0o037
_SETTINGS = "PROCORE_LOGIN_KEY or PROCORE_LOGIN_KEY_FILE"
_MAKE = "make one with `openssl rand -base64 32`"
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_URL_SAFE = str.maketrans("-_", "+/")


class Keys:
    """The keys in force: the first one seals, all of them open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_find_id(key): key for key in keys}
        self._first = next(iter(self._keys))

    @property
    def ids(self) -> frozenset[str]:
        """What rows call them; nothing of a key can be told from it."""
        return frozenset(self._keys)

    def seal(self, text: str, about: bytes) -> tuple[bytes, str]:
        """The text, sealed for what it is about, and the id of the key that opens it."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _new_cipher(self._keys[self._first]).encrypt(nonce, text.encode(), about)
        return nonce + sealed, self._first

    def open(self, sealed: bytes, key_id: str, about: bytes, whose: str) -> str:
        """The text that was sealed for the same; `whose` says it in an error. Raises DatabaseError."""
        from cryptography.exceptions import InvalidTag

        key = self._keys.get(key_id)
        if not _KEY_ID.fullmatch(key_id):
            raise new_tampered_error(whose)
        if key is None:
            raise DatabaseError(
                f"The tokens of {whose} are sealed with a key that is not here (its id is {key_id}).",
                f"Let {_SETTINGS} have that key too, behind the first one; or, if it is lost, sign in again.",
            )
        try:
            return _new_cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about).decode()
        except (InvalidTag, ValueError):
            raise new_tampered_error(whose) from None

    def web_keys(self) -> list[bytes]:
        """The keys of the sign-ins through a web app: the first one signs, all of them verify."""
        return [_derive(key, b"procore-login web sign-in key") for key in self._keys.values()]


def read_keys(shared: SharedDatabase) -> Keys:
    """The keys that the settings name. Raises ConfigurationError."""
    if shared.key is not None:
        return Keys(_read_keys(shared.key, "PROCORE_LOGIN_KEY"))
    if shared.key_file is None:
        raise ConfigurationError(
            f"There is no key for the tokens in {shared.shown}.",
            f"Set {_SETTINGS} to the key that all machines share; for the first of them {_MAKE}",
        )
    return Keys(_read_keys(_read_file(shared.key_file), "PROCORE_LOGIN_KEY_FILE"))


def new_tampered_error(whose: str) -> DatabaseError:
    """What a row holds was not sealed for it."""
    return DatabaseError(
        f"The tokens of {whose} in the shared database are damaged, or were sealed for another row.",
        "Somebody, or a restore, has changed the table procore_login_accounts; signing in again mends it.",
    )


def _read_keys(text: str, source: str) -> list[bytes]:
    keys = [_read_key(word, source) for word in text.split()]
    if not keys:
        raise ConfigurationError(f"There is no key in {source}.", f"Put one there: {_MAKE}", source=source)
    return keys


def _find_key(word: str) -> bytes | None:
    try:
        plain = word.strip().rstrip("=").translate(_URL_SAFE)
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY_BYTES else None


def _read_key(word: str, source: str) -> bytes:
    key = _find_key(word)
    if key is None:
        raise ConfigurationError(
            f"A key in {source} cannot be used: it is not {KEY_BYTES} bytes in base64.",
            f"Correct {source}; {_MAKE}",
            source=source,
        )
    return key


def _read_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise _new_file_error(path, error.strerror or type(error).__name__) from None
    if len(data) > _LARGEST_FILE:
        raise _new_file_error(path, "it is too large to be a key")
    if os.name != "nt" and mode & _TOO_OPEN:
        log.warn(f"The key file {path} is open to other users (mode 0{mode:o}).")
    return data.decode("ascii", "replace")


def _new_file_error(path: str, why: str) -> ConfigurationError:
    if _find_key(path) is not None and not Path(path).exists():
        return ConfigurationError(
            "PROCORE_LOGIN_KEY_FILE holds a key, not the path of a file with one.",
            "Put the key into a file and name that, or into PROCORE_LOGIN_KEY.",
            source="PROCORE_LOGIN_KEY_FILE",
        )
    return ConfigurationError(
        f"The key file {path} cannot be read: {why}.",
        "Correct PROCORE_LOGIN_KEY_FILE, or who may read the file.",
        source="PROCORE_LOGIN_KEY_FILE",
    )


def _find_id(key: bytes) -> str:
    return _derive(key, b"procore-login key id").hex()[:16]


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, hashlib.sha256)


def _new_cipher(key: bytes) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise ConfigurationError(
            "Tokens in a shared database need the package cryptography.", MISSING
        ) from None
    return AESGCM(key)
