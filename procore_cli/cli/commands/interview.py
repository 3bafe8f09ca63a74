"""The questions of `configure`: Enter keeps what is there, and nothing is saved before the last answer."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli import log
from procore_cli.cli.prompts import ask, confirm, explain, read_client_id, read_company, read_secret
from procore_cli.config.config_file import STORES, AppConfig, load_config, unknown_environment
from procore_cli.config.environments import (
    DEFAULT_REDIRECT_URI,
    DEMO,
    ENVIRONMENTS,
    FEDERAL,
    MONTHLY,
    PRODUCTION,
    SANDBOX,
)
from procore_cli.config.urls import read_redirect_uri
from procore_cli.context import new_client_secrets
from procore_cli.errors import (
    BadUrlError,
    KeyringError,
    RefusedCredentialsError,
    StorageError,
    UsageMistakeError,
)
from procore_cli.flows import app_setup
from procore_cli.flows.app_setup import AppSetup
from procore_cli.flows.credentials import is_kept_for
from procore_cli.models import command

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.config.urls import RedirectUri
    from procore_cli.models import StoreName
    from procore_cli.storage.files import StoredSecret


# The environments that can be chosen.
_CREDENTIALS = {
    PRODUCTION.name: "production takes the app's production credentials; the sandbox's are others.",
    SANDBOX.name: "sandbox takes the app's sandbox credentials; production's are others.",
    MONTHLY.name: "monthly takes the app's production credentials; it has none of its own.",
    FEDERAL.name: "federal takes credentials of its own; those of Procore itself do not work there.",
}
_STORES = {
    "keyring": "the system's own keyring",
    "file": "files that only you can read, for machines without a keyring",
}
_TYPED = "your answer"


def ask_environment(offered: str) -> str:
    """Which of Procore's environments; returns its name."""
    explain("Which environment of Procore is it for?")
    for name in _CREDENTIALS:
        explain(ENVIRONMENTS[name].meaning, first=f"  {name:<12}", indent=" " * 14)
    offered = offered if offered in _CREDENTIALS else PRODUCTION.name
    return ask("Environment", _read_environment, offered=offered)


def interview(settings: Settings, *, may_check: bool) -> None:
    """Ask for everything, until Procore knows the app or the person wants to keep it all the same; save it.

    Where saving fails for the store, that is asked for again, and nothing else.
    Raises RefusedCredentialsError where they keep nothing, click.Abort at Ctrl-C and Ctrl-D.
    """
    name = settings.environment.name
    if settings.is_demo:
        raise _no_need_in_demo()
    if may_check:
        # What the check at the end could not do without is found out before anybody types.
        app_setup.prepare(settings)
    config = load_config(settings.folder)
    app = config.app(name)
    kept, offered = _find_kept(settings)
    explain(
        "The values are in Procore's Developer Portal, https://developers.procore.com: My Apps, then your"
        " app, then its OAuth credentials."
    )
    explain(_CREDENTIALS[name])
    setup = _ask_app(settings, kept, AppSetup(client_id=app.client_id or settings.client_id, source=_TYPED))
    setup = replace(setup, redirect_uri=_ask_redirect_uri(app), company=_ask_company(app))
    explain("Where the tokens and the client secrets of all environments are kept:")
    for store, meaning in _STORES.items():
        explain(meaning, first=f"  {store:<9}", indent=" " * 11)
    setup = replace(setup, store=_ask_store(settings, offered, config.store))
    while may_check and not _is_settled(settings, setup):
        setup = _ask_app(settings, kept, setup)
    while True:
        try:
            return app_setup.save(settings, setup)
        except StorageError as error:
            if settings.is_from_variable("store"):
                # It wins, whatever is answered.
                raise
            log.say(f"Nothing was saved. {error.message}", error.hint)
            offered = "file" if isinstance(error, KeyringError) else setup.store or offered
        setup = replace(setup, store=_ask_store(settings, offered, config.store))


def _find_kept(settings: Settings) -> tuple[StoredSecret | None, StoreName]:
    """The client secret that is kept already, and the store to offer: not a keyring that cannot be used."""
    try:
        return app_setup.find_kept(settings), settings.store
    except StorageError as error:
        if settings.store == "keyring" and settings.is_from_variable("store"):
            # No answer could choose another one, and all of them would be lost at the end.
            hint = f"{error.hint} Or unset PROCORE_LOGIN_STORE, or set it to file."
            raise error.reworded(error.message, hint) from None
        if isinstance(error, KeyringError):
            # That question says what there is to do for whoever wants the keyring all the same.
            log.say(f"{error.message.removesuffix('.')}; the last question offers files.")
        else:
            log.warn(error.message, error.hint)
        return None, "file"


def _ask_app(settings: Settings, kept: StoredSecret | None, former: AppSetup) -> AppSetup:
    """The setup with a client id, and a client secret if one is typed now or was typed before for that id."""
    client_id = ask("Client id", read_client_id, offered=former.client_id)
    typed = former.client_secret if client_id == former.client_id else None
    own = kept if kept is not None and is_kept_for(settings, kept, client_id) else None
    stands = bool(typed or settings.client_secret or own)
    if kept is not None and not stands:
        explain(f"The client secret that is set belongs to the client id {kept.client_id}.")
    label = "Client secret (hidden; set, Enter keeps it)" if stands else "Client secret (hidden)"
    if typed:
        # It was refused, and is not saved.
        label = "Client secret (hidden; Enter tries the same again)"

    def read(text: str) -> str:
        return "" if stands and not text else read_secret(text)

    secret = ask(label, read, offered="" if stands else None, hidden=True)
    return replace(former, client_id=client_id, client_secret=secret or typed, kept=own)


def _ask_redirect_uri(app: AppConfig) -> str | None:
    """None for the one that counts already."""
    explain(
        "The redirect URI must be exactly the portal's: scheme, host, port and path, and a slash at its end"
        " only if there is one there."
    )
    offered = app.redirect_uri or os.environ.get("PROCORE_REDIRECT_URI") or DEFAULT_REDIRECT_URI
    try:
        read_redirect_uri(offered, _TYPED)
    except BadUrlError:
        offered = DEFAULT_REDIRECT_URI
    answer = ask("Redirect URI", _read_redirect_uri, offered=offered)
    return None if answer == (app.redirect_uri or DEFAULT_REDIRECT_URI) else answer


def _ask_company(app: AppConfig) -> int | None:
    """None for the one that is set already, 0 for none any more."""
    hint = (
        "optional; after the sign-in, procore-login api companies lists them"
        if app.company is None
        else f"Enter keeps {app.company}, none removes it"
    )

    def read(text: str) -> int | None:
        if text.lower() in ("none", "-"):
            return 0
        return read_company(text) if text else None

    answer = ask(f"Company id ({hint})", read, offered="")
    return None if answer == (app.company or 0) else answer


def _ask_store(settings: Settings, offered: str, configured: str | None) -> StoreName | None:
    """None for the one that is configured already."""

    def read(text: str) -> StoreName:
        store = next((each for each in STORES if each == text.lower()), None)
        if store is None:
            raise UsageMistakeError("There are two stores:", "keyring and file.")
        if store == "keyring":
            try:
                new_client_secrets(settings, store).prove()
            except StorageError as error:
                hint = "Type file, or Ctrl-C to stop and mend the keyring."
                raise UsageMistakeError(error.message, hint) from None
        return store

    answer = ask("Store", read, offered=offered)
    return None if answer == (configured or "keyring") else answer


def _is_settled(settings: Settings, setup: AppSetup) -> bool:
    """Whether the app is to be kept; False to ask for it again. Raises RefusedCredentialsError."""
    name = settings.environment.name
    try:
        app_setup.check(settings, setup)
    except RefusedCredentialsError:
        explain(
            f"Procore refused the client id or the client secret (invalid_client). Is {name} the right"
            f" environment? {_CREDENTIALS[name]}"
        )
        if confirm("Enter client id and client secret again?", default=True):
            return False
        if not confirm("Save them all the same?", default=False):
            raise
    return True


def _read_environment(text: str) -> str:
    name = text.lower()
    if name == DEMO.name:
        raise _no_need_in_demo()
    if name not in _CREDENTIALS:
        raise unknown_environment(text, _TYPED, _CREDENTIALS)
    return name


def _no_need_in_demo() -> UsageMistakeError:
    return UsageMistakeError(
        "The demo needs no configuration.", f"Run {command('signup', DEMO.name)}", environment=DEMO.name
    )


def _read_redirect_uri(text: str) -> str:
    uri = read_redirect_uri(text, _TYPED)
    for line in advise(uri):
        explain(line, first="  ", indent="  ")
    return uri.text


def advise(uri: RedirectUri) -> list[str]:
    """What a person should know of a redirect URI that can be used."""
    if uri.is_oob:
        return ["Procore will show a code in the browser, to be pasted here."]
    parts = urlsplit(uri.text)
    lines = []
    if not uri.on_loopback:
        lines.append("It is not on this machine: the address that the browser ends on is to be pasted here.")
    if uri.on_loopback and uri.host != "localhost":
        lines.append(
            f"The portal probably refuses {uri.host}: it takes plain http for localhost alone."
            " If it does, use localhost in both places."
        )
    if uri.on_loopback and parts.port is None:
        lines.append(f"Without a port it is port {uri.port}, which needs special rights on many systems.")
    if len(parts.path) > 1 and parts.path.endswith("/"):
        lines.append("The slash at its end is part of it: the portal must show it too.")
    return lines
