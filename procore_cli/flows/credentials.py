"""Which app signs in, and what its tokens belong to; refuses to pair a secret or a token with a stranger.

Whatever is stored records the client id and the origins that it was made for (contract, *Secrets*).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli import log
from procore_cli.config.environments import (
    DEMO,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    MONTHLY,
    PRODUCTION,
)
from procore_cli.config.settings import Settings
from procore_cli.config.urls import LOOPBACK_HOSTS, find_origin
from procore_cli.config.variables import VARIABLES
from procore_cli.errors import BindingError, MissingCredentialsError
from procore_cli.grants import AppCredentials
from procore_cli.models import Binding, Environment, command
from procore_cli.storage.files import NoKeyringError

if TYPE_CHECKING:
    from procore_cli.client.oauth import OAuth, Probe
    from procore_cli.storage.files import ClientSecrets, StoredSecret


def find_app(settings: Settings, secrets: ClientSecrets) -> AppCredentials:
    """The app in force, with its secret. Raises MissingCredentialsError, BindingError, StorageError."""
    given = find_given_app(settings)
    if given is not None:
        return given
    if not settings.client_id:
        raise new_missing(settings, "client id")
    source, secret_source = settings.sources["client id"], settings.sources["client secret"]
    return AppCredentials(settings.client_id, _find_secret(settings, secrets), source, secret_source)


def find_given_app(settings: Settings) -> AppCredentials | None:
    """The app in force, if its secret needs no store: the demo's own, or one from a variable.

    Raises BindingError.
    """
    source, secret_source = settings.sources["client id"], settings.sources["client secret"]
    if settings.is_demo:
        _check_demo(settings)
        return AppCredentials(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, source)
    if settings.client_id and settings.client_secret:
        return AppCredentials(settings.client_id, settings.client_secret, source, secret_source)
    return None


def check_tokens(settings: Settings, made_for: Binding) -> None:
    """Refuse tokens that were made for another app or host than those in force. Raises BindingError."""
    name = settings.environment.name
    what = f"The kept tokens of {name} were"
    if settings.is_demo:
        _check_demo(settings)
    _check(settings, name, what, "client id", made_for.client_id, settings.client_id)
    _check(settings, name, what, "login URL", made_for.login_origin, settings.login_origin)
    _check(settings, name, what, "API URL", made_for.api_origin, settings.api_origin)


def is_kept_for(settings: Settings, stored: StoredSecret, client_id: str) -> bool:
    """Whether a stored client secret belongs to a client id, and may go to the login URL in force."""
    return stored.client_id == client_id and _fits_login(settings, stored)


def find_stored(settings: Settings, secrets: ClientSecrets) -> StoredSecret | None:
    """The client secret that is kept, or production's for the monthly sandbox. Raises StorageError."""
    stored = secrets.find()
    is_monthly = settings.environment.name == MONTHLY.name
    return secrets.find(PRODUCTION.name) if stored is None and is_monthly else stored


def _find_secret(settings: Settings, secrets: ClientSecrets) -> str:
    try:
        stored = find_stored(settings, secrets)
    except NoKeyringError:
        # To a newcomer the secret is missing, whatever it could have been kept in.
        raise new_missing(settings, "client secret", ", and no keyring to look in") from None
    if stored is None:
        raise _missing_secret(settings, secrets)
    owner, what = stored.environment, f"The kept client secret of {stored.environment} was"
    _check(settings, owner, what, "client id", stored.client_id, settings.client_id)
    if not _fits_login(settings, stored):
        _check(settings, owner, what, "login URL", stored.login_origin, settings.login_origin)
    return stored.secret


def _fits_login(settings: Settings, stored: StoredSecret) -> bool:
    """Whether a secret may go to the login URL in force.

    The monthly sandbox takes production's (Procore's own rule), at its own host alone.
    """
    if stored.environment == settings.environment.name:
        return stored.login_origin == settings.login_origin
    usual = (find_origin(PRODUCTION.login_url), find_origin(MONTHLY.login_url))
    return (stored.login_origin, settings.login_origin) == usual


def _check_demo(settings: Settings) -> None:
    # Its tokens record no origin, since its port changes; so the rule is that it is on this machine.
    for setting, url in (
        ("login URL", settings.environment.login_url),
        ("API URL", settings.environment.api_url),
    ):
        if url and urlsplit(url).hostname not in LOOPBACK_HOSTS:
            variable = VARIABLES[setting]
            raise BindingError(
                f"made for http://localhost, but {find_origin(url)} is in force (see {variable})."
                " Nothing was sent.",
                f"Unset {variable}, or name the environment that it belongs to: `--env {PRODUCTION.name}`",
                setting=setting,
                source=variable,
            )


def _check(
    settings: Settings, owner: str, what: str, setting: str, made_for: str, in_force: str | None
) -> None:
    """Refuse another value than the one that something of `owner`'s was made for. Raises BindingError."""
    if in_force in (None, made_for):
        return
    source, variable, name = settings.sources[setting], VARIABLES[setting], settings.environment.name
    if source == variable:
        seen, mend = f"see {variable}", f"Correct {variable}"
    elif setting == "client id":
        seen = f"see {source}; {variable} is not set"
        mend = f"Set {variable} to {made_for} again, or correct {source}"
    else:
        seen, mend = f"{variable} is not set", f"Set {variable} to {made_for} again"
    raise BindingError(
        f"{what} made for the {setting} {made_for}, but {in_force} is in force ({seen}). Nothing was sent.",
        f"{mend}; or, if the new {setting} is right, {command('configure', name)} for it, then"
        f" {command('signin', name)}",
        environment=_own(settings, owner),
        setting=setting,
        source=source,
    )


def _own(settings: Settings, owner: str) -> str:
    # Where production's name stands in the text, monthly's is put in front of it all the same.
    return owner if owner == settings.environment.name else ""


def _missing_secret(settings: Settings, secrets: ClientSecrets) -> MissingCredentialsError:
    name = settings.environment.name
    lender = PRODUCTION.name if name == MONTHLY.name else name
    damaged = next((each for each in dict.fromkeys((name, lender)) if secrets.is_damaged(each)), None)
    if damaged is None:
        return new_missing(settings, "client secret")
    return MissingCredentialsError(
        f"The client secret of {damaged} that the {settings.store} store keeps is damaged.",
        f"Give it again: {command('configure --client-secret-stdin', damaged)}",
        environment=_own(settings, damaged),
    )


def new_missing(settings: Settings, what: str, beside: str = "") -> MissingCredentialsError:
    """The error for a client id or client secret that is nowhere; `beside` says what else is missing."""
    name = settings.environment.name
    if settings.in_exec and what == "client secret":
        return MissingCredentialsError(
            f"There is no {what} for {name}: exec hands none on to the commands that it runs.",
            f"Keep it where they find it: {command('configure', name)}",
            environment=name,
        )
    return MissingCredentialsError(
        f"There is no {what} for {name}{beside}.",
        f"Run {command('configure', name)}, or set {VARIABLES[what]};"
        f" or try it without an account: {command('signup', DEMO.name)}",
        environment=name,
    )


@log.phase("check of the app")
def check_app(oauth: OAuth, app: AppCredentials, redirect_uri: str, environment: Environment) -> Probe:
    """Ask Procore about client id and client secret; an answer that says neither yes nor no is warned of.

    Raises RefusedCredentialsError, and any ProcoreError where no answer came.
    """
    # What only looks at the rows comes by this module, too.
    from procore_cli.client.oauth import Verdict
    from procore_cli.client.responses import new_refused_credentials

    probe = oauth.probe(app, redirect_uri)
    if probe.verdict is Verdict.REFUSED:
        raise new_refused_credentials(environment, app)
    if probe.verdict is Verdict.UNCLEAR:
        log.warn(
            f"{environment.name}: whether client id and client secret are right could not be found out;"
            f" Procore answered {probe.words}."
        )
    return probe
