"""The accounts' tokens and their life, as the list and the store have them; sends and renews nothing.

Refuses to show whose they are in full: a report may be pasted where everybody reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, fine, unchecked, warning
from procore_cli.cli.doctor.database_file import has_our_tables
from procore_cli.errors import BindingError, StorageError

if TYPE_CHECKING:
    from procore_cli.grants import TokenSet
    from procore_cli.storage.entries import Entry, Listed


_NAME = "accounts"
_SHOWN_START = 1


def check_accounts(case: Case) -> Iterator[Check]:
    """A line an account; nobody being signed in is no fault."""
    if "database" in case.broken:
        yield unchecked(_NAME, "the database cannot be used")
        return
    if not has_our_tables(case):
        yield _new_nobody(case)
        return
    listed = [each for each in case.storage.vault.list_accounts() if case.name in each.environments]
    if not listed:
        yield _new_nobody(case)
    for each in listed:
        yield _check(case, each)


def mask(email: str | None) -> str:
    """An e-mail that its owner recognizes, and nobody else can use."""
    if not email:
        return "no e-mail"
    local, at, domain = email.rpartition("@")
    return f"{local[:_SHOWN_START]}***{at}{domain}" if at else f"{email[:_SHOWN_START]}***"


def label(listed: Listed) -> str:
    """The account for people."""
    user = listed.account.user
    return f"{user.procore_id} ({mask(user.email)})"


def _new_nobody(case: Case) -> Check:
    name = case.name
    return fine(_NAME, f"nobody is signed in to {name}; to begin: procore-login signup --env {name}")


def _check(case: Case, listed: Listed) -> Check:
    name = f"account {listed.account.user.procore_id}"
    who = label(listed) + (", the current one" if listed.is_current else "")
    again = f"procore-login signin --env {case.name}"
    if listed.is_refused:
        return warning(name, f"{who}: Procore refused its refresh token.", f"Sign in again: {again}")
    if not listed.is_signed_in:
        return fine(name, f"{who}: signed out")
    if "keyring" in case.broken:
        return unchecked(name, f"{who}: signed in, but the keyring cannot be used")
    try:
        tokens = _find_tokens(case, listed)
    except StorageError as error:
        return warning(name, f"{who}: its tokens cannot be read: {error.message}", error.hint)
    if tokens is None:
        return warning(name, f"{who}: its tokens are not in the store any more.", f"Sign in again: {again}")
    return _judge(case, name, who, tokens, listed.issued_at)


def _judge(case: Case, name: str, who: str, tokens: TokenSet, issued_at: int) -> Check:
    from procore_cli.cli.output import time_left
    from procore_cli.flows.credentials import check_tokens
    from procore_cli.models import is_renewal_due

    try:
        check_tokens(case.settings, tokens.binding)
    except BindingError as error:
        return warning(name, f"{who}: {error.message}", error.hint)
    is_over = is_renewal_due(tokens, issued_at, case.clock(), 0)
    if is_over and not tokens.refresh_token:
        what = f"{who}: its access token has expired, and Procore gave no refresh token."
        return warning(name, what, f"Sign in again: procore-login signin --env {case.name}")
    if is_over:
        return fine(name, f"{who}: its access token has expired; the next command refreshes it")
    if not tokens.refresh_token:
        words = "Procore gave no refresh token, so signing in again is needed at its end"
    else:
        words = "refreshed when needed"
    left = time_left(tokens.expires_at, case.clock())
    life = left if tokens.expires_at is None else f"for {left}"
    return fine(name, f"{who}: access token valid {life}; {words}")


def _find_tokens(case: Case, listed: Listed) -> TokenSet | None:
    from procore_cli.storage import entries
    from procore_cli.storage.entries import Ledger

    storage, settings = case.storage, case.settings
    with storage.database.reading() as rows:
        live: Entry | None = entries.find_live(rows, case.name, listed.account.user.procore_id)
    ledger = Ledger(
        storage.database, storage.stores, settings.store, case.name, case.clock, case.teller.trace
    )
    return None if live is None else ledger.read_tokens(live)
