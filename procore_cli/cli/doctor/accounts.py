"""Who is signed in, whether their tokens can be used, and what former sign-ins have left."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

from procore_cli.cli.doctor.context import MOST_NAMED, Check, DoctorContext, fine, name_some, warning
from procore_cli.cli.output import time_left
from procore_cli.errors import BindingError, StorageError
from procore_cli.flows.credentials import check_tokens
from procore_cli.grants import is_renewal_due
from procore_cli.models import Account, command, utc
from procore_cli.storage.accounts import Listed
from procore_cli.storage.inspection import count_former, find_refresh, list_drafts, list_strays


def mask(email: str | None) -> str:
    """An e-mail that its owner recognizes, and nobody else can use."""
    if not email:
        return "no e-mail"
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else f"{email[:1]}***"


def label(account: Account) -> str:
    """The account for people."""
    company = f", service account of company {account.service.company}" if account.service else ""
    return f"{account.user.procore_id} ({mask(account.user.email)}{company})"


def check_accounts(context: DoctorContext) -> Iterator[Check]:
    """A line an account; nobody being signed in is no fault."""
    listed = context.accounts.list_known()
    if not listed:
        yield fine(f"nobody is signed in to {context.name}")
    for each in listed:
        yield describe_account(context, each)


def describe_account(context: DoctorContext, listed: Listed) -> Check:
    """The line of an account."""
    who = label(listed.account) + (", the current one" if listed.is_current else "")
    detail, fix = _describe(context, listed)
    name = f"account {listed.account.user.procore_id}"
    what = f"{who}: {detail}"
    return fine(what, name) if fix is None else warning(what, fix, name)


def _describe(context: DoctorContext, listed: Listed) -> tuple[str, str | None]:
    """How an account is, and what to type if that is not well."""
    account = listed.account
    again = f"Sign in again: {account.sign_in_command(context.name)}"
    if listed.is_refused:
        return "Procore refused its refresh token.", again
    if not listed.is_signed_in:
        return "signed out", None
    ground = "keyring" if context.settings.shared is None else "keys"
    if ground in context.broken:
        mend = "Mend that first, then run doctor again."
        return f"signed in; its tokens were not looked at, since {ground} is not in order.", mend
    try:
        tokens = context.storage.tokens.peek(account)
        if tokens is None:
            return "its tokens are not in the store any more.", again
        check_tokens(context.settings, tokens.binding)
    except BindingError as error:
        return error.message, error.hint
    except StorageError as error:
        return f"its tokens cannot be read: {error.message}", error.hint
    now, is_renewable = context.storage.tokens.now(), bool(tokens.refresh_token or account.service)
    if is_renewal_due(tokens, listed.issued_at, now, 0):
        if is_renewable:
            return "its access token has expired; the next command refreshes it", None
        return "its access token has expired, and Procore gave no refresh token.", again
    left = time_left(tokens.expires_at, now)
    end = "Procore gave no refresh token, so signing in again is needed at its end"
    return (
        f"access token valid {left if tokens.expires_at is None else f'for {left}'};"
        f" {'refreshed when needed' if is_renewable else end}"
    ), None


def check_refreshes(context: DoctorContext) -> Iterator[Check]:
    """A refresh that was sent and whose answer is not known."""
    found = list(_list_interrupted(context))
    if not found:
        yield fine("none")
        return
    yield new_interrupted_warning(context, found)


def new_interrupted_warning(context: DoctorContext, found: list[str]) -> Check:
    """The line about refreshes that were interrupted."""
    return warning(
        f"{', '.join(found)}. It may have ended the tokens; the next command tries once with what is left.",
        f"Run {command('refresh', context.name)}; if that fails: {command('signin', context.name)}",
    )


def _list_interrupted(context: DoctorContext) -> Iterator[str]:
    for listed in context.accounts.list_known():
        account = listed.account
        if account.service is not None:
            # It loses nothing by that.
            continue
        at = account.interrupted_at if listed.is_signed_in else None
        begun_at = find_refresh(context.database, account.key)
        if begun_at is not None:
            # Whoever holds the lock is still at work on it.
            with context.storage.locks.try_hold(account.key) as is_free:
                at = begun_at if is_free else None
        if at is not None:
            yield f"a refresh of {label(account)} at {utc(at)} was interrupted"


def check_leftovers(context: DoctorContext) -> Iterator[Check]:
    """Entries that wait to be deleted, drafts of files, and token files that nothing lists."""
    home, now = context.settings.folder, time.time()
    words, details, fixes = [], [], []
    if former := count_former(context.database, int(now)):
        entries = "entry" if former == 1 else "entries"
        words.append(f"{former} {entries} of former tokens, not deleted yet")
    drafts = list(map(str, list_drafts(home, now)))
    if drafts:
        words.append(f"{len(drafts)} draft{'' if len(drafts) == 1 else 's'} ({name_some(drafts)})")
    if words:
        details.append(f"{', '.join(words)}. They are not used, and do no harm.")
        fixes.append(
            "The next sign-in or sign-out deletes the entries that can be reached; remove drafts with rm."
        )
    strays = list(map(str, list_strays(home, [context.settings.database])))
    if strays:
        details.append(
            f"{len(strays)} token file{'' if len(strays) == 1 else 's'} that no database here lists"
            f" ({name_some(strays)}). Tokens in there may still live at Procore."
        )
        fixes.append(
            "If they are of no other database (PROCORE_LOGIN_DB): revoke the app at Procore (My Profile"
            f" Settings, tab My Connected Apps), then `rm {shlex.join(strays[:MOST_NAMED])}`"
        )
    yield warning(" ".join(details), " ".join(fixes)) if details else fine("none")
