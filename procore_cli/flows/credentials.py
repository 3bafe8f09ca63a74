"""Which app signs in, and what its tokens belong to; refuses to pair a secret or a token with a stranger.

Whatever is stored records the client id and the origins that it was made for (contract, *Secrets*).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.config.environments import ENVIRONMENTS, MONTHLY, PRODUCTION
from procore_cli.config.settings import Settings
from procore_cli.config.urls import LOOPBACK_HOSTS, find_origin
from procore_cli.errors import BindingError, MissingCredentialsError
from procore_cli.grants import AppCredentials
from procore_cli.models import Environment

if TYPE_CHECKING:
    from procore_cli.client.oauth import OAuth, Probe
    from procore_cli.grants import Binding
    from procore_cli.storage.files import ClientSecrets


def find_app(settings: Settings, secrets: ClientSecrets) -> AppCredentials:
    """The app in force, with its secret. Raises MissingCredentialsError, BindingError, StorageError."""
    from procore_cli.grants import AppCredentials

    source = settings.sources["client id"]
    if settings.is_demo:
        from procore_cli.demo.seed import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET

        _check_demo(settings)
        return AppCredentials(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, source)
    if not settings.client_id:
        raise _missing(settings, "client id")
    if settings.client_secret:
        return AppCredentials(settings.client_id, settings.client_secret, source, "PROCORE_CLIENT_SECRET")
    secret, kept_in = _find_secret(settings, secrets), f"the {settings.store} store"
    return AppCredentials(settings.client_id, secret, source, kept_in)


def save_secret(settings: Settings, secrets: ClientSecrets, client_id: str | None, secret: str) -> None:
    """Keep a client secret for the client id and login origin in force. Raises StorageError."""
    belongs_to = client_id or settings.client_id
    if belongs_to is None:
        raise _missing(settings, "client id")
    secrets.save(belongs_to, settings.login_origin, secret)


def check_tokens(settings: Settings, made_for: Binding) -> None:
    """Refuse tokens that were made for another app or host than those in force. Raises BindingError."""
    what = f"The kept tokens of {settings.environment.name} were"
    if settings.is_demo:
        _check_demo(settings)
    else:
        _check_id(what, made_for.client_id, settings)
    _check_login(what, made_for.login_origin, settings)
    own, variable = find_origin(ENVIRONMENTS[settings.environment.name].api_url), "PROCORE_API_URL"
    _check_url(what, "API URL", made_for.api_origin, settings.api_origin, own, variable)


def _find_secret(settings: Settings, secrets: ClientSecrets) -> str:
    name = settings.environment.name
    stored = secrets.find(name)
    if stored is None and name == MONTHLY.name:
        name = PRODUCTION.name
        stored = secrets.find(name)
    if stored is None:
        raise _missing_secret(settings, secrets)
    what = f"The kept client secret of {name} was"
    _check_id(what, stored.client_id, settings)
    if not fits_login(settings, stored.login_origin, is_lent=name != settings.environment.name):
        _check_login(what, stored.login_origin, settings)
    return stored.secret


def fits_login(settings: Settings, login_origin: str, *, is_lent: bool) -> bool:
    """Whether a client secret that was kept for a login origin may go to the one in force.

    `is_lent`: it is production's, for the monthly sandbox, which takes it (Procore's own rule) at its own
    host alone.
    """
    if is_lent:
        usual = (find_origin(PRODUCTION.login_url), find_origin(MONTHLY.login_url))
        return (login_origin, settings.login_origin) == usual
    return login_origin == settings.login_origin


def _check_demo(settings: Settings) -> None:
    # Its tokens record no origin, since its port changes; so the rule is that it is on this machine.
    urls = {
        "PROCORE_LOGIN_URL": settings.environment.login_url,
        "PROCORE_API_URL": settings.environment.api_url,
    }
    for setting, url in urls.items():
        if url and urlsplit(url).hostname not in LOOPBACK_HOSTS:
            raise BindingError(
                f"demo: made for http://localhost, but {find_origin(url)} is in force (see {setting})."
                " Nothing was sent.",
                f"Unset {setting}, or name the environment that it belongs to: --env {PRODUCTION.name}",
            )


def _check_id(what: str, made_for: str, settings: Settings) -> None:
    in_force, source, variable = settings.client_id, settings.sources["client id"], "PROCORE_CLIENT_ID"
    if in_force in (None, made_for) or source == variable:
        _check(what, "client id", made_for, in_force, source)
        return
    raise BindingError(
        f"{what} made for the client id {made_for}, but {in_force} is in force (see {source}; {variable} is"
        " not set). Nothing was sent.",
        f"Set {variable} to {made_for} again, or correct {source}; or, if the new client id is right, run"
        " procore-login configure for it, then procore-login signin.",
    )


def _check_login(what: str, made_for: str, settings: Settings) -> None:
    own, variable = find_origin(ENVIRONMENTS[settings.environment.name].login_url), "PROCORE_LOGIN_URL"
    _check_url(what, "login URL", made_for, settings.login_origin, own, variable)


def _check_url(what: str, noun: str, made_for: str, in_force: str, own: str, variable: str) -> None:
    if in_force == made_for or in_force != own:
        _check(what, noun, made_for, in_force, variable)
        return
    raise BindingError(
        f"{what} made for the {noun} {made_for}, but {in_force} is in force ({variable} is not set)."
        " Nothing was sent.",
        f"Set {variable} to {made_for} again; or, if the new {noun} is right, run procore-login configure"
        " for it, then procore-login signin.",
    )


def _check(what: str, noun: str, made_for: str, in_force: str | None, setting: str) -> None:
    if in_force in (None, made_for):
        return
    raise BindingError(
        f"{what} made for the {noun} {made_for}, but {in_force} is in force (see {setting})."
        " Nothing was sent.",
        f"Correct {setting}; or, if the new {noun} is right, run procore-login configure for it, then"
        " procore-login signin.",
    )


def _missing_secret(settings: Settings, secrets: ClientSecrets) -> MissingCredentialsError:
    name = settings.environment.name
    lender = PRODUCTION.name if name == MONTHLY.name else name
    damaged = next((each for each in dict.fromkeys((name, lender)) if secrets.is_damaged(each)), None)
    if damaged is None:
        return _missing(settings, "client secret")
    return MissingCredentialsError(
        f"The client secret of {damaged} that the {settings.store} store keeps is damaged.",
        f"Give it again: procore-login configure --env {damaged} --client-secret-stdin",
    )


def _missing(settings: Settings, what: str) -> MissingCredentialsError:
    name = settings.environment.name
    variable = "PROCORE_CLIENT_" + what.removeprefix("client ").upper()
    if settings.in_exec and what == "client secret":
        return MissingCredentialsError(
            f"There is no {what} for {name}: exec hands none on to the commands that it runs.",
            f"Keep it where they find it: procore-login configure --env {name}",
        )
    return MissingCredentialsError(
        f"There is no {what} for {name}.",
        f"Run procore-login configure --env {name}, or set {variable}."
        " To try without an account: procore-login signup --env demo",
    )


def prepare(settings: Settings, environ: Mapping[str, str]) -> None:
    """Find out what would end an exchange with the login server before it begins; connects to nobody.

    Raises CaFileError, BadUrlError.
    """
    from procore_cli.client.transport import Transport, find_proxy

    if settings.is_demo:
        return
    url = settings.environment.login_url
    find_proxy(url, environ)
    with closing(Transport(environ, settings.ca_bundle)) as transport:
        transport.prepare(url)


@contextmanager
def open_oauth(
    settings: Settings, environ: Mapping[str, str], trace: Callable[[str], None], clock: Callable[[], float]
) -> Iterator[OAuth]:
    """The environment's OAuth server, for one question; `trace` takes a line for each exchange."""
    from procore_cli.client.oauth import OAuth
    from procore_cli.client.transport import Transport

    with closing(Transport(environ, settings.ca_bundle, trace)) as transport:
        yield OAuth(transport, settings.environment, clock)


def check_app(
    oauth: OAuth,
    app: AppCredentials,
    redirect_uri: str,
    environment: Environment,
    warn: Callable[[str], None],
) -> Probe:
    """Ask Procore about client id and client secret; an answer that says neither yes nor no is warned of.

    Raises RefusedCredentialsError, and any ProcoreError where no answer came.
    """
    from procore_cli.client.oauth import Verdict
    from procore_cli.client.responses import new_refused_credentials

    probe = oauth.probe(app, redirect_uri)
    if probe.verdict is Verdict.REFUSED:
        raise new_refused_credentials(environment, app)
    if probe.verdict is Verdict.UNCLEAR:
        warn(
            f"{environment.name}: whether client id and client secret are right could not be found out;"
            f" Procore answered {probe.words}."
        )
    return probe
