"""Accounts and tokens in a shared database, as `AccountStore` and `TokenStore`.

Refuses to leave a token in it that is not sealed, and a sign-in half-done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.errors import ConfigurationError, DatabaseError, StorageError
from procore_cli.grants import TokenSet
from procore_cli.models import Account, Me, Service
from procore_cli.storage.postgres import claims
from procore_cli.storage.postgres.accounts import PostgresAccounts, save_user, storable
from procore_cli.storage.postgres.connection import NOW, PostgresDatabase
from procore_cli.storage.postgres.current import Current
from procore_cli.storage.postgres.rows import (
    COLUMNS,
    UNCLAIMED,
    Row,
    find_row,
    new_held,
    open_tokens,
    seal,
)
from procore_cli.storage.postgres.troubles import new_untaken_error
from procore_cli.storage.store import Held, Reason, SignedOut, SignInSaved
from procore_cli.threads import once

if TYPE_CHECKING:
    from procore_cli.config.shared_database import SharedDatabase
    from procore_cli.storage.postgres.connection import Run

# Each fails where the database is a standby, or the rights are not enough; none changes anything.
_PROOFS = (
    "INSERT INTO users (procore_id, email) SELECT 1, '' WHERE false",
    "UPDATE users SET email = email WHERE false",
    "INSERT INTO procore_login_accounts (environment, procore_id, client_id) SELECT '', 1, '' WHERE false",
    "UPDATE procore_login_accounts SET state = state WHERE false",
)
# An account's row, which is made if there is none; until the end of the transaction nobody else changes it.
_LOCKED = f"""
    INSERT INTO procore_login_accounts AS a (environment, procore_id, client_id, company)
    VALUES (%s, %s, %s, %s) ON CONFLICT {{}} DO UPDATE SET environment = a.environment
    RETURNING {COLUMNS}, {NOW}"""  # noqa: S608
_PERSON = "(procore_id, environment) WHERE company IS NULL"
_SERVICE = "(environment, client_id, company) WHERE company IS NOT NULL"
_SIGN_IN = f"""
    UPDATE procore_login_accounts SET procore_id = %s, client_id = %s, name = %s, generation = %s,
        signed_generation = %s, state = 'live', sealed = %s, key_id = %s, issued_at = {NOW}, expires_at = %s,
        failure = NULL, interrupted_at = NULL, {UNCLAIMED}
    WHERE id = %s RETURNING id"""  # noqa: S608
_SIGN_OUT = f"""
    UPDATE procore_login_accounts SET generation = generation + 1, signed_generation = generation + 1,
        state = 'out', sealed = NULL, key_id = NULL, failure = NULL, interrupted_at = NULL, {UNCLAIMED}
    WHERE id = %s AND generation = %s RETURNING id"""  # noqa: S608


def new_postgres_store(shared: SharedDatabase, environment: str, home: Path | None) -> PostgresStore:
    """One environment's accounts in the database that the settings name; `home` is the data folder."""
    database = PostgresDatabase(shared)
    return PostgresStore(database, environment, Current(home, environment, database))


class PostgresStore(PostgresAccounts):
    """Every method raises StorageError, and ConfigurationError where the key is not one."""

    def now(self) -> float:
        """Seconds (UTC) by the database's clock."""
        return self._database.now()

    @once
    def web_key(self) -> PostgresWebKeys:
        """What signs the sign-ins through a web app."""
        return PostgresWebKeys(self._database)

    @log.phase("proof of the store")
    def prove(self) -> None:
        """Seal something, and see that every statement of a sign-in would be allowed."""
        self._database.keys.seal("proof", b"proof")

        def prove(run: Run) -> None:
            for statement in _PROOFS:
                run(statement)

        self._database.transact(prove)

    @log.phase("tokens out of the database")
    def load(self, account: Account, *, waits: bool = False) -> Held | None:
        """The account's tokens, or None if it is not signed in."""
        first = row = self._find_row(account)
        for _ in claims.pauses(claims.WAIT_S):
            if not waits or row is None or not row.is_claimed:
                break
            row = self._find_row(account)
        tokens = self._open(row, account)
        if first is None or row is None or tokens is None:
            return None
        # A failure that came meanwhile is for this run too, unless newer tokens followed.
        seen = first if first.generation == row.generation else row
        return new_held(row, tokens, seen.failures)

    def peek(self, account: Account) -> TokenSet | None:
        """The account's tokens as they lie."""
        return self._open(self._find_row(account), account)

    def claim(self, account: Account, seen: Held, reason: Reason) -> claims.PostgresClaim | None:
        """The right to replace `seen`; see `storage.store.TokenStore`."""
        return claims.Claiming(self._database, self.environment, account, seen, reason).run()

    @log.phase("saving")
    def save_signin(
        self, fresh: TokenSet, me: Me, company: int | None = None, *, makes_current: bool = True
    ) -> SignInSaved:
        """Save a sign-in whole or not at all; with a `company`, of the app's service account there."""
        former = self.find_current() if makes_current else None
        attempts: list[SignInSaved] = []

        def save(run: Run) -> SignInSaved:
            saved = self._save_signin(run, fresh, me, company)
            if attempts and saved.former == fresh:
                # The first one had landed, only nobody heard of it.
                return attempts[0]
            attempts.append(saved)
            return saved

        saved = self._database.transact(save)
        if makes_current:
            self._current.try_save(saved.account.key)
        is_other = former is not None and former.key != saved.account.key
        return saved._replace(switched_from=former if is_other else None)

    def sign_out(self, account: Account) -> SignedOut:
        """The tokens count no more; returns them so that they can be revoked."""
        signed_out, seen = SignedOut(None, was_live=False), -1
        while (row := self._find_row(account)) is not None and row.state != "out":
            signed_out, seen = self._find_signed_out(row, account), row.generation
            if self._database.run(_SIGN_OUT, row.id, row.generation):
                break
        if row is not None and row.state == "out" and row.generation != seen + 1:
            # Not this run's doing.
            signed_out = SignedOut(None, was_live=False)
        if self._current.find() == account.key:
            self._current.try_save(None)
        return signed_out

    def clean(self, account: Account, left: SignedOut | None = None) -> bool:
        """Nothing is left."""
        return True

    def clean_free(self) -> bool:
        """Nothing is left."""
        return True

    def _find_row(self, account: Account) -> Row | None:
        return find_row(self._database.run, self.environment, account)

    def _open(self, row: Row | None, account: Account) -> TokenSet | None:
        return None if row is None else open_tokens(self._database, self.environment, row, account)

    def _find_signed_out(self, row: Row, account: Account) -> SignedOut:
        try:
            return SignedOut(self._open(row, account), row.state == "live")
        except DatabaseError as error:
            return SignedOut(None, was_live=True, unread=error)
        except ConfigurationError as error:
            unread = StorageError(error.message, error.hint)
            return SignedOut(None, was_live=True, unread=unread)

    def _save_signin(self, run: Run, fresh: TokenSet, me: Me, company: int | None) -> SignInSaved:
        user, is_new = save_user(run, me)
        client_id, name = fresh.binding.client_id, storable(me.name)
        which = _PERSON if company is None else _SERVICE
        found = run(_LOCKED.format(which), self.environment, me.id, client_id, company)
        if not found:
            raise new_untaken_error("procore_login_accounts")
        row = Row(*found[0])
        service = None if company is None else Service(row.id, client_id, company)
        account = Account(user, name, row.failures, service=service)
        former = self._find_former(row, account)
        new = row._replace(procore_id=me.id, client_id=client_id, generation=row.generation + 1)
        sealed, key_id = seal(self._database, self.environment, new, fresh)
        values = (new.generation, new.generation, sealed, key_id, fresh.expires_at, row.id)
        if not run(_SIGN_IN, me.id, client_id, name, *values):
            raise new_untaken_error("procore_login_accounts")
        return SignInSaved(account, is_new, former, None)

    def _find_former(self, row: Row, account: Account) -> TokenSet | None:
        try:
            return self._open(row, account)
        except StorageError as error:
            # The key may be lost; a sign-in must work all the same.
            log.warn(f"The former tokens could not be read, so they will not be revoked: {error.message}")
            return None


class PostgresWebKeys:
    """See `storage.web_key.WebKeys`: made from the keys of the database, so that all machines have them."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def load(self) -> bytes:
        """The key that signs. Raises ConfigurationError."""
        return self.list()[0]

    def list(self) -> list[bytes]:
        """The keys that may have signed. Raises ConfigurationError."""
        return self._database.keys.web_keys()
