"""What the environment remembers of its accounts, in SQL: names, failures, whose session it is."""

from __future__ import annotations

from collections.abc import Iterable

from procore_cli.models import Account, Service, User
from procore_cli.storage import users
from procore_cli.storage.rows import Rows

# Two refusals so close are no accident.
REFUSED_TWICE_S = 60
# SQLite keeps a value of any type in any column, and the file may be damaged.
_REMEMBERED = """
    CASE typeof(name) WHEN 'text' THEN name END,
    CASE typeof(failures) WHEN 'integer' THEN failures ELSE 0 END,
    CASE typeof(failure) WHEN 'text' THEN failure END,
    CASE typeof(interrupted_at) WHEN 'integer' THEN interrupted_at END"""
_SERVICE = "-procore_id, client_id, company, service_id"
_IS_SERVICE = """procore_id < 0 AND typeof(client_id) = 'text' AND typeof(company) = 'integer'
    AND typeof(service_id) = 'integer'"""


def read_account(rows: Rows, account: Account) -> Account:
    """The account with what the environment remembers of it now, perhaps nothing."""
    found = rows.run(
        f"SELECT {_REMEMBERED} FROM procore_login_accounts"  # noqa: S608
        " WHERE environment = ? AND procore_id = ?",
        (rows.environment, account.key),
    )
    return Account(account.user, *found[0])._replace(service=account.service) if found else account


def list_accounts(rows: Rows, people: Iterable[User]) -> list[Account]:
    """The people, with what the environment remembers of them, and its service accounts."""
    found = rows.run(
        f"SELECT procore_id, {_REMEMBERED} FROM procore_login_accounts WHERE environment = ?",  # noqa: S608
        (rows.environment,),
    )
    remembered = {procore_id: values for procore_id, *values in found}
    accounts = [*map(Account, people), *list_services(rows)]
    listed = [
        Account(each.user, *remembered.get(each.key, ()))._replace(service=each.service) for each in accounts
    ]
    return sorted(listed, key=lambda each: (each.user.id, -each.key if each.service else 0))


def list_services(rows: Rows, condition: str = "TRUE", *values: object) -> list[Account]:
    """The service accounts that have signed in, signed out since or not, by their numbers."""
    found = rows.run(
        f"SELECT {_SERVICE} FROM procore_login_accounts"  # noqa: S608
        f" WHERE environment = ? AND {_IS_SERVICE} AND {condition} ORDER BY procore_id DESC",
        (rows.environment, *values),
    )
    services = ((users.find_user(rows, service_id), Service(*rest)) for *rest, service_id in found)
    return [Account(user, service=service) for user, service in services if user is not None]


def number_service(rows: Rows, client_id: str, company: int) -> Service:
    """The service account of an app in a company, which has a number from now on."""
    found = rows.run(
        "SELECT procore_id FROM procore_login_accounts"
        " WHERE environment = ? AND procore_id < 0 AND client_id = ? AND company = ?",
        (rows.environment, client_id, company),
    )
    if not found:
        found = rows.run("SELECT MIN(0, COALESCE(MIN(procore_id), 0)) - 1 FROM procore_login_accounts")
        rows.run(
            "INSERT INTO procore_login_accounts (environment, procore_id, client_id, company)"
            " VALUES (?, ?, ?, ?)",
            (rows.environment, found[0][0], client_id, company),
        )
    return Service(-found[0][0], client_id, company)


def is_known(rows: Rows, procore_id: int) -> bool:
    """Whether the environment remembers a person."""
    return bool(
        rows.run(
            "SELECT 1 FROM procore_login_accounts WHERE environment = ? AND procore_id = ?",
            (rows.environment, procore_id),
        )
    )


def list_known_ids(rows: Rows) -> set[object]:
    """The procore_ids of the people that the environment remembers."""
    found = rows.run(
        "SELECT procore_id FROM procore_login_accounts WHERE environment = ? AND procore_id > 0",
        (rows.environment,),
    )
    return {procore_id for (procore_id,) in found}


def find_current(rows: Rows) -> Account | None:
    """Whose session it is."""
    found = rows.run(
        "SELECT users.procore_id, service FROM procore_login_session JOIN users ON users.id = user_id"
        " WHERE environment = ? AND typeof(users.procore_id) = 'integer'",
        (rows.environment,),
    )
    if not found:
        return None
    procore_id, number = found[0]
    if number is not None:
        return next(iter(list_services(rows, "procore_id = ?", number)), None)
    user = users.find_user(rows, procore_id)
    return None if user is None else Account(user)


def save_current(rows: Rows, account: Account | None) -> None:
    """Make it an account's session, or nobody's."""
    user_id = None if account is None else account.user.id
    service = account.key if account is not None and account.service else None
    rows.run(
        "INSERT INTO procore_login_session (environment, user_id, service) VALUES (?, ?, ?)"
        " ON CONFLICT (environment) DO UPDATE SET user_id = excluded.user_id, service = excluded.service",
        (rows.environment, user_id, service),
    )


def save_service_id(rows: Rows, key: int, procore_id: int) -> None:
    """Remember who a service account is to `/me`; from now on it is listed."""
    _update(rows, key, "service_id = ?", procore_id)


def save_name(rows: Rows, key: int, name: str | None) -> None:
    """Remember the name that `/me` said last."""
    _update(rows, key, "name = ?", None if name is None else users.storable(name))


def add_failure(rows: Rows, key: int, failure: str) -> None:
    """Record a failed refresh; the counter only ever grows, so that waiters can tell it is new."""
    _update(rows, key, "failures = failures + 1, failure = ?", failure)


def save_interruption(rows: Rows, key: int, interrupted_at: int) -> None:
    """Record when (seconds, UTC) a refresh was sent whose outcome is unknown; the first one is kept."""
    _update(rows, key, "interrupted_at = COALESCE(interrupted_at, ?)", interrupted_at)


def _update(rows: Rows, key: int, change: str, value: object) -> None:
    """Change what the environment remembers of somebody, whom it may not remember yet."""
    rows.run(
        "INSERT OR IGNORE INTO procore_login_accounts (environment, procore_id) VALUES (?, ?)",
        (rows.environment, key),
    )
    rows.run(
        f"UPDATE procore_login_accounts SET {change} WHERE environment = ? AND procore_id = ?",  # noqa: S608
        (value, rows.environment, key),
    )


def was_refused(rows: Rows, key: int, now: int) -> bool:
    """Whether a service account's token was replaced within this minute because it had been refused."""
    found = rows.run(
        "SELECT refused_at FROM procore_login_accounts WHERE environment = ? AND procore_id = ?",
        (rows.environment, key),
    )
    before = found[0][0] if found else None
    return isinstance(before, int) and 0 <= now - before < REFUSED_TWICE_S


def save_refusal(rows: Rows, key: int, now: int) -> None:
    """Remember that a service account's token was refused, and has been replaced."""
    _update(rows, key, "refused_at = ?", now)


def clear_failure(rows: Rows, key: int) -> None:
    """New tokens mend what went wrong before."""
    rows.run(
        "UPDATE procore_login_accounts SET failure = NULL, interrupted_at = NULL"
        " WHERE environment = ? AND procore_id = ?",
        (rows.environment, key),
    )
