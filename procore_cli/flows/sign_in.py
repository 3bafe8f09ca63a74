"""Sign up and sign in: the order of the steps and nothing else.

The steps are those of Procore's tutorial "Sign-Up and Sign-In Flows for a Sample Application".
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from procore_cli.callback.authorization_response import read_callback
from procore_cli.callback.pending import Home
from procore_cli.client import oauth
from procore_cli.errors import AmbiguousAccountError, StorageError, UnknownAccountError, WrongPersonError
from procore_cli.flows import access, revocation
from procore_cli.flows.credentials import check_app, find_app
from procore_cli.grants import AppCredentials, CodeGrant, TokenSet
from procore_cli.interruption import holding_signals
from procore_cli.models import Account, Me, Profile, command

if TYPE_CHECKING:
    from procore_cli.callback.receiver import BrowserOptions
    from procore_cli.context import Context
    from procore_cli.storage.store import SignInSaved


class SignedIn(NamedTuple):
    """What a sign-in ends with; `signed_up` says that the row is new."""

    profile: Profile
    signed_up: bool


class Redeemed(NamedTuple):
    """A person whose row and tokens are saved."""

    me: Me
    tokens: TokenSet
    saved: SignInSaved


def sign_in(context: Context, browser_options: BrowserOptions) -> SignedIn:
    """Sign up or sign in: one flow (RFC 6749, section 4.1, with PKCE, RFC 7636), as in the tutorial.

    Raises any of our errors; afterwards either the row and the tokens are stored, or neither.
    """
    settings = context.settings
    environment, redirect = settings.environment, settings.redirect_uri
    # 1. The app that signs in, the proof that its tokens can be kept, and whether Procore knows it.
    meant = _find_meant(context)
    say_if_signed_in(context, meant)
    app = find_app(settings, context.storage.client_secrets)
    context.tokens.prove()
    say_where_tokens_go(context)
    is_new_app = _check_if_new(context, app)
    # 2. The link to Procore's login page, and the listener that waits for the browser to come back.
    state, pkce = oauth.new_state(), oauth.new_pkce()
    link = oauth.authorize_url(environment.login_url, app.client_id, redirect.text, state, pkce.challenge)
    with context.receive(link, state, browser_options) as receiver:
        # 3. The person logs in and consents in the browser.
        receiver.invite()
        context.prepare()
        # 4. The browser brings the authorization code, or a refusal.
        callback = receiver.wait()
        with holding_signals(context.console):
            with receiver.showing_errors():
                grant = CodeGrant(read_callback(callback), redirect.text, pkce.verifier)
                # 5. to 7. Tokens for the code, who it is, and the row: see `redeem`.
                me, tokens, saved = redeem(context, app, grant, meant and meant.user.procore_id)
            # 8. The browser goes on to /home, which shows the row.
            receiver.succeed(Home(saved.account.user, me))
            # 9. The tokens that this account had before are of no use to anybody.
            revocation.revoke_former(context, app, saved, tokens)
    if is_new_app:
        remember_app(context, app)
    say_who_was_current(context, saved)
    return SignedIn(access.new_profile(context, saved.account, tokens.expires_at), signed_up=saved.is_new)


def redeem(
    context: Context,
    app: AppCredentials,
    grant: CodeGrant,
    asked_for: int | None = None,
    *,
    makes_current: bool = True,
) -> Redeemed:
    """Steps 5 to 7, wherever the callback arrived. Raises any of our errors; then nothing is kept."""
    # 5. The code is exchanged for the tokens, which end at Procore unless they are kept.
    binding = context.settings.binding(app.client_id)
    tokens = context.oauth.exchange(app, grant.code, grant.redirect_uri, grant.verifier, binding)
    with revocation.ending_unless_kept(context, app, tokens):
        # 6. Who is it?
        me = context.api.me(tokens.access_token)
        _check_person(context, me, asked_for)
        # 7. The user's row and the tokens, both or neither.
        saved = context.tokens.save_signin(tokens, me, makes_current=makes_current)
    return Redeemed(me, tokens, saved)


def _check_if_new(context: Context, app: AppCredentials) -> bool:
    """Whether nobody has signed in with the app here: then Procore is asked whether it knows it."""
    settings, environment = context.settings, context.settings.environment
    # The embedded Procore's own is known.
    if settings.is_demo or context.accounts.knows_app(app.client_id, settings.login_origin):
        return False
    check_app(context.oauth, app, settings.redirect_uri.text, environment)
    return True


def remember_app(context: Context, app: AppCredentials) -> None:
    """The app need not be asked about at its next sign-in."""
    # The sign-in is done: what fails here only means that the app is asked about once more.
    with suppress(StorageError):
        context.accounts.remember_app(app.client_id, context.settings.login_origin)


def _find_meant(context: Context) -> Account | None:
    """Whom `--account` means, else who is current; None for somebody new. Raises AmbiguousAccountError."""
    if context.settings.account is None:
        # It makes no file.
        found = context.accounts.find_current() if context.storage.has_database else None
        return None if found is None or found.service else found
    try:
        return context.accounts.find_named(context.settings.account)
    except AmbiguousAccountError:
        raise
    except UnknownAccountError:
        return None


def say_if_signed_in(context: Context, account: Account | None) -> None:
    """Tell whoever means an account that has tokens; asks neither keyring nor Procore."""
    if account is not None and context.accounts.look(account).is_signed_in:
        context.console.say(
            f"You are signed in to {context.settings.environment.name} as {account.label} already;"
            " this signs in once more."
        )


def _check_person(context: Context, me: Me, asked_for: int | None) -> None:
    """`signin --account WHO` keeps nothing of anybody else's."""
    who, name = context.settings.account, context.settings.environment.name
    # Procore may have another e-mail for the same person by now.
    if who is None or me.id == asked_for or who.casefold() in (me.login.casefold(), str(me.id)):
        return
    again = command(f"signin --account {shlex.quote(who)} --no-browser", name)
    raise WrongPersonError(
        f"The browser is signed in to {name} as {me.login}, not as {who}.",
        f"Run {again} and open its link in a private window, as the right person.",
        environment=name,
    )


def say_where_tokens_go(context: Context) -> None:
    """Tell where that is not the keyring."""
    settings = context.settings
    if settings.store == "keyring" or settings.shared is not None:
        return
    if settings.is_demo:
        context.console.say(f"The demo's tokens are pretend; they are kept in files below {settings.folder}.")
    else:
        context.console.warn_once(
            f"The tokens of {settings.environment.name} are kept in files below {settings.folder}, not in a"
            f" keyring ({settings.sources['store']} says so)."
        )


def say_who_was_current(context: Context, saved: SignInSaved) -> None:
    """Tell if the current account is another one now."""
    if saved.switched_from is not None:
        context.console.say(
            f"The current account was {saved.switched_from.label}; it is {saved.account.label} now."
            " --account names another one."
        )
