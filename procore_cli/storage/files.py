"""Secrets as texts in a store: what any store can do, a text in parts, and the store that is 0600 files.

The files are an explicit choice of the user's, for machines without a keyring. Refuses a file that others own
or that is a link; writes are atomic.
"""

from __future__ import annotations

import binascii
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from procore_cli.config import private_files
from procore_cli.errors import KeyringError, StorageError
from procore_cli.models import StoreName


class SecretStore(Protocol):
    """Keeps short texts under a service and a user name. Every method raises StorageError."""

    def save(self, service: str, username: str, text: str) -> None:
        """Keep `text`."""
        ...

    def load(self, service: str, username: str) -> str | None:
        """The text that was kept, or None."""
        ...

    def delete(self, service: str, username: str) -> None:
        """Remove the text; one that is missing is fine."""
        ...

    def reserve(self, service: str, username: str, size: int) -> None:
        """Make room, where it might run out, for a text of `size` bytes, which the next `save` takes."""
        ...

    def give_back(self) -> None:
        """Nothing more will be saved in the room that was made."""
        ...


Stores = Callable[[StoreName], SecretStore]


class ClosedError(KeyringError):
    """The keyring is missing, locked or does not answer: to ask again in this run is no use."""


class NoKeyringError(ClosedError):
    """There is no keyring here that can be used."""


class GivenUpError(ClosedError):
    """A call took too long and was left behind: what it was to write may still land."""


# 1,280 UTF-16 units; every text here is ASCII, so one character is one unit.
PART_CHARS = 1280
MAX_PARTS = 16
TOKENS_USERNAME = "token-set"
_PART = re.compile(r"procore-login ([0-9]{1,2})/([0-9]{1,2}) ([0-9a-f]{8}) (.*)", re.DOTALL | re.ASCII)


def new_part_service(environment: str, name: str, number: int) -> str:
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


def reserve_text(store: SecretStore, environment: str, name: str, count: int) -> None:
    """Make room for `count` parts that `save_text` will write. Raises StorageError."""
    for number in range(1, count + 1):
        store.reserve(new_part_service(environment, name, number), TOKENS_USERNAME, PART_CHARS)


def save_text(store: SecretStore, environment: str, name: str, text: str) -> int:
    """Write every part and read all of it back; returns how many there are. Raises StorageError."""
    parts = split_text(text)
    for number, part in enumerate(parts, 1):
        store.save(new_part_service(environment, name, number), TOKENS_USERNAME, part)
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
    first = store.load(new_part_service(environment, name, 1), TOKENS_USERNAME)
    match = _PART.fullmatch(first) if first else None
    if first is None or match is None or int(match[2]) > MAX_PARTS:
        return None
    parts = [first]
    for number in range(2, int(match[2]) + 1):
        part = store.load(new_part_service(environment, name, number), TOKENS_USERNAME)
        if part is None:
            return None
        parts.append(part)
    return join_parts(parts)


def delete_text(store: SecretStore, environment: str, name: str, count: int | None) -> None:
    """Delete `count` parts, or as many as there can be. Raises StorageError."""
    for number in range(1, (count or MAX_PARTS) + 1):
        store.delete(new_part_service(environment, name, number), TOKENS_USERNAME)


def _new_header(number: int, count: int, checksum: str) -> str:
    return f"procore-login {number}/{count} {checksum} "


def _checksum(text: str) -> str:
    # Against damage, not forgery: whoever can write here can compute any checksum. hashlib would load an
    # OpenSSL at every start, for 3 ms and 3.4 MiB.
    return f"{binascii.crc32(text.encode('utf-8', 'replace')):08x}"


PAYLOAD_CHARS = PART_CHARS - len(_new_header(MAX_PARTS, MAX_PARTS, _checksum("")))


FOLDER = "secrets"


class SecretFiles:
    """A `SecretStore` in `<data folder>/secrets/`."""

    def __init__(self, home: Path) -> None:
        """`home` is the data folder. Touches nothing yet."""
        self._home = home
        self._drafts: dict[Path, Path] = {}

    def save(self, service: str, username: str, text: str) -> None:
        """Keep `text`. Raises DataFolderError."""
        path = self._find_path(service, username)
        private_files.save_bytes(path, text.encode("utf-8"), self._drafts.pop(path, None), for_secrets=True)
        # No entry is written twice, so nothing can be left of another try; to look costs with each file here.
        if username != TOKENS_USERNAME:
            private_files.delete_drafts(path)

    def reserve(self, service: str, username: str, size: int) -> None:
        """Take `size` bytes of the disk for the next `save` under these names. Raises DataFolderError."""
        path = self._find_path(service, username)
        self._drafts[path] = private_files.new_draft(path, size)

    def give_back(self) -> None:
        """Delete what `reserve` made and no `save` took. Raises DataFolderError."""
        while self._drafts:
            private_files.delete_file(self._drafts.popitem()[1])

    def load(self, service: str, username: str) -> str | None:
        """The text that was kept, or None. Raises DataFolderError."""
        raw = private_files.find_bytes(self._find_path(service, username), for_secrets=True)
        return None if raw is None else raw.decode("utf-8", "replace")

    def delete(self, service: str, username: str) -> None:
        """Remove the text; one that is missing is fine. Raises DataFolderError."""
        # Even from where others could read it: the sooner the better.
        path = self._find_path(service, username, for_secrets=False)
        was_whole = private_files.delete_file(path)
        if not was_whole or username != TOKENS_USERNAME:
            private_files.delete_drafts(path)

    def _find_path(self, service: str, username: str, *, for_secrets: bool = True) -> Path:
        folder = private_files.open_subfolder(self._home, FOLDER, for_secrets=for_secrets)
        return folder / new_file_name(service, username)


def new_place(home: Path) -> str | None:
    """A data folder as the list of entries notes it; None for a path that no database holds."""
    path = str(home.resolve())
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return path


def lies_in(home: Path, environment: str, name: str) -> bool:
    """Whether the files of a data folder hold an entry, or its beginning."""
    first = new_file_name(new_part_service(environment, name, 1), TOKENS_USERNAME)
    return os.path.lexists(home / FOLDER / first)


def list_file_names(environment: str, name: str) -> set[str]:
    """Every file that an entry of that name may lie in."""
    services = (new_part_service(environment, name, number) for number in range(1, MAX_PARTS + 1))
    return {new_file_name(service, TOKENS_USERNAME) for service in services}


def new_file_name(service: str, username: str) -> str:
    """One safe name for each pair, which a person can tell the environment from."""
    import hashlib

    digest = hashlib.sha256(f"{service}\0{username}".encode()).hexdigest()
    environment = re.sub(r"[^a-z0-9]", "-", service.split("/")[1])
    return f"{environment}-{digest[:32]}"


SECRET_USERNAME = "client-secret"
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
        self._stores(self._store).save(new_secret_service(self._environment), SECRET_USERNAME, text)
        if self.find() != wanted:
            raise KeyringError(
                f"The {self._store} store did not keep the client secret of {self._environment}.",
                "Unlock the keyring and try again; `--store file` keeps secrets in files that only you read.",
                environment=self._environment,
            )

    def find(self, environment: str | None = None) -> StoredSecret | None:
        """The secret of this environment, or of the one named; None if there is none, or it is damaged."""
        name = environment or self._environment
        text = self._stores(self._store).load(new_secret_service(name), SECRET_USERNAME)
        return None if text is None else _read_text(name, text)

    def is_damaged(self, environment: str | None = None) -> bool:
        """Whether something is kept for this environment, or the one named, that cannot be read."""
        name = environment or self._environment
        text = self._stores(self._store).load(new_secret_service(name), SECRET_USERNAME)
        return text is not None and _read_text(name, text) is None

    def prove(self) -> None:
        """Write, read back and delete a value that means nothing, under a name of its own."""
        store = self._stores(self._store)
        try:
            save_text(store, self._environment, _PROOF, os.urandom(_PROOF_BYTES).hex())
        finally:
            # What went wrong first is the error.
            with suppress(StorageError):
                delete_text(store, self._environment, _PROOF, count=1)

    def delete(self) -> bool:
        """Remove the environment's secret; False if there was none."""
        store, service = self._stores(self._store), new_secret_service(self._environment)
        if store.load(service, SECRET_USERNAME) is None:
            return False
        store.delete(service, SECRET_USERNAME)
        return True


def new_secret_service(environment: str) -> str:
    """The keyring service of an environment's client secret."""
    return f"procore-login/{environment}/client-secret"


def _read_text(environment: str, text: str) -> StoredSecret | None:
    try:
        number, *values = json.loads(text)
    except (ValueError, TypeError):
        return None
    is_whole = number == FORMAT and len(values) == 3 and all(isinstance(value, str) for value in values)
    return StoredSecret(environment, *values) if is_whole else None
