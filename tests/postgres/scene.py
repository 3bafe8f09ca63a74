"""Runs of the program over one shared database, and what a test does to it behind their backs."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from procore_cli.config.shared_database import SharedDatabase
from procore_cli.grants import TokenSet
from procore_cli.models import Account, Me
from procore_cli.storage.postgres import schema
from procore_cli.storage.postgres.connection import PostgresDatabase
from procore_cli.storage.postgres.store import PostgresStore, new_postgres_store
from procore_cli.storage.store import Held
from tests.postgres.servers import PostgresServer
from tests.store.store_world import BINDING, JOE

LIFE_S = 5400


def new_key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


@dataclass(frozen=True)
class Scene:
    server: PostgresServer
    name: str
    url: str
    home: Path
    key: str = new_key(1)

    @property
    def shared(self) -> SharedDatabase:
        return SharedDatabase(self.url, self.key, None)

    def prepare(self) -> Scene:
        """Make the tables; returns the scene."""
        schema.init(PostgresDatabase(self.shared))
        return self

    def run(self) -> PostgresStore:
        """What another run of the program has."""
        return new_postgres_store(self.shared, "production", self.home)

    def with_key(self, key: str) -> Scene:
        return replace(self, key=key)

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """What another program does to the database."""
        return self.server.run(statement, values, database=self.name)

    def set(self, changes: str, *values: Any) -> None:
        """Change the one account's row."""
        self.sql(f"UPDATE procore_login_accounts SET {changes}", *values)

    def read(self, columns: str) -> tuple[Any, ...]:
        """These columns of the one account's row."""
        (row,) = self.sql(f"SELECT {columns} FROM procore_login_accounts")
        return tuple(row)

    def new_tokens(self, number: int, life_s: int = LIFE_S) -> TokenSet:
        end = int(self.run().now()) + life_s
        return TokenSet(f"access-{number}", f"refresh-{number}", end, BINDING, LIFE_S)

    def sign_in(
        self, number: int = 1, me: Me = JOE, company: int | None = None, *, left_s: int = LIFE_S
    ) -> Account:
        return self.run().save_signin(self.new_tokens(number, left_s), me, company).account

    def load(self, account: Account) -> Held:
        held = self.run().load(account)
        assert held is not None
        return held

    def claim(self, account: Account, reason: Any = "due") -> Any:
        return self.run().claim(account, self.load(account), reason)
