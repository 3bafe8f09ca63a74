"""Whether Procore knows an app, asked before a person is sent to the browser; spends and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from procore_cli.grants import AppCredentials
from procore_cli.models import Environment

if TYPE_CHECKING:
    from procore_cli.client.oauth import OAuth, Probe
    from procore_cli.config.settings import Settings


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
