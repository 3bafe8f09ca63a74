"""The database that machines share: reached, encrypted, written, opened by the keys; and who is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from procore_cli.cli.doctor.accounts import describe_account, label, new_interrupted_warning
from procore_cli.cli.doctor.context import Check, DoctorContext, fine, warning
from procore_cli.config.urls import is_loopback
from procore_cli.errors import DatabaseError
from procore_cli.models import Account, User, utc
from procore_cli.storage.postgres import inspection, schema

_OLDEST = 140_000
_COLUMNS = ("id", "procore_id", "email")
_TOO_SMALL = frozenset({"smallint", "integer"})
_VERIFIED = {"verify-full": "its certificate and name are checked", "verify-ca": "its certificate is checked"}
# So many accounts have a line of their own, and so many interrupted refreshes are named.
_MOST_ACCOUNTS = 20
_MOST_INTERRUPTED = 10


def check_server(context: DoctorContext) -> Iterator[Check]:
    """Whether it can be reached, and what is between. Raises DatabaseError, ConfigurationError."""
    database = context.postgres
    address, is_encrypted = database.describe()
    yield fine(f"{database.shown} (from PROCORE_LOGIN_DB) answers at {address}")
    mode = database.parameters.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"
    if is_encrypted:
        how = _VERIFIED.get(mode, "its certificate is not checked")
        yield fine(f"on (sslmode={mode}: {how})", "TLS")
    elif address.startswith("/") or is_loopback(address.rpartition(":")[0].lower()):
        yield fine(f"off (sslmode={mode}): the server is this machine", "TLS")
    else:
        yield warning(
            f"off (sslmode={mode}): whoever is on the way can read e-mails and change rows; tokens are"
            " sealed.",
            "Let the URL in PROCORE_LOGIN_DB end with ?sslmode=verify-full, or with ?sslmode=require",
            "TLS",
        )


def check_schema(context: DoctorContext) -> Iterator[Check]:
    """Our table, and the columns of `users`. Raises DatabaseError."""
    columns = inspection.list_columns(context.postgres)
    if missing := [name for name in _COLUMNS if name not in columns]:
        raise DatabaseError(
            f"The table users in {context.postgres.shown} has no column {missing[0]}.",
            "It is another program's: let PROCORE_LOGIN_DB name another database.",
        )
    kind = columns["procore_id"]
    if kind in _TOO_SMALL:
        yield warning(
            f"schema {schema.VERSION}; the column procore_id of users is {kind}: larger ids do not fit.",
            "As its owner: `ALTER TABLE users ALTER COLUMN procore_id TYPE bigint;`",
        )
        return
    yield fine(
        f"schema {schema.VERSION}; users has {', '.join(f'{name} {columns[name]}' for name in _COLUMNS)}"
    )


def check_writing(context: DoctorContext) -> Iterator[Check]:
    """Whether anything can be kept. Raises DatabaseError."""
    shown, server = context.postgres.shown, inspection.look_at_server(context.postgres)
    if server.is_standby or server.is_read_only:
        what = "is a standby" if server.is_standby else "was made read only"
        raise DatabaseError(
            f"Nothing can be kept in {shown}: it {what}.",
            "Let PROCORE_LOGIN_DB name the primary; a URL that names both needs"
            " target_session_attrs=read-write.",
        )
    if server.missing:
        raise DatabaseError(
            f"This user may not do all that is needed in {shown} ({', '.join(server.missing)}).",
            "As the owner: GRANT SELECT, INSERT, UPDATE ON users, procore_login_accounts TO that user.",
        )
    words = f"PostgreSQL {server.version}, no standby; it can be written"
    if server.version_number < _OLDEST:
        yield warning(f"{words}. It is older than 14, and was not tried.", "Update the server.")
        return
    yield fine(words)


def check_keys(context: DoctorContext) -> Iterator[Check]:
    """Whether every row can be opened. Raises ConfigurationError, DatabaseError."""
    needed, ids = inspection.count_by_key(context.postgres, context.name), context.postgres.keys.ids
    if absent := [f"{key_id} ({_count(needed[key_id])})" for key_id in needed if key_id not in ids]:
        raise DatabaseError(
            f"Accounts need keys that are not here: {', '.join(absent)}.",
            "Let PROCORE_LOGIN_KEY or PROCORE_LOGIN_KEY_FILE have them too, behind the first; where one is"
            " lost, its accounts have to sign in again.",
        )
    opened = ", ".join(f"{key_id} ({_count(needed.get(key_id, 0))})" for key_id in sorted(ids))
    yield fine(f"every account can be opened by those that are here: {opened}")


def _count(number: int) -> str:
    return f"{number} account{'' if number == 1 else 's'}"


def check_accounts(context: DoctorContext) -> Iterator[Check]:
    """A line an account, of the first ones; nobody being signed in is no fault."""
    listed = context.accounts.list_known(limit=_MOST_ACCOUNTS)
    if not listed:
        yield fine(f"nobody is signed in to {context.name}")
    for each in listed:
        yield describe_account(context, each)
    counts = inspection.count_accounts(context.postgres, context.name)
    if counts.known > len(listed):
        more, refused = counts.known - len(listed), f", {counts.refused} refused" if counts.refused else ""
        yield fine(f"and {more} more; of all {counts.known}, {counts.signed_in} are signed in{refused}")


def check_refreshes(context: DoctorContext) -> Iterator[Check]:
    """Refreshes of people that were begun and whose end is not known."""
    found = inspection.list_abandoned(context.postgres, context.name, _MOST_INTERRUPTED + 1)
    if not found:
        yield fine("none")
        return
    told = [
        f"a refresh of {label(Account(User(0, procore_id, email)))} at {utc(at)} was interrupted"
        for procore_id, email, at in found[:_MOST_INTERRUPTED]
    ]
    yield new_interrupted_warning(context, told + ["..."] * (len(found) > _MOST_INTERRUPTED))
