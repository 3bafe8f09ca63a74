"""An app's client secret, kept for an environment under one fixed name in the store in force.

Refuses to keep a secret without the client id and the login origin that it belongs to.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field

from procore_cli.errors import KeyringError, StorageError
from procore_cli.models import StoreName
from procore_cli.store.secret_store import Stores

USERNAME = "client-secret"
_PROOF = "proof"
# Longer than most client secrets: some keyrings keep the beginning of a value.
_PROOF_BYTES = 256
FORMAT = 1


@dataclass(frozen=True)
class StoredSecret:
    """A client secret and what it belongs to; `environment` is the one that it was kept for."""

    environment: str
    client_id: str
    login_origin: str
    secret: str = field(repr=False)


class ClientSecrets:
    """The client secrets in one store, one an environment. Every method raises StorageError."""

    def __init__(self, stores: Stores, store: StoreName, environment: str) -> None:
        """`environment` is the one to save for, and to look at unless another is named."""
        self._stores = stores
        self._store = store
        self._environment = environment

    def save(self, client_id: str, login_origin: str, secret: str) -> None:
        """Keep a secret and read it back; the environment's former one is replaced."""
        wanted = StoredSecret(self._environment, client_id, login_origin, secret)
        text = json.dumps([FORMAT, client_id, login_origin, secret])
        self._stores(self._store).save(new_service(self._environment), USERNAME, text)
        if self.find() != wanted:
            raise KeyringError(
                f"The {self._store} store did not keep the client secret of {self._environment}.",
                "Unlock the keyring and try again; `--store file` keeps secrets in files that only you read.",
            )

    def find(self, environment: str | None = None) -> StoredSecret | None:
        """The secret of this environment, or of the one named; None if there is none, or it is damaged."""
        name = environment or self._environment
        text = self._stores(self._store).load(new_service(name), USERNAME)
        return None if text is None else _read_text(name, text)

    def is_damaged(self, environment: str | None = None) -> bool:
        """Whether something is kept for this environment, or the one named, that cannot be read."""
        name = environment or self._environment
        text = self._stores(self._store).load(new_service(name), USERNAME)
        return text is not None and _read_text(name, text) is None

    def prove(self) -> None:
        """Write, read back and delete a value that means nothing; the secrets stay as they are."""
        store, service = self._stores(self._store), new_service(self._environment)
        wanted = os.urandom(_PROOF_BYTES).hex()
        try:
            store.save(service, _PROOF, wanted)
            if store.load(service, _PROOF) != wanted:
                raise KeyringError(
                    f"The {self._store} store did not keep what it was given.",
                    "Unlock the keyring, then try again.",
                )
        finally:
            # What went wrong first is the error.
            with suppress(StorageError):
                store.delete(service, _PROOF)

    def delete(self) -> bool:
        """Remove the environment's secret; False if there was none."""
        store, service = self._stores(self._store), new_service(self._environment)
        if store.load(service, USERNAME) is None:
            return False
        store.delete(service, USERNAME)
        return True


def new_service(environment: str) -> str:
    """The keyring service of an environment's client secret."""
    return f"procore-login/{environment}/client-secret"


def _read_text(environment: str, text: str) -> StoredSecret | None:
    try:
        number, *values = json.loads(text)
    except (ValueError, TypeError):
        return None
    is_whole = number == FORMAT and len(values) == 3 and all(isinstance(value, str) for value in values)
    return StoredSecret(environment, *values) if is_whole else None
