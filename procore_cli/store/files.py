"""Secrets as 0600 files in the data folder: an explicit choice of the user's, for machines without a keyring.

Refuses a file that others own or that is a link, and to add to another data folder; writes are atomic.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from procore_cli import folder
from procore_cli.errors import DataFolderError
from procore_cli.models import StoreName
from procore_cli.store import parts
from procore_cli.store.secret_store import GoneError

FOLDER = "secrets"


class SecretFiles:
    """A `SecretStore` in `<data folder>/secrets/`."""

    name: StoreName = "file"

    def __init__(self, home: Path, report: folder.Report) -> None:
        """`home` is the data folder. Touches nothing yet."""
        self._home = home
        self._report = report
        self._drafts: dict[Path, Path] = {}

    @property
    def place(self) -> str | None:
        """The data folder as the list of entries notes it; None for a path that no database holds."""
        path = str(self._home.resolve())
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            return None
        return path

    def save(self, service: str, username: str, text: str) -> None:
        """Keep `text`. Raises DataFolderError."""
        path = self._find_path(service, username)
        folder.save_bytes(path, text.encode("utf-8"), self._drafts.pop(path, None), for_secrets=True)
        folder.delete_drafts(path)

    def reserve(self, service: str, username: str, size: int) -> None:
        """Take `size` bytes of the disk for the next `save` under these names. Raises DataFolderError."""
        path = self._find_path(service, username)
        self._drafts[path] = folder.new_draft(path, size)

    def load(self, service: str, username: str) -> str | None:
        """The text that was kept, or None. Raises DataFolderError."""
        raw = folder.find_bytes(self._find_path(service, username), self._report, for_secrets=True)
        return None if raw is None else raw.decode("utf-8", "replace")

    def delete(self, service: str, username: str) -> None:
        """Remove the text; one that is missing is fine. Raises DataFolderError."""
        # Even from where others could read it: the sooner the better.
        path = self._find_path(service, username, for_secrets=False)
        folder.delete_file(path)
        folder.delete_drafts(path)

    def _find_path(self, service: str, username: str, *, for_secrets: bool = True) -> Path:
        return self._open_folder(for_secrets) / new_file_name(service, username)

    def _open_folder(self, for_secrets: bool) -> Path:
        return folder.open_subfolder(self._home, FOLDER, self._report, for_secrets=for_secrets)


class SecretFilesElsewhere(SecretFiles):
    """What another data folder keeps, to be read and deleted; that folder is neither made nor changed."""

    def save(self, service: str, username: str, text: str) -> None:
        """Raises DataFolderError: what is new is kept in our own folder."""
        raise _unreachable(self._home, "it is another data folder")

    def _open_folder(self, for_secrets: bool) -> Path:
        check_private(self._home, self._home)
        secrets = self._home / FOLDER
        if os.path.lexists(secrets):
            check_private(secrets, self._home)
        return secrets


def check_private(path: Path, home: Path) -> None:
    """Make sure that a folder of another data folder, `home`, is ours alone.

    Raises DataFolderError, GoneError.
    """
    # The path comes from a database that others may write, so nothing is followed or tightened.
    try:
        status = path.lstat()
        is_direct = path.is_absolute() and path.resolve() == path
    except FileNotFoundError:
        raise GoneError(*_words(home, "it is not there")) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(home, getattr(error, "strerror", None) or "its name leads nowhere") from None
    if not is_direct or not stat.S_ISDIR(status.st_mode):
        raise _unreachable(home, "it is not a folder, or lies behind a symbolic link")
    if os.name != "nt" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
        raise _unreachable(home, "it is not ours alone (mode 0700)")


def _unreachable(home: Path, why: str) -> DataFolderError:
    return DataFolderError(*_words(home, why))


def _words(home: Path, why: str) -> tuple[str, str]:
    return (
        f"The data folder {home}, where tokens of this database lie, cannot be used: {why}.",
        "Make it reachable again, or sign in again: procore-login signin",
    )


def list_file_names(environment: str, name: str) -> set[str]:
    """Every file that an entry of that name may lie in."""
    services = (parts.new_service(environment, name, number) for number in range(1, parts.MAX_PARTS + 1))
    return {new_file_name(service, parts.USERNAME) for service in services}


def new_file_name(service: str, username: str) -> str:
    """One safe name for each pair, which a person can tell the environment from."""
    import hashlib

    digest = hashlib.sha256(f"{service}\0{username}".encode()).hexdigest()
    environment = re.sub(r"[^a-z0-9]", "-", service.split("/")[1])
    return f"{environment}-{digest[:32]}"
