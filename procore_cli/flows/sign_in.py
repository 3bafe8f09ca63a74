"""Sign up and sign in: the order of the steps and nothing else.

The steps are those of Procore's tutorial "Sign-Up and Sign-In Flows for a Sample Application".
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from procore_cli.errors import AmbiguousAccountError, StorageError, UnknownAccountError, WrongPersonError
from procore_cli.flows import access
from procore_cli.flows.credentials import check_app, find_app
from procore_cli.interruption import holding_signals
from procore_cli.models import Account, Me, Profile

if TYPE_CHECKING:
    from procore_cli.callback.receiver import Ways
    from procore_cli.context import World
    from procore_cli.grants import AppCredentials, TokenAnswer, TokenSet
    from procore_cli.storage.entries import SignInSaved


class SignedIn(NamedTuple):
    """What a sign-in ends with; `signed_up` says that the row is new."""

    profile: Profile
    signed_up: bool


def sign_in(world: World, ways: Ways) -> SignedIn:
    """Sign up or sign in: one flow (RFC 6749, section 4.1, with PKCE, RFC 7636), as in the tutorial.

    Raises any of our errors; afterwards either the row and the tokens are stored, or neither.
    """
    from procore_cli.callback.pending import Home
    from procore_cli.client import oauth

    settings, timed = world.settings, world.teller.timed
    environment, redirect = settings.environment, settings.redirect_uri
    # 1. The app that signs in, the proof that its tokens can be kept, and whether Procore knows it.
    _check_who(world)
    app = find_app(settings, world.client_secrets)
    timed("proof of the store", world.vault.prove)
    _say_where_tokens_go(world)
    is_new_app = _is_new(world, app)
    if is_new_app:
        timed("check of the app", check_app, world.oauth, app, redirect.text, environment, world.teller.warn)
    # 2. The link to Procore's login page, and the listener that waits for the browser to come back.
    state, pkce = oauth.new_state(), oauth.new_pkce()
    link = oauth.authorize_url(environment.login_url, app.client_id, redirect.text, state, pkce.challenge)
    is_ours = partial(oauth.is_ours, state=state, bare_code=redirect.is_oob)
    with world.receive(link, is_ours, ways) as reception:
        # 3. The person logs in and consents in the browser.
        reception.invite()
        world.prepare()
        # 4. The browser brings the authorization code, or a refusal.
        callback = timed("waiting for the browser", reception.wait)
        with holding_signals(world.teller):
            with reception.showing_errors():
                code = oauth.read_callback(callback, environment.name)
                # 5. The code is exchanged for the tokens, which end at Procore unless they are kept.
                exchange = world.oauth.exchange
                answer = timed("exchange of the code", exchange, app, code, redirect.text, pkce.verifier)
                with access.ending_unless_kept(world, app, answer):
                    # 6. Who is it?
                    me = timed("question who it is", world.api.me, answer.access_token)
                    _check_person(world, me)
                    # 7. The user's row and the tokens, both or neither.
                    tokens = _token_set(world, app, answer)
                    saved = timed("saving", world.vault.save_signin, tokens, me)
            # 8. The browser goes on to /home, which shows the row.
            timed("answer to the browser", reception.succeed, Home(saved.user, me, environment.name))
            # 9. The tokens that this account had before are of no use to anybody.
            timed("end of the former tokens", access.revoke_former, world, app, saved, tokens)
    if is_new_app:
        _remember(world, app)
    _say_who_was_current(world, saved)
    return SignedIn(
        access.new_profile(world, Account(saved.user, me.name), tokens.expires_at), signed_up=saved.is_new
    )


def _token_set(world: World, app: AppCredentials, answer: TokenAnswer) -> TokenSet:
    from procore_cli.grants import TokenSet

    return TokenSet(
        answer.access_token,
        answer.refresh_token,
        answer.expires_at,
        world.settings.binding(app.client_id),
        answer.lifetime_s,
    )


def _is_new(world: World, app: AppCredentials) -> bool:
    """Whether nobody has signed in with the app here; the embedded Procore's own is known."""
    settings = world.settings
    return not (settings.is_demo or world.known_apps.has(app.client_id, settings.login_origin))


def _remember(world: World, app: AppCredentials) -> None:
    # The sign-in is done: what fails here only means that the app is asked about once more.
    with suppress(StorageError):
        world.known_apps.remember(app.client_id, world.settings.login_origin)


def _check_who(world: World) -> None:
    """Somebody new may be asked for, but not one of two."""
    if world.settings.account is None:
        return
    try:
        world.vault.find_named(world.settings.account)
    except AmbiguousAccountError:
        raise
    except UnknownAccountError:
        return


def _check_person(world: World, me: Me) -> None:
    """`signin --account WHO` keeps nothing of anybody else's."""
    who = world.settings.account
    if who is None or who.casefold() in (me.login.casefold(), str(me.id)):
        return
    raise WrongPersonError(
        f"The browser is signed in to {world.settings.environment.name} as {me.login}, not as {who};"
        " nothing is kept.",
        "Open the link in a private window, and log in there as the right person.",
    )


def _say_where_tokens_go(world: World) -> None:
    settings = world.settings
    if settings.store == "keyring":
        return
    if settings.is_demo:
        world.teller.say(f"The demo's tokens are pretend; they are kept in files below {settings.folder}.")
    else:
        world.teller.warn(
            f"The tokens of {settings.environment.name} are kept in files below {settings.folder}, not in a"
            f" keyring ({settings.sources['store']} says so)."
        )


def _say_who_was_current(world: World, saved: SignInSaved) -> None:
    if saved.switched_from is not None:
        world.teller.say(
            f"The current account was {saved.switched_from.user.label}; it is"
            f" {saved.user.email} now. --account names another one."
        )
