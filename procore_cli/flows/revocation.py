"""How tokens end at Procore (RFC 7009): those of a sign-out, former ones, and those that nobody could keep.

What could not be revoked is never a secret: the person is told, and where to revoke it by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.errors import ProcoreLoginError, UnreachableError
from procore_cli.flows.credentials import check_tokens, find_app
from procore_cli.models import utc
from procore_cli.threads import Limits, OutOfTimeError, call_within

if TYPE_CHECKING:
    from procore_cli.context import Context
    from procore_cli.grants import AppCredentials, TokenSet
    from procore_cli.storage.store import SignInSaved

# Procore's support page "Revoke Access for My Connected Apps".
BY_HAND = "Revoke it at Procore by hand: My Profile Settings, tab My Connected Apps, Revoke."
# So long somebody whose sign-in has failed waits for its tokens' end.
PATIENCE_S = 10


def revoke_left(context: Context, tokens: TokenSet | None) -> ProcoreLoginError | None:
    """Revoke what a sign-out took out of use; returns what went wrong.

    Where the values in force differ from the tokens' own nothing is sent, and a BindingError returned.
    """
    if tokens is None:
        return None
    try:
        check_tokens(context.settings, tokens.binding)
        app = find_app(context.settings, context.storage.client_secrets)
        _revoke(context, app, tokens.refresh_token, tokens.access_token)
    except ProcoreLoginError as error:
        return error
    return None


@log.phase("end of the former tokens")
def revoke_former(context: Context, app: AppCredentials, saved: SignInSaved, tokens: TokenSet) -> None:
    """After a new sign-in the account's former tokens are revoked, never one that was just received."""
    former = saved.former
    if former is None:
        return
    if former.binding != tokens.binding:
        context.console.warn(
            "The former tokens were made for another app or host than those in force; they were not revoked."
        )
        return
    kept = (tokens.access_token, tokens.refresh_token)
    revoke_unused(context, app, *(t for t in (former.refresh_token, former.access_token) if t not in kept))


def revoke_unused(context: Context, app: AppCredentials, *tokens: str | None) -> None:
    """Revoke tokens that nobody here will use; failing to is a warning."""
    try:
        _revoke(context, app, *tokens)
    except ProcoreLoginError as error:
        context.console.warn(f"The tokens that are no longer needed could not be revoked: {error.message}")


@contextmanager
def ending_unless_kept(context: Context, app: AppCredentials, tokens: TokenSet) -> Iterator[None]:
    """A block that is to keep what a sign-in brought; where it fails, the tokens are revoked first.

    Raises what the block raises, whatever becomes of that.
    """
    try:
        yield
    except Exception:
        _end_unkept(context, app, tokens)
        raise


def _end_unkept(context: Context, app: AppCredentials, tokens: TokenSet) -> None:
    limits = Limits(notice_s=PATIENCE_S, give_up_s=PATIENCE_S)
    try:
        call_within(
            limits, lambda: _revoke(context, app, tokens.refresh_token, tokens.access_token), lambda: None
        )
    except OutOfTimeError:
        why = f"Procore did not say so within {PATIENCE_S} s."
    except ProcoreLoginError as error:
        why = error.message
    else:
        context.console.say("The tokens that Procore had given are revoked again; nothing is kept.")
        return
    end = "Procore refuses it" if tokens.expires_at is None else utc(tokens.expires_at)
    refreshing = ", the refresh token until somebody ends it" if tokens.refresh_token else ""
    context.console.warn(
        "The tokens that Procore had given are not kept, and could not be revoked; they may still live there,"
        f" the access token until {end}{refreshing}. {BY_HAND} ({why})"
    )


def _revoke(context: Context, app: AppCredentials, *tokens: str | None) -> None:
    failures: list[ProcoreLoginError] = []
    for token in filter(None, tokens):
        try:
            context.oauth.revoke(app, token)
        except UnreachableError:
            # The next one would wait as long.
            raise
        except ProcoreLoginError as error:
            failures.append(error)
    if failures:
        raise failures[0]
