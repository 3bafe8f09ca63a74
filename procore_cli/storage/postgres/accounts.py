"""The accounts of an environment in a shared database: rows of `users`, and what is remembered beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procore_cli.errors import SignInNeededError
from procore_cli.models import Account, Me, Service, User
from procore_cli.storage import failures, users
from procore_cli.storage.accounts import AccountStore, Listed
from procore_cli.storage.postgres.rows import name_row
from procore_cli.storage.postgres.troubles import new_untaken_error

if TYPE_CHECKING:
    from procore_cli.storage.postgres.connection import PostgresDatabase, Run
    from procore_cli.storage.postgres.current import Current

_MAX_ID = 2**63 - 1
_LONGEST_ID = 20
# The row of `users` that counts for a procore_id.
_COUNTS = """u.procore_id > 0 AND NOT EXISTS (
    SELECT FROM users o WHERE o.procore_id = u.procore_id AND o.id < u.id)"""
# Whatever numbers another program's table has.
_USER = "u.id::bigint, u.procore_id::bigint, u.email"
_COLUMNS = f"""{_USER}, a.name, a.failures, a.failure, a.interrupted_at, a.id, a.client_id,
    a.company, a.state, a.expires_at, a.issued_at, a.generation"""
# Somebody whom the environment need not remember.
_SOMEBODY = f"""
    SELECT {_COLUMNS} FROM users u LEFT JOIN procore_login_accounts a
    ON a.procore_id = u.procore_id AND a.environment = %s AND """  # noqa: S608
_REMEMBERED = f"""
    SELECT {_COLUMNS} FROM users u JOIN procore_login_accounts a
    ON a.procore_id = u.procore_id AND a.environment = %s WHERE {_COUNTS} AND """  # noqa: S608
_LOCK_PERSON = "SELECT pg_advisory_xact_lock(hashtextextended('procore-login ' || %s::text, 0))"


class PostgresAccounts(AccountStore):
    """The rows of one environment, as `AccountStore`; the current account lies in the data folder."""

    def __init__(self, database: PostgresDatabase, environment: str, current: Current) -> None:
        self.environment = environment
        self._database = database
        self._current = current

    def find_current(self) -> Account | None:
        """The current account, if any; a row is enough, tokens or not."""
        key = self._current.find()
        row = None if key is None else self._find(key)
        return None if row is None else _new_account(row)

    def switch(self, account: Account) -> bool:
        """Make the account the current one; False if it is not signed in (any more)."""
        if not self.look(account).is_signed_in:
            return False
        self._current.save(account.key)
        return True

    def list_named(self, who: str) -> list[Account]:
        """Whom `who` names: persons, and service accounts that are the same to `/me`."""
        ids = [user.id for user in self._list_named(who)]
        order = "ORDER BY u.id, a.company IS NOT NULL, a.id"
        found = self._run(f"{_SOMEBODY} TRUE WHERE u.id = ANY(%s) {order}", ids)
        return [_new_account(row) for row in found]

    def find_row(self, row_id: int) -> User | None:
        """The row that counts for the person of a row."""
        if abs(row_id) > _MAX_ID:
            return None
        found = self._list("AND u.procore_id = (SELECT procore_id FROM users WHERE id = %s)", row_id)
        return found[0] if found else None

    def list_people(self, limit: int) -> list[User]:
        """The first people that have a row, by id."""
        return self._list("ORDER BY u.id LIMIT %s", limit)

    def list_services(self, client_id: str | None) -> list[Account]:
        """The service accounts of an app, or of all, that are signed in."""
        found = self._run(
            f"{_REMEMBERED} a.company IS NOT NULL AND a.state = 'live'"
            " AND a.client_id = COALESCE(%s, a.client_id) ORDER BY a.id",
            client_id,
        )
        return [_new_account(row) for row in found]

    def list_known(self, after: int = 0, limit: int | None = None) -> list[Listed]:
        """Those whom the environment remembers, by id; a limit does not tear apart those of one row."""
        first = "" if limit is None else f" FETCH FIRST {limit:d} ROWS WITH TIES"
        found = self._run(f"{_REMEMBERED} u.id > %s ORDER BY u.id{first}", after)
        current = self._current.find()
        listed = [_new_listed(row, current) for row in found]
        # Within a row the person comes first.
        return sorted(listed, key=lambda each: (each.account.user.id, -min(each.account.key, 0)))

    def list_strangers(self) -> list[Listed]:
        """The rows of `users` that no environment remembers."""
        known = "SELECT FROM procore_login_accounts a WHERE a.procore_id = u.procore_id"
        strangers = self._list(f"AND NOT EXISTS ({known}) ORDER BY u.id")
        return [Listed(Account(user)) for user in strangers]

    def look(self, account: Account) -> Listed:
        """How the account is now."""
        row = self._find(account.key)
        return Listed(account) if row is None else _new_listed(row, None)

    def new_not_signed_in_error(self, account: Account) -> SignInNeededError:
        """Why the account has no tokens: a refused refresh that is on record, else a sign-out."""
        listed = self.look(account)
        refusal = failures.find_refusal(listed.account, self.environment) if listed.is_refused else None
        return refusal or failures.new_signed_out_error(listed.account, self.environment)

    def remember(self, account: Account, me: Me) -> Account:
        """Keep what `/me` says now, where it differs; returns the account as it is then."""
        known = self.look(account).account
        if (known.user.procore_id, known.user.email, known.name) == (me.id, me.login, me.name):
            return known

        def save(run: Run) -> User:
            user, _ = save_user(run, me)
            condition, key = name_row(account)
            update = f"UPDATE procore_login_accounts AS a SET name = %s WHERE {condition}"  # noqa: S608
            run(update, storable(me.name), self.environment, key)
            return user

        return known._replace(user=self._database.transact(save), name=me.name)

    def knows_app(self, client_id: str, login_origin: str) -> bool:
        """Whether anybody has signed in with this app; where it did so is sealed."""
        return bool(
            self._run(
                "SELECT 1 FROM procore_login_accounts WHERE environment = %s AND client_id = %s LIMIT 1",
                client_id,
            )
        )

    def remember_app(self, client_id: str, login_origin: str) -> None:
        """The accounts' rows tell."""

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.run(statement, self.environment, *values)

    def _list(self, which: str, *values: object) -> list[User]:
        """Of the rows of `users` that count."""
        select = f"SELECT {_USER} FROM users u WHERE {_COUNTS} {which}"  # noqa: S608
        return [User(*row) for row in self._database.run(select, *values)]

    def _find(self, key: int) -> tuple[Any, ...] | None:
        if key < 0:
            found = self._run(f"{_REMEMBERED} a.company IS NOT NULL AND a.id = %s", -key)
        else:
            found = self._run(f"{_SOMEBODY} a.company IS NULL WHERE {_COUNTS} AND u.procore_id = %s", key)
        return found[0] if found else None

    def _list_named(self, who: str) -> list[User]:
        text = storable(who) or ""
        is_id = who.isascii() and who.isdigit() and len(who) < _LONGEST_ID
        found = self._list(
            "AND (lower(u.email) IN (lower(%s), %s) OR u.procore_id = %s) ORDER BY u.id",
            *(text, text.lower(), int(who) if is_id else None),
        )
        # What only casefold takes for the same; the letters of ASCII have been compared.
        found = found or self._list("AND octet_length(u.email) > char_length(u.email) ORDER BY u.id")
        return [user for user in found if users.is_named(user, who)]


def save_user(run: Run, me: Me) -> tuple[User, bool]:
    """Insert or update the person's row within a transaction; returns it and whether it is new."""
    email = storable(me.login)
    # Nothing makes a procore_id unique, and the table may be another program's.
    run(_LOCK_PERSON, me.id)
    found = run("SELECT id::bigint, email FROM users WHERE procore_id = %s ORDER BY id LIMIT 1", me.id)
    if not found:
        made = run("INSERT INTO users (procore_id, email) VALUES (%s, %s) RETURNING id::bigint", me.id, email)
        if not made or made[0][0] is None:
            raise new_untaken_error("users")
        return User(made[0][0], me.id, email), True
    if found[0][1] != email:
        run("UPDATE users SET email = %s WHERE id = %s", email, found[0][0])
    return User(found[0][0], me.id, email), False


def storable(text: str | None) -> str | None:
    """The text as PostgreSQL can store it."""
    return None if text is None else users.storable(text).replace("\0", "")


def _new_account(row: tuple[Any, ...]) -> Account:
    name, failed, failure, interrupted_at, number, client_id, company = row[3:10]
    service = None if company is None else Service(number, client_id, company)
    return Account(User(*row[:3]), name, failed or 0, failure, interrupted_at, service)


def _new_listed(row: tuple[Any, ...], current: int | None) -> Listed:
    account, (state, expires_at, issued_at, generation) = _new_account(row), row[10:14]
    is_current, is_live = account.key == current, state == "live"
    if not is_live:
        return Listed(account, is_current, is_refused=state == "refused")
    return Listed(account, is_current, True, False, expires_at, issued_at or 0, generation)
