"""What to type where nobody is signed in: it depends on what this machine knows in every environment.

Refuses keyring and locks, the network too unless a shared database is there, and makes no file.
"""

from __future__ import annotations

import os

from procore_cli.config.environments import DEMO, ENVIRONMENTS
from procore_cli.config.settings import Overrides, Settings, look_at_settings
from procore_cli.errors import AmbiguousAccountError, ProcoreLoginError, UnknownAccountError
from procore_cli.models import command
from procore_cli.storage.accounts import Listed
from procore_cli.storage.local_accounts import list_known_in
from procore_cli.storage.users import is_named

# So many of a shared database are looked at.
MOST_SHARED = 50


def list_everywhere(settings: Settings) -> tuple[dict[str, list[Listed]], list[ProcoreLoginError]]:
    """Whom each environment with a database knows, and why other databases cannot be read."""
    known: dict[str, list[Listed]] = {}
    troubles: list[ProcoreLoginError] = []
    if settings.home is None and settings.access_token:
        # It needs no data folder.
        return known, troubles
    for name in ENVIRONMENTS:
        try:
            listed = _list_known(settings, name)
        except ProcoreLoginError as error:
            troubles.append(error.happened_in(name))
            if settings.named_database or settings.shared:
                # It is the same for all of them.
                break
            continue
        if listed is None:
            continue
        if listed or name == settings.environment.name:
            known[name] = listed
    return known, troubles


def _list_known(settings: Settings, name: str) -> list[Listed] | None:
    if settings.shared is None:
        return list_known_in(settings.find_database(name), name, settings.folder)
    from procore_cli.context import new_storage

    accounts = new_storage(settings, name).accounts
    # Of a hundred thousand a few will do, and who is current here.
    listed, current = accounts.list_known(limit=MOST_SHARED), accounts.find_current()
    if current is None or any(each.account.key == current.key for each in listed):
        return listed
    return [accounts.look(current)._replace(is_current=True), *listed]


def list_signed_in_elsewhere(known: dict[str, list[Listed]], environment: str) -> list[str]:
    """The other environments to which somebody is signed in."""
    return [
        name
        for name, accounts in known.items()
        if name != environment and any(one.is_signed_in for one in accounts)
    ]


def find_hint(error: ProcoreLoginError) -> str:
    """What to type where nobody is signed in to an error's environment, or is not known there."""
    if error.source or isinstance(error, AmbiguousAccountError):
        return error.hint
    try:
        settings = look_at_settings(Overrides(error.environment or None, heeds_account=False), os.environ)
        known, _ = list_everywhere(settings)
    except ProcoreLoginError:
        return error.hint
    name = settings.environment.name
    if isinstance(error, UnknownAccountError):
        for other, accounts in known.items():
            if any(is_named(each.account.user, error.account) for each in accounts):
                return f"It is known in {other}: add `--env {other}`."
        if known.get(name):
            return error.hint
    has_app = settings.client_id is not None or settings.is_demo
    choice = " (`switch` chooses where several are signed in)" if known.get(name) else ""
    elsewhere = list_signed_in_elsewhere(known, name)
    if elsewhere:
        other = " or ".join(f"`--env {each}`" for each in elsewhere)
        step = command("signin", name) if has_app else f"first {command('configure', name)}"
        return f"You are signed in to {' and '.join(elsewhere)}: add {other}. For {name}, {step}{choice}"
    remembered = [other for other, accounts in known.items() if accounts]
    if not error.environment and remembered and not known.get(name):
        # Whoever asked about all of them may go on where somebody was signed in before.
        return f"Run {command('signin', remembered[0])}"
    if has_app:
        return f"Run {command('signin', name)}{choice}"
    return (
        f"Run {command('configure', name)}, then {command('signin', name)};"
        f" or try it without an account: {command('signup', DEMO.name)}"
    )
