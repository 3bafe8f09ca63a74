"""The key of an environment's sign-ins through a web app; it lies beside the client secret."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from procore_cli.config import private_files
from procore_cli.errors import KeyringError
from procore_cli.models import StoreName
from procore_cli.storage.files import Stores
from procore_cli.storage.locks import hold_config

KEY_USERNAME = "web-sign-in-key"
_BYTES = 32
_TEXT = re.compile(r"1 ([0-9a-f]{64})")


class WebKeys(Protocol):
    """The keys of one environment's sign-ins through a web app; they lie where the tokens lie."""

    def load(self) -> bytes:
        """The key that signs, which is made if there is none. Raises StorageError, BusyError."""
        ...

    def list(self) -> list[bytes]:
        """The keys that may have signed. Raises StorageError."""
        ...


class WebKey:
    """One environment's key in the store in force. Every method raises StorageError."""

    def __init__(self, home: Path, environment: str, store: StoreName, stores: Stores) -> None:
        """`home` is the data folder."""
        self._home = home
        self._environment = environment
        self._store = store
        self._stores = stores

    def list(self) -> list[bytes]:
        """The keys that may have signed: one, or none if there is none, or it is damaged."""
        key = self._find()
        return [] if key is None else [key]

    def _find(self) -> bytes | None:
        text = self._stores(self._store).load(new_key_service(self._environment), KEY_USERNAME)
        found = _TEXT.fullmatch(text) if text else None
        return bytes.fromhex(found[1]) if found else None

    def load(self) -> bytes:
        """The key, which is made if there is none. Raises BusyError too."""
        key = self._find()
        if key is not None:
            return key
        private_files.open_folder(self._home)
        with hold_config(self._home):
            # Of many workers that begin at once the first one makes it.
            return self._find() or self._make()

    def _make(self) -> bytes:
        key = os.urandom(_BYTES)
        text = f"1 {key.hex()}"
        self._stores(self._store).save(new_key_service(self._environment), KEY_USERNAME, text)
        # KWallet's backend, for one, ignores a failed write.
        if self._find() != key:
            raise KeyringError(
                f"The {self._store} store did not keep the key of the sign-ins to {self._environment}.",
                "Unlock the keyring and try again.",
                environment=self._environment,
            )
        return key


def new_key_service(environment: str) -> str:
    """The keyring service of an environment's key."""
    return f"procore-login/{environment}/web-sign-in-key"
