"""The service account of the app in force (RFC 6749, section 4.4): signed in here, or for this process alone.

For one process nothing is stored: the token is in memory, and neither keyring nor database is made.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.config.environments import DEMO_CLIENT_ID
from procore_cli.errors import NotSignedInError, UsageMistakeError
from procore_cli.flows.credentials import find_given_app, new_missing
from procore_cli.grants import AppCredentials
from procore_cli.models import Account, Choice, Me, Service, User, command, new_service_options
from procore_cli.storage.account_rows import REFUSED_TWICE_S
from procore_cli.storage.failures import new_twice_refused_error

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.context import Context
    from procore_cli.storage.store import Held

_NOBODY = User(0, 0, None)

_lock = threading.Lock()
_loaded: dict[object, Held] = {}
# When (seconds, UTC) Procore refused a token of this process last.
_refused_at: dict[object, float] = {}


def _begin_anew() -> None:
    """In a process that was forked: what another thread held at that moment would be held for ever."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def forget() -> None:
    """Let every token go that this process holds."""
    with _lock:
        _loaded.clear()
        _refused_at.clear()


def find(context: Context) -> Account:
    """The service account that `service-account` means.

    Raises as `find_stored`, and where none is stored MissingCredentialsError, or NotSignedInError if the
    app's secret may be kept here.
    """
    account = find_stored(context)
    if account is not None:
        return account
    settings = context.settings
    app = find_given_app(settings)
    if app is not None:
        return Account(_NOBODY, service=Service(0, app.client_id, settings.company))
    if not settings.client_id:
        raise new_missing(settings, "client id")
    if settings.is_from_variable("client id"):
        raise new_missing(settings, "client secret")
    raise new_unstored_error(context)


def find_stored(context: Context) -> Account | None:
    """The service account of the app in force that is signed in here; makes nothing, asks no keyring.

    Raises AmbiguousAccountError, NotSignedInError.
    """
    settings = context.settings
    has_place = settings.home or settings.named_database or settings.shared
    if not has_place or not context.storage.has_database:
        return None
    return context.accounts.find_service(new_choice(settings))


def new_choice(settings: Settings) -> Choice:
    """Which of several service accounts is meant: --company says so, else what is configured decides."""
    client_id = DEMO_CLIENT_ID if settings.is_demo else settings.client_id
    return Choice(client_id, settings.company, is_exact=settings.sources["company"] == "--company")


def new_unstored_error(context: Context) -> NotSignedInError:
    """No service account of the app is signed in here."""
    settings = context.settings
    name, options = settings.environment.name, new_service_options(settings.company)
    has_app = settings.client_id is not None or settings.is_demo
    first = "" if has_app else f"{command('configure', name)}, then "
    return NotSignedInError(
        f"No service account of this app is signed in to {name} here.",
        f"Run {first}{command(f'signin {options}', name)}",
        environment=name,
    )


def load(context: Context, account: Account) -> Held:
    """This process's token: one request for all who ask. Raises as `OAuth.client_credentials`."""
    return _find(context, account, None, is_refused=False)


def renew(context: Context, account: Account, seen: Held, *, is_refused: bool) -> Held:
    """A new token in place of `seen`, or another thread's. Raises TokenRefusedError, and as `load`."""
    return _find(context, account, seen.tokens.access_token, is_refused=is_refused)


def _find(context: Context, account: Account, spent: str | None, *, is_refused: bool) -> Held:
    app = find_given_app(context.settings)
    if app is None:
        raise new_unstored_error(context)
    # The embedded Procore of this process is another one each time.
    where = (app, context.settings.environment)
    now = context.clock()
    with _lock:
        loaded = _loaded.get(where)
        if loaded is not None and loaded.tokens.access_token != spent:
            return loaded
        if is_refused and 0 <= now - _refused_at.get(where, float("-inf")) < REFUSED_TWICE_S:
            raise new_twice_refused_error(account, context.settings.environment.name)
        if loaded is None:
            log.say(
                f"Using the service account of the app {app.client_id} for this process alone;"
                " nothing is stored."
            )
        _loaded[where] = loaded = _ask(context, app)
        if is_refused:
            _refused_at[where] = now
        return loaded


def _ask(context: Context, app: AppCredentials) -> Held:
    from procore_cli.storage.store import Held

    now = int(context.clock())
    tokens = context.oauth.client_credentials(app, context.settings.binding(app.client_id))
    return Held(tokens, tokens.access_token, now)


def ask_me(context: Context, access_token: str, company: int | None) -> Me:
    """Who the service account is in its company. Raises UsageMistakeError without one, ProcoreError."""
    if company is None:
        raise new_no_company_error()
    return context.api.me(access_token, service_of=company)


def new_no_company_error() -> UsageMistakeError:
    """Procore knows a service account by the company that it is asked about."""
    return UsageMistakeError(
        "A service account is one of a company, and none is named.",
        "Pass --company ID: the number in app.procore.com/<COMPANY ID>/",
    )
