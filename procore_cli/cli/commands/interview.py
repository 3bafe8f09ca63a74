"""The questions of `configure`: Enter keeps what is there, and nothing is saved before the last answer."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.cli.prompts import NONE, ask, confirm, explain, read_client_id, read_company, read_secret
from procore_cli.config.config_file import AppConfig, Changes
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
from procore_cli.errors import (
    BadUrlError,
    KeyringError,
    RefusedCredentialsError,
    StorageError,
    UsageMistakeError,
)
from procore_cli.flows import app_setup
from procore_cli.flows.app_setup import Draft, Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from procore_cli.config.settings import Settings
    from procore_cli.config.urls import RedirectUri
    from procore_cli.console import Console


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
REDIRECT = (
    "The redirect URI must be exactly the portal's: scheme, host, port and path, and a slash at its end only"
    " if there is one there."
)


def introduce(environment: str, console: Console) -> None:
    """Where the values are found."""
    explain(
        console,
        "The values are in Procore's Developer Portal, https://developers.procore.com: My Apps, then your"
        " app, then its OAuth credentials.",
    )
    explain(console, _CREDENTIALS[environment])


def explain_stores(console: Console) -> None:
    """Where secrets can be kept."""
    explain(console, "Where the tokens and the client secrets of all environments are kept:")
    for name, meaning in _STORES.items():
        explain(console, meaning, first=f"  {name:<9}", indent=" " * 11)


def refused(environment: str) -> str:
    """What refused credentials may mean."""
    return (
        f"Procore refused the client id or the client secret (invalid_client). Is {environment} the right"
        f" environment? {_CREDENTIALS[environment]}"
    )


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


_TYPED = "your answer"
_STORE_VARIABLE = "PROCORE_LOGIN_STORE"


@dataclass(frozen=True)
class _Known:
    """What is there before a question is asked; `secret` is what was typed before, or is kept."""

    app: AppConfig
    store: str | None
    kept: Kept | None
    client_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    # Why the keyring cannot be used, where that is known.
    trouble: StorageError | None = None


def ask_environment(offered: str, console: Console) -> str:
    """Which of Procore's environments; returns its name."""
    choices = {name: e for name, e in ENVIRONMENTS.items() if e is not DEMO}
    explain(console, "Which environment of Procore is it for?")
    for name, environment in choices.items():
        explain(console, environment.meaning, first=f"  {name:<12}", indent=" " * 14)
    default = offered if offered in choices else PRODUCTION.name
    return ask(console, "Environment", _read_environment, offered=default)


def interview(
    settings: Settings, console: Console, save: Callable[[Draft], None], *, may_check: bool = True
) -> None:
    """Ask for everything, until Procore knows the app or the person wants to keep it all the same; save it.

    Where `save` raises StorageError, the store is asked for again, and nothing else.
    Raises RefusedCredentialsError where they keep nothing, click.Abort at Ctrl-C and Ctrl-D.
    """
    name = settings.environment.name
    if settings.is_demo:
        raise UsageMistakeError("The demo needs no configuration.", "Run procore-login signup --env demo")
    known = _find_known(settings, console)
    introduce(name, console)
    client_id, secret = _ask_app(settings, known, console)
    rest = _ask_rest(settings, known, console)
    while may_check and not _is_settled(
        settings, _new_draft(settings, known, client_id, secret, rest), console
    ):
        client_id, secret = _ask_app(settings, replace(known, client_id=client_id, secret=secret), console)
    while error := _try_saving(save, _new_draft(settings, known, client_id, secret, rest)):
        if settings.sources["store"] == _STORE_VARIABLE:
            # Whatever is answered, the variable wins.
            raise error
        explain(console, f"Nothing was saved. {error.message} {error.hint}")
        offered = "file" if isinstance(error, KeyringError) else rest.store
        rest = replace(rest, store=_ask_store(settings, known, console, offered))


def _try_saving(save: Callable[[Draft], None], draft: Draft) -> StorageError | None:
    try:
        save(draft)
    except StorageError as error:
        return error
    return None


def _is_settled(settings: Settings, draft: Draft, console: Console) -> bool:
    """Whether the app is to be kept; False to ask for it again. Raises RefusedCredentialsError."""
    try:
        app_setup.check(settings, draft, console)
    except RefusedCredentialsError:
        explain(console, refused(settings.environment.name))
        if confirm("Enter client id and client secret again?", default=True):
            return False
        if not confirm("Save them all the same?", default=False):
            raise
    return True


def _find_known(settings: Settings, console: Console) -> _Known:
    from procore_cli.config.config_file import load_config

    config = load_config(settings.folder)
    app = config.app(settings.environment.name)
    try:
        return _Known(app, config.store, app_setup.find_kept(settings, console))
    except StorageError as error:
        if settings.store == "keyring" and settings.sources["store"] == _STORE_VARIABLE:
            # No answer could choose another one, and all of them would be lost at the end.
            hint = f"{error.hint} Or unset {_STORE_VARIABLE}, or set it to file."
            raise error.reworded(error.message, hint) from None
        console.warn(f"{error.message} {error.hint}")
        return _Known(app, config.store, None, trouble=error if settings.store == "keyring" else None)


def _offer_store(known: _Known) -> str:
    """The store in force, unless it is a keyring that cannot be used."""
    in_force = os.environ.get(_STORE_VARIABLE) or known.store or "keyring"
    return "file" if in_force == "file" or known.trouble else "keyring"


def _ask_app(settings: Settings, known: _Known, console: Console) -> tuple[str, str | None]:
    """The client id, and the client secret if one was typed now or before."""
    offered = known.client_id or known.app.client_id or settings.client_id
    client_id = ask(console, "Client id", read_client_id, offered=offered)
    typed = known.secret if client_id == known.client_id else None
    stands = bool(typed or app_setup.find_standing(settings, known.kept, client_id))
    if known.kept is not None and not stands:
        explain(console, f"The client secret that is set belongs to the client id {known.kept.client_id}.")
    label = "Client secret (hidden; set, Enter keeps it)" if stands else "Client secret (hidden)"
    if typed:
        # It was refused, and is not saved.
        label = "Client secret (hidden; Enter tries the same again)"
    read = partial(_read_secret_or_none, may_be_empty=stands)
    secret = ask(console, label, read, offered="" if stands else None, hidden=True)
    return client_id, secret or typed


def _ask_rest(settings: Settings, known: _Known, console: Console) -> Changes:
    """Redirect URI, company and store."""
    explain(console, REDIRECT)
    redirect = ask(
        console,
        "Redirect URI",
        partial(_read_redirect, console=console),
        offered=_offer_redirect(known.app),
    )
    kept = known.app.company
    hint = (
        "optional; procore-login api companies lists them"
        if kept is None
        else f"Enter keeps {kept}, none removes it"
    )
    company = ask(console, f"Company id ({hint})", read_company, offered="")
    explain_stores(console)
    store = _ask_store(settings, known, console)
    removed = frozenset({"company"} if company in NONE and kept is not None else ())
    number = int(company) if company.isdigit() else None
    return Changes(redirect_uri=redirect, company=number, store=store, removed=removed)


def _ask_store(settings: Settings, known: _Known, console: Console, offered: str | None = None) -> str:
    read = partial(_read_store, settings=settings, console=console)
    return ask(console, "Store", read, offered=offered or _offer_store(known))


def _offer_redirect(app: AppConfig) -> str:
    text = app.redirect_uri or os.environ.get("PROCORE_REDIRECT_URI") or DEFAULT_REDIRECT_URI
    try:
        return read_redirect_uri(text, _TYPED).text
    except BadUrlError:
        return DEFAULT_REDIRECT_URI


def _new_draft(settings: Settings, known: _Known, client_id: str, secret: str | None, rest: Changes) -> Draft:
    """What differs from what is there."""
    app = known.app
    is_lent_id = app.client_id is None and settings.environment.name == MONTHLY.name
    in_force = (
        settings.client_id if is_lent_id and settings.sources["client id"] != "PROCORE_CLIENT_ID" else None
    )
    redirect = app.redirect_uri or DEFAULT_REDIRECT_URI
    changes = replace(
        rest,
        client_id=None if client_id in (app.client_id, in_force) else client_id,
        redirect_uri=None if rest.redirect_uri == redirect else rest.redirect_uri,
        company=None if rest.company == app.company else rest.company,
        store=None if rest.store == (known.store or "keyring") else rest.store,
    )
    standing = None if secret else app_setup.find_standing(settings, known.kept, client_id)
    kept = known.kept
    is_own = kept is not None and not kept.is_lent and kept.secret == standing
    if is_own and app_setup.find_store(settings, changes) != settings.store:
        return Draft(changes, standing, moves=True, client_id=client_id, source=_TYPED)
    return Draft(changes, secret, standing, client_id=client_id, source=_TYPED)


def _read_environment(text: str) -> str:
    name = text.lower()
    if name in ENVIRONMENTS and name != DEMO.name:
        return name
    if name == DEMO.name:
        raise UsageMistakeError("The demo needs no configuration.", "Run procore-login signup --env demo")
    from procore_cli.config.config_file import unknown_environment

    raise unknown_environment(text, _TYPED, [each for each in ENVIRONMENTS if each != DEMO.name])


def _read_secret_or_none(text: str, *, may_be_empty: bool) -> str | None:
    return None if may_be_empty and not text else read_secret(text)


def _read_redirect(text: str, *, console: Console) -> str:
    uri = read_redirect_uri(text, _TYPED)
    for line in advise(uri):
        explain(console, line, first="  ", indent="  ")
    return uri.text


def _read_store(text: str, *, settings: Settings, console: Console) -> str:
    store = text.lower()
    if store not in ("keyring", "file"):
        raise UsageMistakeError("There are two stores:", "keyring and file.")
    if store == "keyring":
        try:
            app_setup.prove_keyring(settings, console)
        except StorageError as error:
            hint = "Type file, or Ctrl-C to stop and mend the keyring."
            raise UsageMistakeError(error.message, hint) from None
    return store
