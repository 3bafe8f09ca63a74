"""An app set up for an environment: Procore is asked about it, then all of its values are kept, or none.

Asks nobody: what is set already counts as what the person keeps.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from procore_cli import log
from procore_cli.config.config_file import (
    APP_KEYS,
    AppConfig,
    Config,
    Edits,
    load_config,
    new_text,
    save_text,
)
from procore_cli.config.environments import DEMO
from procore_cli.config.private_files import may_exist, open_folder
from procore_cli.config.urls import find_origin
from procore_cli.config.variables import VARIABLES, find_set, without_what_exec_set
from procore_cli.context import new_client_secrets, new_storage
from procore_cli.errors import (
    ConfigurationError,
    ProcoreError,
    RefusedCredentialsError,
    StorageError,
    UsageMistakeError,
)
from procore_cli.flows.credentials import check_app, find_stored, is_kept_for, new_missing
from procore_cli.grants import AppCredentials
from procore_cli.models import StoreName, command

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.storage.files import ClientSecrets, StoredSecret


@dataclass(frozen=True)
class AppSetup:
    """What is to be kept of an environment's app; None leaves a value as it is, a company of 0 takes it out.

    `kept` is the client secret that the app has already, in the store in force until now; `source` is where
    the values came from. Whoever makes one has read its values.
    """

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None
    company: int | None = None
    store: StoreName | None = None
    is_default: bool = False
    kept: StoredSecret | None = None
    source: str = "the options"


def find_kept(settings: Settings) -> StoredSecret | None:
    """The client secret that the store in force keeps, or production's for monthly. Raises StorageError."""
    return find_stored(settings, new_client_secrets(settings, settings.store))


def with_kept_secret(settings: Settings, setup: AppSetup) -> AppSetup:
    """The setup with the secret that a new client id has already; where another id has it, that is told."""
    if setup.client_id is None or setup.client_secret or settings.client_secret:
        return setup
    name = settings.environment.name
    try:
        kept = find_kept(settings)
    except StorageError as error:
        # The id alone needs no store, and another may just be chosen.
        log.warn(f"{name}: whether a client secret is kept could not be found out: {error.message}")
        return setup
    if kept is not None and not is_kept_for(settings, kept, setup.client_id):
        log.warn(
            f"{name}: the client secret that is kept belongs to the client id {kept.client_id}.",
            f"Give the new one: {command('configure --client-secret-stdin', name)}",
        )
        return setup
    return replace(setup, kept=kept)


def prepare(settings: Settings) -> None:
    """Find out what would end the check before it begins; connects to nobody.

    Raises CaFileError, BadUrlError.
    """
    from procore_cli.client.transport import Transport, find_proxy

    if settings.is_demo:
        return
    url = settings.environment.login_url
    find_proxy(url)
    with closing(Transport(settings.ca_bundle)) as transport:
        transport.prepare(url)


def check(settings: Settings, setup: AppSetup) -> None:
    """Ask Procore whether it knows the app, where id and secret are known; where it cannot be asked, warn.

    Raises RefusedCredentialsError, CaFileError.
    """
    from procore_cli.client.oauth import OAuth, Verdict
    from procore_cli.client.transport import Transport

    app = _find_credentials(settings, setup)
    if app is None:
        return
    redirect = setup.redirect_uri or settings.redirect_uri.text
    try:
        with closing(Transport(settings.ca_bundle)) as transport:
            oauth = OAuth(transport, settings.environment, time.time)
            probe = check_app(oauth, app, redirect, settings.environment)
    except ProcoreError as error:
        error.happened_in(settings.environment.name)
        log.warn(f"{error} Client id and client secret were not checked.")
        return
    except RefusedCredentialsError as error:
        raise error.reworded(
            f"{error.message} Nothing was saved.",
            "Copy client id and client secret from the Developer Portal again;"
            " --no-check saves them without asking.",
        ) from None
    if probe.verdict is Verdict.ACCEPTED:
        log.say("Procore knows this app.")


def _find_credentials(settings: Settings, setup: AppSetup) -> AppCredentials | None:
    """What Procore can be asked about; None where an id or a secret is missing, or neither is new."""
    client_id = setup.client_id or settings.client_id
    if client_id is None or not (setup.client_id or setup.client_secret):
        return None
    source = settings.sources["client id"] if client_id == settings.client_id else setup.source
    secret, kept_in = setup.client_secret, setup.source
    if secret is None and settings.client_secret:
        secret, kept_in = settings.client_secret, "PROCORE_CLIENT_SECRET"
    elif secret is None and setup.kept is not None:
        secret, kept_in = setup.kept.secret, f"the {settings.store} store"
    if secret is None:
        return None
    # One place for both is named once.
    return AppCredentials(client_id, secret, source, "" if kept_in == source else kept_in)


def save(settings: Settings, setup: AppSetup) -> None:
    """Keep the secret and the values, or nothing. Raises ConfigurationError, StorageError, BusyError."""
    from procore_cli.storage.locks import hold_config

    # A variable wins over what is kept.
    store = settings.store if settings.is_from_variable("store") else setup.store or settings.store
    moved = None if setup.client_secret or store == settings.store else setup.kept
    if moved is not None and moved.environment != settings.environment.name:
        # What production lends stays where it is.
        moved = None
    secret = setup.client_secret if moved is None else moved.secret
    open_folder(settings.folder)
    with hold_config(settings.folder):
        config = load_config(settings.folder)
        _check_nobody_was_faster(settings, setup, config)
        text = new_text(settings.folder, _list_edits(settings, setup, config))
        # First the secret: a config.toml that names an app without one would be half a change.
        with _secret_kept(settings, setup, store, secret):
            save_text(settings.folder, text)
        if moved is not None:
            _forget_moved(settings)
    log.say(f"Saved for {settings.environment.name}.")
    _warn_of_what_differs(settings, setup, store, secret)


def _check_nobody_was_faster(settings: Settings, setup: AppSetup, config: Config) -> None:
    """A secret that is kept for the id in force must not meet another id. Raises ConfigurationError."""
    if setup.client_secret is None or setup.client_id or settings.is_from_variable("client id"):
        return
    name = settings.environment.name
    if config.find_client_id(name)[0] != settings.client_id:
        raise ConfigurationError(
            "the client id in config.toml was changed meanwhile. Nothing was saved.",
            f"See what is set, then try again: {command('configure --show', name)}",
        )


def _list_edits(settings: Settings, setup: AppSetup, config: Config) -> Edits:
    name = settings.environment.name
    # What is in force already is not written once more: it may be what production lends.
    is_in_force = setup.client_id == config.find_client_id(name)[0]
    values = {
        ("store",): setup.store,
        ("environment",): name if setup.is_default else None,
        ("environments", name, "client_id"): None if is_in_force else setup.client_id,
        ("environments", name, "redirect_uri"): setup.redirect_uri,
        ("environments", name, "company"): setup.company,
    }
    # Only a company can be 0, which takes it out.
    return {path: value or None for path, value in values.items() if value is not None}


@contextmanager
def _secret_kept(settings: Settings, setup: AppSetup, store: StoreName, secret: str | None) -> Iterator[None]:
    """The new secret is kept; it is the former one again if what follows fails."""
    if secret is None:
        yield
        return
    secrets = new_client_secrets(settings, store)
    former = secrets.find()
    client_id = setup.client_id or settings.client_id
    if client_id is None:
        raise new_missing(settings, "client id")
    try:
        secrets.save(client_id, settings.login_origin, secret)
        yield
    except BaseException:
        _restore(secrets, former)
        raise


def _restore(secrets: ClientSecrets, former: StoredSecret | None) -> None:
    try:
        if former is None:
            secrets.delete()
        else:
            secrets.save(former.client_id, former.login_origin, former.secret)
    except StorageError as error:
        # What went wrong first is the error; this may only be its echo.
        log.warn(f"The client secret from before could not be put back: {error.message}")


def _forget_moved(settings: Settings) -> None:
    try:
        new_client_secrets(settings, settings.store).delete()
    except StorageError as error:
        log.warn(f"The client secret is still in the store {settings.store} as well: {error.message}")


def _warn_of_what_differs(settings: Settings, setup: AppSetup, store: StoreName, secret: str | None) -> None:
    """Tell what of that which was saved does not count, or not as one may think."""
    name = settings.environment.name
    given = without_what_exec_set(name, find_set(os.environ))
    saved = {
        "client id": setup.client_id,
        "redirect URI": setup.redirect_uri,
        "company": setup.company,
        "store": setup.store,
        "environment": name if setup.is_default else None,
        "client secret": secret,
    }
    says = {VARIABLES[setting]: str(value) for setting, value in saved.items() if value}
    names = ", ".join(variable for variable, value in says.items() if given.get(variable, value) != value)
    if names:
        log.warn(f"{name}: what was saved is not in force while a variable says otherwise: {names}.")
    # Not looked for: another store is often chosen because the former one does not answer.
    is_configured = settings.client_id is not None and not settings.client_secret
    if secret is None and is_configured and store != settings.store:
        log.warn(
            f"{name}: a client secret that was kept before stays in the store {settings.store}.",
            f"Give it again: {command('configure --client-secret-stdin', name)}",
        )
    if secret is not None and given.get("PROCORE_LOGIN_URL"):
        where = find_origin(settings.environment.login_url)
        log.warn(
            f"{name}: the client secret was kept for {where} (PROCORE_LOGIN_URL), and works there alone."
        )


def refuse_demo(settings: Settings) -> None:
    """Refuse an app that is not the user's. Raises UsageMistakeError."""
    if settings.is_demo:
        raise UsageMistakeError(
            "The demo has its own app.", "Name another environment with --env.", environment=DEMO.name
        )


def list_signed_in(settings: Settings) -> list[str]:
    """What to call those who are signed in; a database that is broken is warned of."""
    from procore_cli.storage.accounts import MAX_CANDIDATES
    from procore_cli.storage.local_accounts import list_known_in

    name = settings.environment.name
    try:
        if settings.shared is not None:
            present = new_storage(settings, name).accounts.list_signed_in(MAX_CANDIDATES)
            return [account.user.label for account in present]
        known = list_known_in(settings.database, name, settings.folder)
    except StorageError as error:
        log.warn(f"Who is signed in could not be found out: {error.message}")
        return []
    return [listed.account.user.label for listed in known or () if listed.is_signed_in]


def remove_app(settings: Settings) -> bool:
    """Remove client secret, client id, redirect URI and company; returns whether there was anything.

    First the secret: without it the rest does no harm. Raises BrokenConfigError, StorageError, BusyError.
    """
    from procore_cli.storage.locks import hold_config

    if not may_exist(settings.folder):
        return _delete_secret(settings, "keyring")
    name = settings.environment.name
    with hold_config(settings.folder):
        app = load_config(settings.folder).app(name)
        # Found out before anything is gone: a file that cannot be changed.
        text = new_text(settings.folder, {("environments", name, key): None for key in APP_KEYS})
        was_kept = [_delete_secret(settings, "keyring"), _delete_secret(settings, "file")]
        save_text(settings.folder, text)
    return any(was_kept) or app != AppConfig()


def _delete_secret(settings: Settings, store: StoreName) -> bool:
    if store == "file" and not (settings.folder / "secrets").exists():
        return False
    try:
        return new_client_secrets(settings, store).delete()
    except StorageError as error:
        if store == settings.store:
            raise
        log.warn(
            f"{settings.environment.name}: the store {store} could not be looked at, so a client secret may"
            f" be left there: {error.message}"
        )
        return False
