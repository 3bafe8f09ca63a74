"""The right to spend the refresh token in an account's row, once: claimed, then saved or released.

Refuses to hold a transaction while Procore is asked, and to have a token sent without a claim.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from procore_cli.errors import BusyError, DatabaseError, NotSignedInError, ProcoreLoginError, StorageError
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage import failures
from procore_cli.storage.account_rows import REFUSED_TWICE_S
from procore_cli.storage.postgres.connection import NOW, PostgresDatabase, boot_time
from procore_cli.storage.postgres.processes import find_this_process
from procore_cli.storage.postgres.rows import (
    COLUMNS,
    NEARLY_OVER_S,
    UNCLAIMED,
    Row,
    find_row,
    name_row,
    new_held,
    open_tokens,
    seal,
)
from procore_cli.storage.store import Held, Outcome, Reason

T = TypeVar("T")
# Nothing is sent later than this after the claim began; a request takes 70 s at most.
SEND_WITHIN_S = 10
LEASE_S = 90
# For whoever waits for another's claim.
WAIT_S = 100
# For tokens that came, while the database is away.
SAVE_WITHIN_S = 30
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5

# A claim that is over by its lease, or because its process is gone, may have been sent: a person's is taken
# over where there is nothing to lose, a service account's always.
_CLAIM = f"""
    UPDATE procore_login_accounts AS a SET
        interrupted_at = CASE WHEN claim_id = %s::uuid OR company IS NOT NULL THEN interrupted_at
            ELSE COALESCE(interrupted_at, claimed_at) END,
        claim_id = %s::uuid, claimed_at = {NOW}, leased_until = {NOW} + {LEASE_S}, claimed_by = %s
    WHERE {{}} AND generation = %s AND state = 'live' AND failures <= %s AND NOT (
        %s AND company IS NOT NULL AND COALESCE({NOW} - refused_at BETWEEN 0 AND {REFUSED_TWICE_S - 1}, false)
    ) AND (
        claim_id IS NULL OR claim_id = %s::uuid
        OR (leased_until <= {NOW} OR claim_id = %s::uuid)
            AND (company IS NOT NULL OR %s OR expires_at - {NOW} <= {NEARLY_OVER_S}))
    RETURNING {COLUMNS}, {NOW}"""  # noqa: S608
_SAVE = f"""
    UPDATE procore_login_accounts SET generation = %s, state = 'live', sealed = %s, key_id = %s,
        issued_at = %s, expires_at = %s, refused_at = COALESCE(%s, refused_at), failure = NULL,
        interrupted_at = NULL, {UNCLAIMED}
    WHERE id = %s AND generation = %s AND state IN ('live', 'refused') RETURNING failures"""  # noqa: S608
_REFUSE = f"""
    UPDATE procore_login_accounts SET state = 'refused', sealed = NULL, key_id = NULL,
        failures = failures + 1, failure = %s, {UNCLAIMED}
    WHERE id = %s AND generation = %s AND state = 'live' RETURNING id"""  # noqa: S608


def pauses(limit_s: float) -> Iterator[None]:
    """Rounds, the first one at once and the others less and less often, until the time is up."""
    end, pause_s = boot_time() + limit_s, _FIRST_PAUSE_S
    yield
    while boot_time() + pause_s <= end:
        time.sleep(pause_s)
        yield
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


class Claiming:
    """One run that wants to replace what it has seen of an account's tokens."""

    def __init__(
        self, database: PostgresDatabase, environment: str, account: Account, seen: Held, reason: Reason
    ) -> None:
        self.database = database
        self.environment = environment
        self.account = account
        self.reason = reason
        self._seen = seen
        self._claim: PostgresClaim | None = None

    def run(self) -> PostgresClaim | None:
        """See `TokenStore.claim`."""
        if not self._has_claimed() and not any(self._is_decided() for _ in pauses(WAIT_S)):
            raise BusyError(
                f"Another process has been renewing the tokens of {self.account.label} in {self.environment}"
                f" for more than {WAIT_S} seconds.",
                "Try again.",
                environment=self.environment,
            )
        return self._claim

    def _is_decided(self) -> bool:
        """Whether it is known who gets the claim, if anybody: then nobody has to wait."""
        row = find_row(self.database.run, self.environment, self.account)
        if row is None or self._is_news(row):
            return True
        self._check_refusals(row)
        if row.is_claimed:
            return self.reason == "early"
        if row.is_claim_over and not row.may_take_over(self._is_asked):
            return True
        # Else somebody was faster, who may be waited for.
        return self._has_claimed(row.claim_id) or self.reason == "early"

    def _has_claimed(self, over: str | None = None) -> bool:
        """Try to; `over` is a claim that is known to be."""
        began, mine, is_refused = boot_time(), str(uuid.uuid4()), self.reason == "refused"
        condition, key = name_row(self.account)
        values = (mine, mine, find_this_process(), self.environment, key, self._seen.generation)
        more = (self._seen.failures, is_refused, mine, over, self._is_asked)
        found = self.database.run(_CLAIM.format(condition), *values, *more)
        if found:
            self._claim = PostgresClaim(self, Row(*found[0]), began)
        return bool(found)

    @property
    def _is_asked(self) -> bool:
        return self.reason in ("refused", "asked")

    def _is_news(self, row: Row) -> bool:
        is_other = row.generation != self._seen.generation or row.state != "live"
        return is_other or row.failures > self._seen.failures

    def _check_refusals(self, row: Row) -> None:
        if row.company is None or row.refused_at is None or self.reason != "refused":
            return
        if 0 <= row.now - row.refused_at < REFUSED_TWICE_S:
            raise failures.new_twice_refused_error(self.account, self.environment)


class PostgresClaim:
    """See `storage.store.Claim`."""

    def __init__(self, claiming: Claiming, row: Row, began: float) -> None:
        """`row` is as it was claimed; `began` is by this machine's clock."""
        self._database = claiming.database
        self._environment = claiming.environment
        self._account = claiming.account
        self._reason = claiming.reason
        self._row = row
        self._began = began
        # What became of it where nobody says so.
        self._outcome: Outcome | None = "not sent"

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        if self._outcome is not None:
            self.release(self._outcome)

    def begin(self) -> None:
        """The lease has to outlast the request."""
        if boot_time() - self._began > SEND_WITHIN_S:
            raise BusyError(
                f"It took too long to begin the refresh for {self._account.label} in {self._environment};"
                " nothing was sent.",
                "Try again.",
                environment=self._environment,
            )
        self._outcome = "unknown"

    def save(self, tokens: TokenSet) -> Held:
        """Raises NotSignedInError where somebody has signed in meanwhile, too: the next load finds that."""
        self._outcome = None
        new = self._row._replace(generation=self._row.generation + 1)
        sealed, key_id = seal(self._database, self._environment, new, tokens)
        refused_at = new.claimed_at if new.company is not None and self._reason == "refused" else None
        values = (new.generation, sealed, key_id, new.claimed_at, tokens.expires_at, refused_at)
        found = self._insist(lambda: self._database.run(_SAVE, *values, new.id, self._row.generation))
        if found:
            saved = new._replace(issued_at=new.claimed_at, claim_id=None, interrupted_at=None)
            return new_held(saved, tokens, found[0][0])
        return self._insist(self._find_saved)

    def release(self, outcome: Outcome, error: ProcoreLoginError | None = None) -> Held | None:
        """See `storage.store.Claim`."""
        self._outcome = None
        failure = None if error is None else failures.new_failure_text(error)
        with suppress(StorageError):
            if outcome == "refused":
                return self._refuse(failure)
            # A service account has no refresh token that could be spent.
            is_doubtful = outcome == "unknown" and self._row.company is None
            changes = f"leased_until = {NOW}, claimed_by = NULL" if is_doubtful else UNCLAIMED
            self._database.run(
                f"UPDATE procore_login_accounts SET {changes}, failures = failures + %s,"  # noqa: S608
                " failure = COALESCE(%s, failure) WHERE id = %s AND claim_id = %s::uuid",
                *(int(failure is not None), failure, self._row.id, self._row.claim_id),
            )
        return None

    def _refuse(self, failure: str | None) -> Held | None:
        if self._database.run(_REFUSE, failure, self._row.id, self._row.generation):
            return None
        row = find_row(self._database.run, self._environment, self._account)
        if row is None or row.generation == self._row.generation:
            return None
        tokens = open_tokens(self._database, self._environment, row, self._account)
        return None if tokens is None else new_held(row, tokens, row.failures)

    def _insist(self, work: Callable[[], T]) -> T:
        """Do it, on new connections for a while: what came cannot be had again."""
        for _ in pauses(SAVE_WITHIN_S):
            try:
                return work()
            except DatabaseError as error:
                last = error
        raise failures.new_unkept_error(last, self._account, self._environment, may_land=False)

    def _find_saved(self) -> Held:
        """What is there, where the row is not any more what was claimed."""
        row = find_row(self._database.run, self._environment, self._account)
        where = self._environment
        if row is None:
            raise failures.new_signed_out_error(self._account, where)
        # Another row: the table was emptied meanwhile.
        is_other = row.id != self._row.id or row.signed_generation > self._row.generation
        if is_other and row.state == "out":
            raise failures.new_signed_out_error(self._account, where)
        if is_other:
            raise NotSignedInError(
                f"{self._account.label} has signed in to {where} again while the tokens were renewed.",
                "Try again.",
                environment=where,
            )
        tokens = open_tokens(self._database, where, row, self._account)
        if tokens is None or row.generation <= self._row.generation:
            raise DatabaseError(f"The row of {self._account.label} is not what it was.", "Try again.")
        return new_held(row, tokens, row.failures)
