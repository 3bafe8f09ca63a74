"""The accounts of an environment: what is remembered beside their rows, who is signed in, with which apps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from procore_cli import log
from procore_cli.errors import (
    AmbiguousAccountError,
    NotSignedInError,
    SignInNeededError,
    UnknownAccountError,
)
from procore_cli.grants import find_shown_end
from procore_cli.models import (
    ANY_SERVICE,
    SERVICE_ACCOUNT,
    Account,
    Choice,
    Me,
    User,
    command,
    new_service_options,
)
from procore_cli.storage import account_rows, entries, failures, users
from procore_cli.storage.database import Database, ReadOnlyDatabase
from procore_cli.storage.entries import Entry
from procore_cli.storage.rows import Rows

if TYPE_CHECKING:
    from pathlib import Path


MAX_CANDIDATES = 10


class Listed(NamedTuple):
    """A line of the list of accounts; the live token's end and beginning are seconds (UTC).

    `is_refused`: Procore refused its last refresh token.
    """

    account: Account
    is_current: bool
    is_signed_in: bool
    is_refused: bool
    expires_at: int | None
    issued_at: int

    def find_shown_end(self, now: float) -> int | None:
        """`expires_at` as people are told it at `now`."""
        return find_shown_end(self.expires_at, self.issued_at, now)


class AccountStore:
    """The accounts of one environment. Every method raises DatabaseError and DataFolderError.

    Whoever has tokens in the files of another data folder is signed out here.
    """

    def __init__(self, database: Database) -> None:
        self.environment = database.environment
        self._database = database

    @log.phase("account in the database")
    def find_account(self, who: str | None = None, choice: Choice = ANY_SERVICE) -> Account | None:
        """As `find_named`, without `who` as `find_current`."""
        return self.find_current() if who is None else self.find_named(who, choice)

    def find_current(self) -> Account | None:
        """The current account, if any; a row is enough, tokens or not."""
        with self._database.reading() as rows:
            account = account_rows.find_current(rows)
            return None if account is None else account_rows.read_account(rows, account)

    def find_named(self, who: str, choice: Choice = ANY_SERVICE) -> Account:
        """The account that `who` (an e-mail or a procore_id) means; a row is enough.

        A person goes before service accounts that are the same to `/me`; of these `choice` decides.
        Raises UnknownAccountError, or AmbiguousAccountError, with the candidates.
        """
        who = who.strip()
        with self._database.reading() as rows:
            people = users.list_named(rows, who)
            if len(people) != 1:
                # Candidates, and what only casefold takes for the same, cost a look at every row.
                everybody = users.list_users(rows)
                people = [user for user in everybody if users.is_named(user, who)]
                if not people:
                    raise self._new_unknown_error(who, everybody)
            persons: list[Account] = []
            services: list[Account] = []
            for user in people:
                found = account_rows.list_services(rows, "service_id = ?", user.procore_id)
                is_person = not found or account_rows.is_known(rows, user.procore_id)
                persons += [Account(user)] if is_person else []
                services += [] if is_person else found
            if len(persons) > 1:
                raise self._new_ambiguous_error(who, persons, "Name one by its Procore id.")
            account = persons[0] if persons else self._choose(who, services, choice)
            if account is None:
                raise self._new_unknown_error(who, people, f" of company {choice.company}")
            return account_rows.read_account(rows, account)

    def find_by_row(self, row_id: int) -> Account:
        """The person whose row in `users` has this id. Raises UnknownAccountError."""
        with self._database.reading() as rows:
            user = users.find_by_row(rows, row_id)
            if user is None:
                raise UnknownAccountError(
                    f"There is no row {row_id} in the table users of {self.environment}.",
                    "Give the id that finish() returned.",
                    environment=self.environment,
                )
            return Account(user)

    def find_service(self, choice: Choice) -> Account | None:
        """The service account that is signed in here; None where the app has none.

        Raises AmbiguousAccountError with the candidates, NotSignedInError for another company than theirs.
        """
        with self._database.reading() as rows:
            live = entries.list_usable(rows)
            found = account_rows.list_services(rows, "client_id = COALESCE(?, client_id)", choice.client_id)
            services = [each for each in found if each.key in live]
            if not services:
                return None
            account = self._choose(SERVICE_ACCOUNT, services, choice)
            if account is None:
                where, options = self.environment, new_service_options(choice.company)
                raise NotSignedInError(
                    f"No service account of company {choice.company} is signed in to {where} here.",
                    f"Run {command(f'signin {options}', where)}",
                    environment=where,
                )
            return account_rows.read_account(rows, account)

    def _choose(self, who: str, services: list[Account], choice: Choice) -> Account | None:
        """The service account that is meant; None where another company was asked for."""
        of_app = [each for each in services if each.service and each.service.client_id == choice.client_id]
        of_app = of_app or services
        fitting = [each for each in of_app if each.service and each.service.company == choice.company]
        if choice.is_exact and not fitting:
            return None
        for candidates in (fitting, of_app):
            if len(candidates) == 1:
                return candidates[0]
        hint = "Name the company of the one that is meant: --company ID"
        raise self._new_ambiguous_error(who, of_app, hint)

    def list_known(self) -> list[Listed]:
        """Those whom the environment remembers, signed in or not, by id; other rows cost nothing."""
        with self._database.reading() as rows:
            return self._list(rows, users.find_users(rows, account_rows.list_known_ids(rows)))

    def list_accounts(self) -> list[Listed]:
        """As `list_known`, and the rows that no environment remembers."""
        with self._database.reading() as rows:
            found = rows.run("SELECT procore_id, service_id FROM procore_login_accounts")
            others = {each for ids in found for each in ids} - account_rows.list_known_ids(rows)
            return self._list(
                rows, [user for user in users.list_users(rows) if user.procore_id not in others]
            )

    def list_signed_in(self) -> list[Account]:
        """The accounts that have tokens, by id of their rows."""
        return [listed.account for listed in self.list_known() if listed.is_signed_in]

    def list_refused(self) -> list[Account]:
        """The accounts whose refresh token Procore refused last."""
        return [listed.account for listed in self.list_known() if listed.is_refused]

    def find_shown_end(self, account: Account, now: float) -> int | None:
        """As `find_expiry`, as people are told it at `now`."""
        live = self.find_live(account)
        return find_shown_end(live.expires_at, live.created_at, now)

    def find_expiry(self, account: Account) -> int | None:
        """When the account's access token ends (seconds, UTC); None where Procore did not say.

        Raises SignInNeededError if it has none.
        """
        return self.find_live(account).expires_at

    def find_live(self, account: Account) -> Entry:
        """The entry of the account's live tokens. Raises SignInNeededError if it has none."""
        with self._database.reading() as rows:
            live = entries.find_usable(rows, account.key)
        if live is None:
            raise self.new_not_signed_in_error(account)
        return live

    def switch(self, account: Account) -> bool:
        """Make the account the current one; False if it is not signed in (any more)."""
        with self._database.writing() as rows:
            if entries.find_usable(rows, account.key) is None:
                return False
            account_rows.save_current(rows, account)
        return True

    def new_not_signed_in_error(self, account: Account) -> SignInNeededError:
        """Why the account has no tokens: a refused refresh that is on record, else a sign-out."""
        with self._database.reading() as rows:
            known = account_rows.read_account(rows, account)
            return failures.find_refusal(known, self.environment) or failures.new_signed_out_error(
                rows, known
            )

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
        current = account_rows.find_current(rows)
        live = entries.list_usable(rows)
        listed = []
        for account in account_rows.list_accounts(rows, people):
            entry = live.get(account.key)
            listed.append(
                Listed(
                    account,
                    is_current=current is not None and current.key == account.key,
                    is_signed_in=entry is not None,
                    is_refused=entry is None and failures.find_refusal(account, self.environment) is not None,
                    expires_at=entry.expires_at if entry else None,
                    issued_at=entry.created_at if entry else 0,
                )
            )
        return listed

    def _new_ambiguous_error(self, who: str, meant: list[Account], hint: str) -> AmbiguousAccountError:
        return AmbiguousAccountError(
            f"{who} is more than one account in {self.environment}: {_list_names(meant)}.",
            hint,
            environment=self.environment,
        )

    def _new_unknown_error(self, who: str, people: list[User], of: str = "") -> UnknownAccountError:
        known = f"Known here: {_list_names(map(Account, people))}." if people else "No account is known here."
        choice = "Name one of these, or sign in" if people else "Sign in"
        error = UnknownAccountError(
            f"There is no account {who}{of} in {self.environment}. {known}",
            f"{choice}: {command('signin', self.environment)}",
            environment=self.environment,
        )
        error.account = who
        return error


def _list_names(accounts: Iterable[Account]) -> str:
    names = [
        f"{each.user.email or 'no e-mail'} ({each.user.procore_id}"
        + (f", app {each.service.client_id}, company {each.service.company})" if each.service else ")")
        for each in accounts
    ]
    more = ", ..." if len(names) > MAX_CANDIDATES else ""
    return ", ".join(names[:MAX_CANDIDATES]) + more


def list_known_in(path: Path, environment: str, home: Path) -> list[Listed] | None:
    """Everybody whom the environment knows in a file, without changing a byte of it; None if it is not there.

    `home` is the data folder. As `AccountStore.list_known` and `ReadOnlyDatabase`.
    """
    database = ReadOnlyDatabase(home, environment, path)
    return AccountStore(database).list_known() if database.may_exist() else None
