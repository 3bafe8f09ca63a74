"""Secrets as 0600 files in the data folder: an explicit choice of the user's, for machines without a keyring.

Refuses a file that others own or that is a link; writes are atomic.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from procore_cli import folder
from procore_cli.models import StoreName


class SecretFiles:
    """A `SecretStore` in `<data folder>/secrets/`."""

    name: StoreName = "file"

    def __init__(self, home: Path, report: folder.Report) -> None:
        """`home` is the data folder. Touches nothing yet."""
        self._home = home
        self._report = report

    def save(self, service: str, username: str, text: str) -> None:
        """Keep `text`. Raises DataFolderError."""
        folder.save_bytes(self._find_path(service, username), text.encode("utf-8"))

    def load(self, service: str, username: str) -> str | None:
        """The text that was kept, or None. Raises DataFolderError."""
        raw = folder.find_bytes(self._find_path(service, username), self._report)
        return None if raw is None else raw.decode("utf-8", "replace")

    def delete(self, service: str, username: str) -> None:
        """Remove the text; one that is missing is fine. Raises DataFolderError."""
        folder.delete_file(self._find_path(service, username))

    def _find_path(self, service: str, username: str) -> Path:
        secrets = folder.open_subfolder(self._home, "secrets", self._report)
        return secrets / new_file_name(service, username)


def new_file_name(service: str, username: str) -> str:
    """One safe name for each pair, which a person can tell the environment from."""
    digest = hashlib.sha256(f"{service}\0{username}".encode()).hexdigest()
    environment = re.sub(r"[^a-z0-9]", "-", service.split("/")[1])
    return f"{environment}-{digest[:32]}"
