"""Storage put together for one environment; refuses to touch a disk or a keyring while doing so."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.config.private_files import may_exist
from procore_cli.models import StoreName
from procore_cli.storage.database import Database
from procore_cli.storage.local_accounts import LocalAccounts
from procore_cli.threads import once

if TYPE_CHECKING:
    from procore_cli.storage.accounts import AccountStore
    from procore_cli.storage.files import ClientSecrets, SecretStore, Stores
    from procore_cli.storage.locks import Locks
    from procore_cli.storage.store import TokenStore
    from procore_cli.storage.web_key import WebKey


class Storage:
    """What a command needs of storage; each part is loaded and made when it is first asked for."""

    def __init__(
        self,
        home: Path,
        environment: str,
        store: StoreName,
        *,
        database: Path | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`home` is the data folder, `database` another file than `<home>/<environment>.db`.

        `store` takes what is new; `clock` gives seconds (UTC).
        """
        self.home = home
        self.environment = environment
        self.store: StoreName = store
        self.database = Database(home, environment, database)
        self.clock = clock or time.time
        self.stores: Stores = new_stores(home)

    @property
    def has_database(self) -> bool:
        """Whether the SQLite file is there, or may be."""
        return may_exist(self.database.path)

    @once
    def accounts(self) -> AccountStore:
        """Who is known and current: the rows alone."""
        return LocalAccounts(self.database)

    @once
    def tokens(self) -> TokenStore:
        """The accounts' tokens."""
        # Not at the top: what only looks at the rows starts 3 ms sooner without it.
        from procore_cli.storage.entries import EntryStore
        from procore_cli.storage.local_tokens import LocalTokens

        return LocalTokens(EntryStore(self.database, self.stores, self.store, self.locks, self.clock))

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
    def web_key(self) -> WebKey:
        """The key of the sign-ins through a web app."""
        from procore_cli.storage.web_key import WebKey

        return WebKey(self.home, self.environment, self.store, self.stores)


def new_stores(home: Path) -> Stores:
    """Both stores, each made when it is first asked for."""

    @cache
    def find_store(name: StoreName) -> SecretStore:
        if name == "file":
            from procore_cli.storage.files import SecretFiles

            return SecretFiles(home)
        from procore_cli.storage.keyring import Keyring

        return Keyring()

    return find_store
