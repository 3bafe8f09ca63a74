"""The store wing put together for one environment; refuses to touch a disk or a keyring while doing so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from procore_cli.models import StoreName
from procore_cli.store.apps import KnownApps
from procore_cli.store.credentials import ClientSecrets
from procore_cli.store.database import Database
from procore_cli.store.lock import Locks
from procore_cli.store.lock_home import find_lock_home
from procore_cli.store.secret_store import SecretStore, Stores
from procore_cli.store.vault import Vault

Talk = Callable[[str], None]


@dataclass(frozen=True)
class Storage:
    """What a command needs of this wing."""

    vault: Vault
    client_secrets: ClientSecrets
    known_apps: KnownApps
    stores: Stores


def open_storage(
    home: Path,
    environment: str,
    store: StoreName,
    *,
    tell: Talk,
    warn: Talk,
    database: Path | None = None,
    clock: Callable[[], float] = time.time,
) -> Storage:
    """The vault and client secrets of an environment; raises nothing, everything is opened when used.

    `home` is the data folder, `database` another file than `<home>/<environment>.db`; `tell` hears of
    waiting, `warn` of modes that were tightened and of what could not be deleted; `clock`: seconds, UTC.
    """
    own = home / f"{environment}.db"
    path = (own if database is None else database).absolute()
    is_ours = path.parent == home.absolute()
    rows = Database(path, warn, is_ours=is_ours)
    locks = Locks(lambda: find_lock_home(rows, home, warn), path, environment, warn)
    stores = new_stores(home, tell, warn)
    vault = Vault(rows, locks, stores, store, environment, clock, warn)
    secrets = ClientSecrets(stores, store, environment)
    return Storage(vault, secrets, KnownApps(rows, environment), stores)


def new_stores(home: Path, tell: Talk, warn: Talk) -> Stores:
    """Both stores, each made when it is first asked for."""

    @cache
    def find_store(name: StoreName, place: str | None = None, /) -> SecretStore:
        if name == "file":
            from procore_cli.store.files import SecretFiles, SecretFilesElsewhere

            return SecretFiles(home, warn) if place is None else SecretFilesElsewhere(Path(place), warn)
        from procore_cli.store.keyrings import Keyring

        return Keyring(tell)

    return find_store
