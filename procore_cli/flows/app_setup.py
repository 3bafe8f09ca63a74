"""An app set up for an environment: Procore is asked about it, then all of its values are kept, or none.

Asks nobody: what is set already counts as what the person keeps.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from procore_cli.config.config_file import AppConfig, Changes, load_config, new_change, save_change
from procore_cli.config.environments import MONTHLY, PRODUCTION
from procore_cli.config.private_files import may_exist
from procore_cli.errors import (
    ConfigurationError,
    ProcoreError,
    RefusedCredentialsError,
    StorageError,
    UsageMistakeError,
)
from procore_cli.flows.credentials import fits_login
from procore_cli.grants import AppCredentials

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.console import Console
    from procore_cli.storage.files import ClientSecrets, StoredSecret


# The variables that win over what is kept, by the name of the change.
_VARIABLES: Mapping[str, str] = {
    "client_id": "PROCORE_CLIENT_ID",
    "redirect_uri": "PROCORE_REDIRECT_URI",
    "company": "PROCORE_COMPANY_ID",
    "store": "PROCORE_LOGIN_STORE",
    "default_environment": "PROCORE_ENV",
}


def list_overrides(settings: Settings, draft: Draft, environ: Mapping[str, str]) -> list[str]:
    """What to warn of: variables that win over what was kept."""
    from procore_cli.config.urls import find_origin
    from procore_cli.config.variables import find_set, without_what_exec_set

    name = settings.environment.name
    given = without_what_exec_set(name, find_set(environ))
    kept = {key: getattr(draft.changes, key) for key in _VARIABLES}
    pairs = [(_VARIABLES[key], str(value)) for key, value in kept.items() if value is not None]
    if draft.secret is not None:
        pairs.append(("PROCORE_CLIENT_SECRET", draft.secret))
    winning = [variable for variable, value in pairs if given.get(variable, value) != value]
    lines = []
    if winning:
        names = ", ".join(winning)
        lines.append(f"{name}: what was saved is not in force while a variable says otherwise: {names}.")
    if draft.secret is None and _leaves_secret_behind(settings, draft.changes):
        lines.append(
            f"{name}: a client secret that was kept before stays in the store {settings.store};"
            f" give it again: procore-login configure --env {name} --client-secret-stdin"
        )
    if draft.secret is not None and given.get("PROCORE_LOGIN_URL"):
        where = find_origin(settings.environment.login_url)
        lines.append(
            f"{name}: the client secret was kept for {where} (PROCORE_LOGIN_URL), and works there alone."
        )
    return lines


def find_store(settings: Settings, changes: Changes) -> str:
    """The store that will be in force: a variable wins over what is kept."""
    if settings.sources["store"] == "PROCORE_LOGIN_STORE":
        return settings.store
    if "store" in changes.removed:
        return "keyring"
    return changes.store or settings.store


def _leaves_secret_behind(settings: Settings, changes: Changes) -> bool:
    # Not looked for: another store is often chosen because the former one does not answer.
    is_configured = settings.client_id is not None and not settings.is_demo and not settings.client_secret
    return is_configured and find_store(settings, changes) != settings.store


@dataclass(frozen=True)
class Draft:
    """What is to be kept for an environment.

    `secret` is a client secret to keep, `standing` one that stays as it is; `moves` says that `secret` lies
    in the store in force until now. They belong to `client_id`, None for the one in force. `source` is where
    the values came from, `epilogue` what to say at the end. Whoever makes one has read its values.
    """

    changes: Changes
    secret: str | None = field(default=None, repr=False)
    standing: str | None = field(default=None, repr=False)
    moves: bool = False
    client_id: str | None = None
    source: str = "the options"
    epilogue: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """The client secret that is kept; `is_lent` says that it is production's, for the monthly sandbox."""

    client_id: str
    login_origin: str
    secret: str = field(repr=False)
    is_lent: bool = False


def find_kept(settings: Settings, console: Console) -> Kept | None:
    """The client secret that the store in force keeps for the environment. Raises StorageError."""
    from procore_cli.context import new_client_secrets

    name = settings.environment.name
    secrets = new_client_secrets(settings, settings.store, console)
    stored = secrets.find()
    if stored is None and name == MONTHLY.name:
        stored = secrets.find(PRODUCTION.name)
    if stored is None:
        return None
    return Kept(stored.client_id, stored.login_origin, stored.secret, stored.environment != name)


def prove_keyring(settings: Settings, console: Console) -> None:
    """Make sure that the keyring keeps what it is given. Raises KeyringError."""
    from procore_cli.context import new_client_secrets

    new_client_secrets(settings, "keyring", console).prove()


def find_standing(settings: Settings, kept: Kept | None, client_id: str) -> str | None:
    """The client secret that an id has already: a variable's, or the kept one if it belongs to it."""
    if settings.client_secret:
        return settings.client_secret
    if kept is None or kept.client_id != client_id:
        return None
    return kept.secret if fits_login(settings, kept.login_origin, is_lent=kept.is_lent) else None


def validate(settings: Settings, draft: Draft) -> None:
    """Refuse what cannot be kept, before anything is sent. Raises UsageMistakeError."""
    if settings.is_demo and (draft.changes.client_id or draft.secret):
        raise UsageMistakeError("The demo has its own app.", "Name another environment with --env.")


def check(settings: Settings, draft: Draft, console: Console) -> None:
    """Ask Procore whether it knows the app, where id and secret are known; where it cannot be asked, warn.

    Raises RefusedCredentialsError, CaFileError.
    """
    from procore_cli.client.oauth import Verdict
    from procore_cli.flows.credentials import check_app, open_oauth

    client_id = draft.changes.client_id or draft.client_id or settings.client_id
    secret = draft.secret or draft.standing
    if settings.is_demo or client_id is None or secret is None:
        return
    source = settings.sources["client id"] if client_id == settings.client_id else draft.source
    secret_source = _find_secret_source(settings, draft)
    # One place for both is named once.
    app = AppCredentials(client_id, secret, source, "" if secret_source == source else secret_source)
    redirect = draft.changes.redirect_uri or settings.redirect_uri.text
    try:
        with open_oauth(settings, os.environ, console.trace, time.time) as oauth:
            probe = check_app(oauth, app, redirect, settings.environment, console.warn)
    except ProcoreError as error:
        console.warn(f"{error.message} Client id and client secret were not checked.")
        return
    except RefusedCredentialsError as error:
        raise RefusedCredentialsError(
            f"{error.message} Nothing was saved.",
            "Copy client id and client secret from the Developer Portal again;"
            " --no-check saves them without asking.",
        ) from None
    if probe.verdict is Verdict.ACCEPTED:
        console.say("Procore knows this app.")


def _find_secret_source(settings: Settings, draft: Draft) -> str:
    if draft.secret and not draft.moves:
        return draft.source
    is_variable = settings.client_secret is not None and draft.standing == settings.client_secret
    return "PROCORE_CLIENT_SECRET" if is_variable else f"the {settings.store} store"


def save(settings: Settings, draft: Draft, console: Console) -> None:
    """Keep the secret and the values, or nothing. Raises ConfigurationError, StorageError, BusyError."""
    from procore_cli.config.config_file import save_config
    from procore_cli.config.private_files import open_folder
    from procore_cli.storage.locks import hold_config

    name = settings.environment.name
    open_folder(settings.folder, console.warn_once)
    with hold_config(settings.folder, console.warn_once):
        _check_nobody_was_faster(settings, draft)
        # First the secret: a config.toml that names an app without one would be half a change.
        with _secret_kept(settings, draft, console):
            save_config(settings.folder, name, draft.changes)
        if draft.moves:
            _forget_moved(settings, console)
    console.say(f"Saved for {name}.")
    for line in list_overrides(settings, draft, os.environ):
        console.warn(line)
    for line in draft.epilogue:
        console.say(line)


def _check_nobody_was_faster(settings: Settings, draft: Draft) -> None:
    """A secret that is kept for the id in force must not meet another id. Raises ConfigurationError."""
    from procore_cli.config.config_file import load_config

    name = settings.environment.name
    is_of_variable = draft.client_id is None and settings.sources["client id"] == "PROCORE_CLIENT_ID"
    if draft.secret is None or draft.changes.client_id or is_of_variable:
        return
    config = load_config(settings.folder)
    lent = config.app(PRODUCTION.name).client_id if name == MONTHLY.name else None
    if (config.app(name).client_id or lent) != (draft.client_id or settings.client_id):
        raise ConfigurationError(
            f"{name}: the client id in config.toml was changed meanwhile. Nothing was saved.",
            f"See what is set, then try again: procore-login configure --env {name} --show",
        )


@contextmanager
def _secret_kept(settings: Settings, draft: Draft, console: Console) -> Iterator[None]:
    """The new secret is kept; it is the former one again if what follows fails."""
    from procore_cli.context import new_client_secrets
    from procore_cli.flows.credentials import save_secret

    if draft.secret is None:
        yield
        return
    secrets = new_client_secrets(settings, find_store(settings, draft.changes), console)
    former = secrets.find()
    try:
        save_secret(settings, secrets, draft.changes.client_id or draft.client_id, draft.secret)
        yield
    except BaseException:
        _restore(secrets, former, console)
        raise


def _restore(secrets: ClientSecrets, former: StoredSecret | None, console: Console) -> None:
    try:
        if former is None:
            secrets.delete()
        else:
            secrets.save(former.client_id, former.login_origin, former.secret)
    except StorageError as error:
        # What went wrong first is the error; this may only be its echo.
        console.warn(f"The client secret from before could not be put back: {error.message}")


def _forget_moved(settings: Settings, console: Console) -> None:
    from procore_cli.context import new_client_secrets

    try:
        new_client_secrets(settings, settings.store, console).delete()
    except StorageError as error:
        console.warn(f"The client secret is still in the store {settings.store} as well: {error.message}")


_KEYS = frozenset({"client_id", "redirect_uri", "company"})


def check_removable(settings: Settings) -> None:
    """Refuse an app that is not the user's. Raises UsageMistakeError."""
    if settings.is_demo:
        raise UsageMistakeError("The demo has its own app.", "Name another environment with --env.")


def list_signed_in(settings: Settings, console: Console) -> list[str]:
    """What to call those who are signed in; a database that is broken is warned of."""
    from procore_cli.storage.accounts import list_known_in

    if not may_exist(settings.database):
        return []
    try:
        known = list_known_in(
            settings.database, settings.environment.name, is_ours=settings.named_database is None
        )
    except StorageError as error:
        console.warn(f"Who is signed in could not be found out: {error.message}")
        return []
    return [listed.account.user.label for listed in known if listed.is_signed_in]


def remove_app(settings: Settings, console: Console) -> bool:
    """Remove client secret, client id, redirect URI and company; returns whether there was anything.

    First the secret: without it the rest does no harm. Raises BrokenConfigError, StorageError, BusyError.
    """
    from procore_cli.storage.locks import hold_config

    check_removable(settings)
    if not may_exist(settings.folder):
        return _delete_secret(settings, "keyring", console)
    name = settings.environment.name
    with hold_config(settings.folder, console.warn_once):
        app = load_config(settings.folder).app(name)
        # Found out before anything is gone: a file that cannot be changed.
        change = new_change(settings.folder, name, Changes(removed=_KEYS))
        was_kept = [_delete_secret(settings, store, console) for store in ("keyring", "file")]
        save_change(settings.folder, change)
    return any(was_kept) or app != AppConfig()


def _delete_secret(settings: Settings, store: str, console: Console) -> bool:
    from procore_cli.context import new_client_secrets

    if store == "file" and not (settings.folder / "secrets").exists():
        return False
    try:
        return new_client_secrets(settings, store, console).delete()
    except StorageError as error:
        if store == settings.store:
            raise
        name = settings.environment.name
        console.warn(
            f"{name}: the store {store} could not be looked at, so a client secret may be left there:"
            f" {error.message}"
        )
        return False
