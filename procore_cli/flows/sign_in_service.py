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
    from procore_cli.models import Account


def sign_in_service(context: Context) -> SignedIn:
    """Sign in the service account of the app in force, in the company in force (RFC 6749, section 4.4).

    Raises any of our errors; afterwards either the row and the tokens are stored, or neither. A token that
    is not kept is left to end by itself.
    """
    settings = context.settings
    if settings.company is None:
        raise service_account.new_no_company_error()
    say_if_signed_in(context, _find_signed_in(context, settings.company))
    # 1. The app, and the proof that its tokens can be kept.
    app = find_app(settings, context.storage.client_secrets)
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


def _find_signed_in(context: Context, company: int) -> Account | None:
    if not context.storage.has_database:
        return None
    found = context.accounts.list_services(service_account.new_choice(context.settings).client_id)
    return next((each for each in found if each.service and each.service.company == company), None)
