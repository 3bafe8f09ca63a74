"""What can be wrong with an account's tokens, in words; and a failed refresh as the database keeps it."""

from __future__ import annotations

import json

from procore_cli import errors
from procore_cli.errors import (
    NotSignedInError,
    ProcoreError,
    ProcoreLoginError,
    RefreshRefusedError,
    SignInNeededError,
    StorageError,
    TokenRefusedError,
)
from procore_cli.models import Account, utc


def new_failure_text(error: ProcoreLoginError) -> str:
    """The error as JSON; its message and hint never carry a secret."""
    # The nearest class that every run knows by its name.
    known = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    return json.dumps([known.__name__, error.message, error.hint, error.names_environment])


def read_failure(text: str | None, environment: str) -> ProcoreLoginError:
    """The error that was recorded, of the same class where that is one of ours."""
    try:
        # Until schema 3 each message named the environment, and nothing said so.
        name, message, hint, *names_environment = json.loads(text or "")
        where = "" if names_environment == [False] else environment
        return _find_class(name)(str(message), str(hint), environment=where)
    except (ValueError, TypeError, RecursionError):
        return ProcoreError("Another run's refresh failed.", "Try again.")


def find_refusal(account: Account, environment: str) -> SignInNeededError | None:
    """The refusal that took the account's tokens out of use, if that is what happened last."""
    if account.failure is None:
        return None
    error = read_failure(account.failure, environment)
    if not isinstance(error, SignInNeededError):
        return None
    # What is to be typed is not taken from a file: another release, or another user, may have written it.
    return error.reworded(error.message, _hint(account, environment))


def new_signed_out_error(account: Account, environment: str) -> NotSignedInError:
    """The account has no tokens."""
    return NotSignedInError(
        f"{account.label} is not signed in to {environment}.",
        _hint(account, environment),
        environment=environment,
    )


def new_lost_error(account: Account, environment: str, store: str) -> NotSignedInError:
    """The list names tokens that the store does not have any more."""
    return NotSignedInError(
        f"The tokens of {account.label} in {environment} are not in the {store} store any more.",
        _hint(account, environment),
        environment=environment,
    )


def new_unkept_error(error: StorageError, account: Account, environment: str, may_land: bool) -> StorageError:
    """Why new tokens could not be kept; `may_land`: what was given up may still be written."""
    again = (
        "Try again."
        if account.service
        else f"{'If that fails, sign' if may_land else 'Then sign'} in again:"
        f" {account.sign_in_command(environment)}"
    )
    fate = "may not be kept" if may_land else "are lost"
    return error.reworded(
        f"{error.message} Procore had renewed the tokens by then, and the new ones {fate}.",
        f"{error.hint} {again}",
    )


def new_twice_refused_error(account: Account, environment: str) -> TokenRefusedError:
    """A service account's tokens do not last."""
    return TokenRefusedError(
        f"{account.label} in {environment}: Procore refused two new tokens within a minute. Another machine"
        " may be asking with the same app (or this one, for another company), where each new token ends the"
        " last.",
        "Give each an app of its own, or try again in a minute.",
        environment=environment,
    )


def new_unrenewable_error(account: Account, environment: str) -> RefreshRefusedError:
    """Procore gave no refresh token."""
    return RefreshRefusedError(
        f"The tokens of {account.label} in {environment} cannot be refreshed: "
        "Procore gave no refresh token with them.",
        _hint(account, environment),
        environment=environment,
    )


def new_refused_error(account: Account, environment: str) -> RefreshRefusedError:
    """Procore does not take the refresh token; says so if an interrupted refresh may have spent it."""
    message = f"Procore no longer accepts the refresh token of {account.label} in {environment}."
    if account.interrupted_at is not None:
        message += (
            f" A refresh at {utc(account.interrupted_at)} was interrupted; signing in again mends that."
        )
    return RefreshRefusedError(message, _hint(account, environment), environment=environment)


def _hint(account: Account, environment: str) -> str:
    return f"Sign in again: {account.sign_in_command(environment)}"


def _find_class(name: object) -> type[ProcoreLoginError]:
    found = getattr(errors, str(name), None)
    if isinstance(found, type) and issubclass(found, ProcoreLoginError):
        return found
    return ProcoreError
