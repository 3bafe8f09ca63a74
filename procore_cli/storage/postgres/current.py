"""Which account of a shared database is current for whoever uses a data folder: a small file in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.config import private_files
from procore_cli.config.folders import require_folder
from procore_cli.errors import DataFolderError
from procore_cli.threads import once

if TYPE_CHECKING:
    from procore_cli.storage.postgres.connection import PostgresDatabase

_LONGEST = 20


class Current:
    """The current account of one environment and database; `home` need not be there."""

    def __init__(self, home: Path | None, environment: str, database: PostgresDatabase) -> None:
        self._home = home
        self._environment = environment
        self._database = database

    @once
    def _path(self) -> Path:
        identity = self._database.identity.encode("utf-8", "surrogateescape")
        name = f"current-{self._environment}-{hashlib.sha256(identity).hexdigest()[:16]}"
        return require_folder(self._home) / name

    def find(self) -> int | None:
        """The `key` of the account; None where there is none, or nobody can tell."""
        if self._home is None:
            return None
        try:
            text = private_files.find_bytes(self._path)
        except DataFolderError as error:
            log.warn(f"Nobody is current: {error.message}")
            return None
        is_number = text is not None and len(text) <= _LONGEST and text.strip().removeprefix(b"-").isdigit()
        return int(text) if text is not None and is_number else None

    def save(self, key: int | None) -> None:
        """From now on it is this one, or nobody. Raises DataFolderError."""
        if key is None:
            if private_files.may_exist(self._path):
                private_files.delete_file(self._path)
            return
        private_files.open_folder(self._path.parent)
        private_files.save_bytes(self._path, f"{key}\n".encode())

    def try_save(self, key: int | None) -> None:
        """As `save`, after what cannot be undone: where it fails a warning says so."""
        try:
            self.save(key)
        except DataFolderError as error:
            log.warn(f"Which account is current could not be written down: {error.message}")
