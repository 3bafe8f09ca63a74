"""What `doctor` asks of a shared database; nothing is made or changed."""

from __future__ import annotations

from typing import NamedTuple

from procore_cli.storage.postgres.connection import NOW, PostgresDatabase
from procore_cli.storage.postgres.processes import is_gone

_SERVER = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery(),
        current_setting('default_transaction_read_only')::bool,
        (SELECT array_agg(what ORDER BY what) FROM (
            SELECT name || ': ' || privilege FROM unnest(ARRAY['users', 'procore_login_accounts']) AS name,
                unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege
            WHERE NOT has_table_privilege(name, privilege)
            -- A serial id asks for it, an identity does not.
            UNION ALL SELECT numbers || ': USAGE'
            FROM pg_attribute, pg_get_serial_sequence('users', 'id') AS numbers
            WHERE attrelid = 'users'::regclass AND attname = 'id' AND attidentity = ''
                AND NOT has_sequence_privilege(numbers, 'USAGE')) AS lacking (what))"""
_COLUMNS = """
    SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
_KEYS = """
    SELECT COALESCE(left(key_id, 16), 'none'), count(*) FROM procore_login_accounts
    WHERE environment = %s AND state = 'live' GROUP BY 1 ORDER BY 1"""
_COUNTS = """
    SELECT count(*), count(*) FILTER (WHERE state = 'live'), count(*) FILTER (WHERE state = 'refused')
    FROM procore_login_accounts WHERE environment = %s"""
# Of a service account nothing is lost by it.
_ABANDONED = f"""
    SELECT procore_id, (SELECT email FROM users WHERE users.procore_id = a.procore_id ORDER BY id LIMIT 1),
        COALESCE(interrupted_at, claimed_at), interrupted_at IS NOT NULL OR leased_until <= {NOW}, claimed_by
    FROM procore_login_accounts a WHERE environment = %s AND state = 'live' AND company IS NULL
        AND (interrupted_at IS NOT NULL OR claim_id IS NOT NULL)
    ORDER BY procore_id"""  # noqa: S608


class Server(NamedTuple):
    """A server: `missing` are the rights that this role lacks, each with its table."""

    version: str
    version_number: int
    is_standby: bool
    is_read_only: bool
    missing: list[str]


class Counts(NamedTuple):
    """How many accounts an environment has."""

    known: int
    signed_in: int
    refused: int


def look_at_server(database: PostgresDatabase) -> Server:
    """What the server says of itself and of us. Raises StorageError, which names what is not there."""
    ((version, number, is_standby, is_read_only, missing),) = database.run(_SERVER)
    return Server(version, number, is_standby, is_read_only, missing or [])


def list_columns(database: PostgresDatabase) -> dict[str, str]:
    """The columns of `users`, and their types."""
    return dict(database.run(_COLUMNS))


def count_by_key(database: PostgresDatabase, environment: str) -> dict[str, int]:
    """How many accounts need each key to be opened."""
    return dict(database.run(_KEYS, environment))


def count_accounts(database: PostgresDatabase, environment: str) -> Counts:
    """How many accounts are known, signed in, and refused."""
    return Counts(*database.run(_COUNTS, environment)[0])


def list_abandoned(
    database: PostgresDatabase, environment: str, limit: int
) -> list[tuple[int, str | None, int]]:
    """The first people whose refresh began and has no known end: Procore id, e-mail, when (seconds, UTC)."""
    found = database.run(_ABANDONED, environment)
    return [(who, email, at) for who, email, at, is_over, by in found if is_over or is_gone(by or "")][:limit]
