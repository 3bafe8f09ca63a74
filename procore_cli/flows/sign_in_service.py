"""Sign a service account in: no browser, no listener, nothing that could be spent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.errors import TokenRefusedError, UnexpectedAnswerError
from procore_cli.flows import access, revocation, service_account
from procore_cli.flows.credentials import find_app
from procore_cli.flows.sign_in import (
    SignedIn,
    remember_app,
    say_if_signed_in,
    say_where_tokens_go,
    say_who_was_current,
)

if TYPE_CHECKING:
    from procore_cli.context import Context
    from procore_cli.storage.accounts import Listed


def sign_in_service(context: Context) -> SignedIn:
    """Sign in the service account of the app in force, in the company in force (RFC 6749, section 4.4).

    Raises any of our errors; afterwards either the row and the tokens are stored, or neither. A token that
    is not kept is left to end by itself.
    """
    settings = context.settings
    if settings.company is None:
        raise service_account.new_no_company_error()
    say_if_signed_in(context, lambda listed: _is_asked_for(context, listed))
    # 1. The app, and the proof that its tokens can be kept.
    app = find_app(settings, context.client_secrets)
    context.tokens.prove()
    say_where_tokens_go(context)
    # 2. The token.
    tokens = context.oauth.client_credentials(app, settings.binding(app.client_id))
    # 3. Who is it there?
    try:
        me = service_account.ask_me(context, tokens.access_token, settings.company)
    except TokenRefusedError as error:
        raise UnexpectedAnswerError(error.message, "Try again.") from None
    # 4. The row and the tokens, both or neither.
    saved = context.tokens.save_signin(tokens, me, settings.company)
    # 5. The token that it had before is of no use to anybody.
    revocation.revoke_former(context, app, saved, tokens)
    remember_app(context, app)
    say_who_was_current(context, saved)
    return SignedIn(access.new_profile(context, saved.account, tokens.expires_at), signed_up=saved.is_new)


def _is_asked_for(context: Context, listed: Listed) -> bool:
    service, wanted = listed.account.service, service_account.new_choice(context.settings)
    return service is not None and (service.client_id, service.company) == (wanted.client_id, wanted.company)
