"""The accounts of an environment in its SQLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.errors import SignInNeededError
from procore_cli.models import Account, Me, User
from procore_cli.storage import account_rows, entries, failures, users
from procore_cli.storage.accounts import AccountStore, Listed
from procore_cli.storage.database import Database, ReadOnlyDatabase
from procore_cli.storage.entries import Entry
from procore_cli.storage.rows import Rows

if TYPE_CHECKING:
    from pathlib import Path


class LocalAccounts(AccountStore):
    """The rows of one environment, as `AccountStore`. Raises DatabaseError and DataFolderError.

    Whoever has tokens in the files of another data folder is signed out here.
    """

    def __init__(self, database: Database) -> None:
        self.environment = database.environment
        self._database = database

    def find_current(self) -> Account | None:
        """The current account, if any; a row is enough, tokens or not."""
        with self._database.reading() as rows:
            account = account_rows.find_current(rows)
            return None if account is None else account_rows.read_account(rows, account)

    def switch(self, account: Account) -> bool:
        """Make the account the current one; False if it is not signed in (any more)."""
        with self._database.writing() as rows:
            if entries.find_usable(rows, account.key) is None:
                return False
            account_rows.save_current(rows, account)
        return True

    def list_named(self, who: str) -> list[Account]:
        """Whom `who` names: persons, and service accounts that are the same to `/me`."""
        with self._database.reading() as rows:
            people = users.list_named(rows, who)
            if len(people) != 1:
                # What only casefold takes for the same costs a look at every row.
                people = [user for user in users.list_users(rows) if users.is_named(user, who)]
            found: list[Account] = []
            for user in people:
                services = account_rows.list_services(rows, "service_id = ?", user.procore_id)
                if not services or account_rows.is_known(rows, user.procore_id):
                    found.append(Account(user))
                found += services
            return [account_rows.read_account(rows, each) for each in found]

    def find_row(self, row_id: int) -> User | None:
        """The row that counts for the person of a row."""
        with self._database.reading() as rows:
            return users.find_by_row(rows, row_id)

    def list_people(self, limit: int) -> list[User]:
        """The first people that have a row, by id."""
        with self._database.reading() as rows:
            return users.list_users(rows)[:limit]

    def list_services(self, client_id: str | None) -> list[Account]:
        """The service accounts of an app, or of all, that are signed in."""
        with self._database.reading() as rows:
            live = entries.list_usable(rows)
            found = account_rows.list_services(rows, "client_id = COALESCE(?, client_id)", client_id)
            return [account_rows.read_account(rows, each) for each in found if each.key in live]

    def list_known(self, after: int = 0, limit: int | None = None) -> list[Listed]:
        """Those whom the environment remembers, signed in or not, by id; other rows cost nothing."""
        with self._database.reading() as rows:
            listed = self._list(rows, users.find_users(rows, account_rows.list_known_ids(rows)))
        return [each for each in listed if each.account.user.id > after][:limit]

    def list_strangers(self) -> list[Listed]:
        """The rows of `users` that no environment remembers."""
        with self._database.reading() as rows:
            found = rows.run("SELECT procore_id, service_id FROM procore_login_accounts")
            known = {each for ids in found for each in ids}
            strangers = [user for user in users.list_users(rows) if user.procore_id not in known]
            return [new_listed(Account(user), None, self.environment) for user in strangers]

    def look(self, account: Account) -> Listed:
        """How the account is now."""
        with self._database.reading() as rows:
            live = entries.find_usable(rows, account.key)
            return new_listed(account_rows.read_account(rows, account), live, self.environment)

    def new_not_signed_in_error(self, account: Account) -> SignInNeededError:
        """Why the account has no tokens: a refused refresh that is on record, else a sign-out."""
        with self._database.reading() as rows:
            known = account_rows.read_account(rows, account)
            return failures.find_refusal(known, self.environment) or entries.new_signed_out_error(rows, known)

    def remember(self, account: Account, me: Me) -> Account:
        """Keep what `/me` says now, where it differs; returns the account as it is then."""
        with self._database.reading() as rows:
            user = users.find_user(rows, me.id) or account.user
            known = account_rows.read_account(rows, account._replace(user=user))
        if (known.user.procore_id, known.user.email, known.name) == (me.id, me.login, me.name):
            return known
        with self._database.writing() as rows:
            user, _ = users.save_user(rows, me)
            account_rows.save_name(rows, account.key, me.name)
            return account_rows.read_account(rows, account._replace(user=user))

    def knows_app(self, client_id: str, login_origin: str) -> bool:
        """Whether a sign-in with this app has worked here."""
        with self._database.reading() as rows:
            return bool(
                rows.run(
                    "SELECT 1 FROM procore_login_apps"
                    " WHERE environment = ? AND client_id = ? AND login_origin = ?",
                    (self.environment, client_id, login_origin),
                )
            )

    def remember_app(self, client_id: str, login_origin: str) -> None:
        """A sign-in with this app has worked here."""
        with self._database.writing() as rows:
            rows.run(
                "INSERT OR IGNORE INTO procore_login_apps VALUES (?, ?, ?)",
                (self.environment, client_id, login_origin),
            )

    def _list(self, rows: Rows, people: list[User]) -> list[Listed]:
        current, live = account_rows.find_current(rows), entries.list_usable(rows)
        return [
            new_listed(
                account,
                live.get(account.key),
                self.environment,
                is_current=current is not None and current.key == account.key,
            )
            for account in account_rows.list_accounts(rows, people)
        ]


def new_listed(account: Account, live: Entry | None, environment: str, *, is_current: bool = False) -> Listed:
    """An account whose tokens lie in the entry `live`, if it is signed in."""
    if live is not None:
        return Listed(account, is_current, True, False, live.expires_at, live.created_at, live.name)
    is_refused = failures.find_refusal(account, environment) is not None
    return Listed(account, is_current, is_refused=is_refused)


def list_known_in(path: Path, environment: str, home: Path) -> list[Listed] | None:
    """Everybody whom the environment knows in a file, without changing a byte of it; None if it is not there.

    `home` is the data folder. As `LocalAccounts.list_known` and `ReadOnlyDatabase`.
    """
    database = ReadOnlyDatabase(home, environment, path)
    return LocalAccounts(database).list_known() if database.may_exist() else None
