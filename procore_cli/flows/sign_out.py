"""Sign out: first nothing here uses the tokens, then Procore forgets them, then they are deleted here.

Refuses to keep anything because Procore, or the keyring, cannot be reached.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.config import private_files
from procore_cli.errors import (
    DatabaseError,
    NotSignedInError,
    OtherFolderError,
    ProcoreLoginError,
    SignInNeededError,
    StorageError,
)
from procore_cli.flows import access, revocation, service_account
from procore_cli.models import SERVICE_ACCOUNT, Account, command

if TYPE_CHECKING:
    from procore_cli.context import Context
    from procore_cli.storage.store import SignedOut


def sign_out(context: Context) -> None:
    """Sign one account out, the current one unless another is asked for.

    Whatever fails, the account counts as signed out here; the error says what else was done.
    Raises SignInNeededError if it was not signed in, and any other of our errors.
    """
    settings = context.settings
    if settings.account == SERVICE_ACCOUNT and service_account.find_stored(context) is None:
        context.console.say(
            f"No service account of this app is signed in to {settings.environment.name} here."
        )
        return
    try:
        # Typed twice, it must not sign out whoever is left.
        account = access.find_stored_account(context, guesses=False)
        if not context.accounts.look(account).is_refused:
            context.accounts.find_live(account)
    except SignInNeededError as error:
        # An earlier sign-out may have left what it could not delete.
        context.tokens.clean_free()
        if isinstance(error, OtherFolderError):
            raise
        if settings.account is not None:
            raise error.reworded(
                error.message, "Run `procore-login accounts` to see who is signed in."
            ) from None
        which = "To sign out all of them:" if settings.shared is None else "Name the one that is meant:"
        words = "signout --all" if settings.shared is None else "signout --account WHO"
        everybody = f"{which} {command(words, settings.environment.name)}"
        context.console.say(error.message, everybody if context.accounts.list_signed_in(1) else "")
        return
    _sign_out(context, account)
    _say_who_is_left(context)


def sign_out_row(context: Context, row_id: int) -> None:
    """Sign the person of a row out, as `sign_out`; nothing happens where that is done already.

    Raises UnknownAccountError, OtherFolderError, and what went wrong.
    """
    account = context.accounts.find_by_row(row_id)
    try:
        context.accounts.find_live(account)
    except NotSignedInError as error:
        if isinstance(error, OtherFolderError):
            raise
        # An earlier sign-out may have left what it could not delete.
        context.tokens.clean(account)
        return
    except SignInNeededError:
        # Tokens that were refused are forgotten.
        pass
    _end(context, account)


def sign_out_all(context: Context) -> None:
    """Sign every account of the environment out, those whose tokens were refused too.

    Raises what went wrong first, once all have been tried.
    """
    name = context.settings.environment.name
    present = context.accounts.list_signed_in() + context.accounts.list_refused()
    if not present:
        context.console.say(f"Nobody is signed in to {name}.")
    failures: list[ProcoreLoginError] = []
    for account in present:
        try:
            _sign_out(context, account)
        except ProcoreLoginError as error:
            failures.append(error)
    context.tokens.clean_free()
    for failure in failures[1:]:
        context.console.warn(str(failure.happened_in(name)), failure.hint)
    if failures:
        raise failures[0]


def _sign_out(context: Context, account: Account) -> None:
    left = _end(context, account)
    who = f"{account.label} is signed out of {context.settings.environment.name}"
    if not left.was_live:
        context.console.say(f"{who}; Procore had refused its tokens already.")
    elif left.tokens is not None:
        context.console.say(f"{who}: the tokens are revoked at Procore and deleted here.")


def _end(context: Context, account: Account) -> SignedOut:
    # 1. From here on nothing here uses the tokens.
    left = context.tokens.sign_out(account)
    try:
        # 2. Procore forgets them, if they are its own and it can be reached.
        failure = left.unread or revocation.revoke_left(context, left.tokens)
    finally:
        # 3. They are deleted here, revoked or not.
        undeleted = _try_clean(context, account, left)
    _raise_what_failed(context, account, left, failure, undeleted)
    return left


def _try_clean(context: Context, account: Account, left: SignedOut) -> ProcoreLoginError | None:
    try:
        is_deleted = context.tokens.clean(account, left)
    except ProcoreLoginError as error:
        return error
    if is_deleted:
        return None
    unlock = "Unlock the keyring." if left.store == "keyring" else ""
    return StorageError("the store did not delete them.", unlock)


def _raise_what_failed(
    context: Context,
    account: Account,
    left: SignedOut,
    failure: ProcoreLoginError | None,
    undeleted: ProcoreLoginError | None,
) -> None:
    """Say which of the two happened, if it was not both."""
    name = context.settings.environment.name
    who = f"{account.label} is signed out of {name}"
    unrevoked = f" not revoked, and may still live at Procore. {failure.message}" if failure else ""
    mend = "It ends by itself." if account.service else revocation.BY_HAND
    by_hand = f" {mend}" if failure else ""
    if undeleted is not None:
        revoked = unrevoked or " revoked at Procore."
        raise type(undeleted)(
            f"{who}, but its tokens could not be deleted here yet: {undeleted.message} They are{revoked}",
            f"{undeleted.hint} A later sign-in or signout deletes them.{by_hand}".strip(),
            environment=name,
        )
    if failure is not None:
        raise type(failure)(
            f"{who}: the tokens are deleted here, but{unrevoked}", by_hand.strip(), environment=name
        )
    if left.was_live and left.tokens is None:
        context.console.warn(
            f"{who}; its tokens were gone already, and could not be revoked. {revocation.BY_HAND}"
        )


def _say_who_is_left(context: Context) -> None:
    present = context.accounts.list_signed_in(access.MAX_LABELS + 1)
    if present and context.accounts.find_current() is None:
        switch = access.switch_command(context, present)
        labels = access.join_labels(present)
        context.console.say(f"Still signed in: {labels}.", f"To make one current, for example {switch}")


# How every SQLite file begins (sqlite.org/fileformat, section 1.3.1).
_MAGIC = b"SQLite format 3\0"


def forget_sign_ins(context: Context) -> int:
    """Delete the tokens and, where the database is the demo's own, its rows; returns how many were signed in.

    A demo's own file that is no database has to go. Raises StorageError for any other trouble.
    """
    settings = context.settings
    is_own = settings.named_database is None and settings.shared is None
    if not context.storage.has_database:
        return 0
    count = 0
    try:
        present = context.accounts.list_signed_in()
        for account in present:
            context.tokens.clean(account, context.tokens.sign_out(account))
        count, is_clean = len(present), context.tokens.clean_free()
    except DatabaseError as error:
        # One that is in use, or newer than this program, still lists what a keyring holds.
        if not is_own or _is_database(settings.database):
            raise
        context.console.warn(error.message)
        is_clean = True
    if not is_clean:
        # The list of what is to be deleted stands in the database.
        context.console.warn("demo: some tokens could not be deleted yet; a later run tries again.")
    elif is_own:
        private_files.delete_database(settings.database)
    return count


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return True
