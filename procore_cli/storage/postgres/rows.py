"""An account's row: read, its tokens sealed and opened, whose claim is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage.postgres.connection import NOW, PostgresDatabase
from procore_cli.storage.postgres.processes import is_gone
from procore_cli.storage.postgres.sealing import new_tampered_error
from procore_cli.storage.store import Held
from procore_cli.storage.tokens_text import FORMAT, new_tokens_text, read_tokens_text

if TYPE_CHECKING:
    from procore_cli.storage.postgres.connection import Run

# A token with less to live than this is worth sending a refresh token that may be spent.
NEARLY_OVER_S = 60
# So long before their end tokens are better renewed: that is the time for a database to come back.
RENEW_BEFORE_S = 600
COLUMNS = """a.id, a.procore_id, a.client_id, a.company, a.generation, a.signed_generation, a.state,
    a.sealed, a.key_id, a.issued_at, a.expires_at, a.failures, a.interrupted_at, a.refused_at,
    a.claim_id::text, a.claimed_at, a.leased_until, a.claimed_by"""
UNCLAIMED = "claim_id = NULL, claimed_at = NULL, leased_until = NULL, claimed_by = NULL"


class Row(NamedTuple):
    """What the database has of an account's tokens; `now` is its clock, times are seconds (UTC) by it."""

    id: int
    procore_id: int
    client_id: str
    company: int | None
    generation: int
    signed_generation: int
    state: str
    sealed: bytes | None
    key_id: str | None
    issued_at: int | None
    expires_at: int | None
    failures: int
    interrupted_at: int | None
    refused_at: int | None
    claim_id: str | None
    claimed_at: int | None
    leased_until: int | None
    claimed_by: str | None
    now: int

    @property
    def is_claim_over(self) -> bool:
        """Whether its claim was abandoned: past its lease, or of a process of this machine that is gone."""
        return self.claim_id is not None and (
            (self.leased_until or 0) <= self.now or is_gone(self.claimed_by or "")
        )

    @property
    def is_claimed(self) -> bool:
        """Whether somebody is at work on it."""
        return self.claim_id is not None and not self.is_claim_over

    def may_take_over(self, is_asked: bool) -> bool:
        """Whether a refresh token that may be spent is to be sent all the same."""
        is_over = self.expires_at is not None and self.expires_at - self.now <= NEARLY_OVER_S
        return self.company is not None or is_asked or is_over


def find_row(run: Run, environment: str, account: Account) -> Row | None:
    """The account's row."""
    condition, key = name_row(account)
    select = f"SELECT {COLUMNS}, {NOW} FROM procore_login_accounts a WHERE {condition}"  # noqa: S608
    found = run(select, environment, key)
    return Row(*found[0]) if found else None


def name_row(account: Account) -> tuple[str, int]:
    """What is true of an account's row alone: of its environment and of this number."""
    if account.service is not None:
        return "a.environment = %s AND a.id = %s", account.service.number
    return "a.environment = %s AND a.procore_id = %s AND a.company IS NULL", account.user.procore_id


def _new_about(environment: str, row: Row) -> bytes:
    """What sealed tokens belong to: a row, and a state of it."""
    about = [FORMAT, environment, row.client_id, row.procore_id, row.generation, row.company]
    return json.dumps(about).encode()


def seal(database: PostgresDatabase, environment: str, row: Row, tokens: TokenSet) -> tuple[bytes, str]:
    """The tokens, sealed for the row with its generation. Raises ConfigurationError."""
    return database.keys.seal(new_tokens_text(tokens), _new_about(environment, row))


def open_tokens(database: PostgresDatabase, environment: str, row: Row, account: Account) -> TokenSet | None:
    """The tokens of a row that is live, None of another. Raises DatabaseError, ConfigurationError."""
    if row.state != "live" or row.sealed is None:
        return None
    whose = f"{account.label} in {environment}"
    text = database.keys.open(bytes(row.sealed), row.key_id or "", _new_about(environment, row), whose)
    tokens = read_tokens_text(text)
    if tokens is None or tokens.binding.client_id != row.client_id:
        raise new_tampered_error(whose)
    return tokens


def new_held(row: Row, tokens: TokenSet, failed: int) -> Held:
    """The tokens as others have them; a claim that was abandoned may have spent their refresh token."""
    is_doubtful = row.company is None and (row.interrupted_at is not None or row.is_claim_over)
    issued_at, end = row.issued_at or 0, tokens.expires_at
    renew_at = None
    if end is not None and (tokens.refresh_token or row.company is not None):
        life_s = end - issued_at if tokens.lifetime_s is None else tokens.lifetime_s
        renew_at = end - min(RENEW_BEFORE_S, life_s / 2)
    return Held(tokens, row.generation, issued_at, failed, is_doubtful, renew_at)
