"""Storage put together for one environment; refuses to touch disk, keyring and network meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.config.folders import require_folder
from procore_cli.config.private_files import may_exist
from procore_cli.models import StoreName
from procore_cli.storage.database import Database
from procore_cli.threads import once

if TYPE_CHECKING:
    from procore_cli.config.shared_database import SharedDatabase
    from procore_cli.storage.accounts import AccountStore
    from procore_cli.storage.files import ClientSecrets, SecretStore, Stores
    from procore_cli.storage.locks import Locks
    from procore_cli.storage.postgres.store import PostgresStore
    from procore_cli.storage.store import TokenStore
    from procore_cli.storage.web_key import WebKeys


class Storage:
    """What a command needs of storage; each part is loaded and made when it is first asked for.

    Each raises DataFolderError where it needs a data folder and there is none.
    """

    def __init__(
        self,
        home: Path | None,
        environment: str,
        store: StoreName,
        *,
        database: Path | None = None,
        shared: SharedDatabase | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`home` is the data folder, `database` another file than `<home>/<environment>.db`.

        A `shared` database keeps accounts and tokens in the place of both. `store` takes what is new; `clock`
        gives seconds (UTC).
        """
        self._home = home
        self.environment = environment
        self.store: StoreName = store
        self._named_database = database
        self._shared = shared
        self.clock = clock or time.time

    @property
    def home(self) -> Path:
        """The data folder."""
        return require_folder(self._home)

    @once
    def database(self) -> Database:
        """The SQLite file."""
        return Database(self.home, self.environment, self._named_database)

    @once
    def stores(self) -> Stores:
        """Keyring and files."""
        return new_stores(self.home if self._shared is None else self._home)

    @property
    def has_database(self) -> bool:
        """Whether there is one, or may be."""
        return self._shared is not None or may_exist(self.database.path)

    @once
    def accounts(self) -> AccountStore:
        """Who is known and current: the rows alone."""
        if self._shared is not None:
            return self._postgres
        # Not at the top, as what follows: a command pays for the store that it uses.
        from procore_cli.storage.local_accounts import LocalAccounts

        return LocalAccounts(self.database)

    @once
    def tokens(self) -> TokenStore:
        """The accounts' tokens."""
        if self._shared is not None:
            return self._postgres
        # What only looks at the rows starts 3 ms sooner without it.
        from procore_cli.storage.entries import EntryStore
        from procore_cli.storage.local_tokens import LocalTokens

        return LocalTokens(EntryStore(self.database, self.stores, self.store, self.locks, self.clock))

    @once
    def _postgres(self) -> PostgresStore:
        from procore_cli.storage.postgres.store import new_postgres_store

        if self._shared is None:
            raise AssertionError("nothing is shared")
        return new_postgres_store(self._shared, self.environment, self._home)

    @once
    def locks(self) -> Locks:
        """The accounts' locks."""
        from procore_cli.storage.locks import Locks

        return Locks(self.home, self.database.path, self.environment)

    @once
    def client_secrets(self) -> ClientSecrets:
        """The client secrets in the store in force."""
        from procore_cli.storage.files import ClientSecrets

        return ClientSecrets(self.stores, self.store, self.environment)

    @once
    def web_key(self) -> WebKeys:
        """The key of the sign-ins through a web app."""
        if self._shared is not None:
            return self._postgres.web_key
        from procore_cli.storage.web_key import WebKey

        return WebKey(self.home, self.environment, self.store, self.stores)


def new_stores(home: Path | None) -> Stores:
    """Both stores, each made when it is first asked for; the keyring needs no data folder."""

    @cache
    def find_store(name: StoreName) -> SecretStore:
        if name == "file":
            from procore_cli.storage.files import SecretFiles

            return SecretFiles(require_folder(home))
        from procore_cli.storage.keyring import Keyring

        return Keyring()

    return find_store
