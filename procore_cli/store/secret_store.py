"""What a place for secrets can do; refuses to know any place itself.

`keyrings.Keyring` and `files.SecretFiles` are the two implementations.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from procore_cli.errors import DataFolderError, KeyringError
from procore_cli.models import StoreName


class SecretStore(Protocol):
    """Keeps short texts under a service and a user name. Every method raises StorageError."""

    @property
    def name(self) -> StoreName:
        """How settings and the list of entries name this store."""
        ...

    def save(self, service: str, username: str, text: str) -> None:
        """Keep `text`."""
        ...

    def load(self, service: str, username: str) -> str | None:
        """The text that was kept, or None."""
        ...

    def delete(self, service: str, username: str) -> None:
        """Remove the text; one that is missing is fine."""
        ...


@runtime_checkable
class PlacedStore(Protocol):
    """A store that is another one in each data folder, as a keyring is not."""

    @property
    def place(self) -> str | None:
        """The data folder as the list of entries notes it; None for a path that no database holds."""
        ...


@runtime_checkable
class ReservingStore(SecretStore, Protocol):
    """A store whose room may run out between a decision to save and the save."""

    def reserve(self, service: str, username: str, size: int) -> None:
        """Make room for a text of `size` bytes, which the next `save` under the names takes, or `delete`."""
        ...


class Stores(Protocol):
    """Finds a store by its name."""

    def __call__(self, name: StoreName, place: str | None = None, /) -> SecretStore:
        """The store of our own data folder, or that of the one in `place`, to read and delete there."""
        ...


class GoneError(DataFolderError):
    """The data folder that an entry names is not there (any more)."""


class ClosedError(KeyringError):
    """The keyring is missing, locked or does not answer: to ask again in this run is no use."""


class GivenUpError(ClosedError):
    """A call took too long and was left behind: what it was to write may still land."""
