"""Whether Procore knows an app, asked before a person is sent to the browser; spends and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procore_cli.grants import AppCredentials
from procore_cli.models import Environment

if TYPE_CHECKING:
    from procore_cli.procore.oauth import OAuth
    from procore_cli.procore.probe import Probe


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
    from procore_cli.procore.answers import new_refused_credentials
    from procore_cli.procore.probe import Verdict

    probe = oauth.probe(app, redirect_uri)
    if probe.verdict is Verdict.REFUSED:
        raise new_refused_credentials(environment, app)
    if probe.verdict is Verdict.UNCLEAR:
        warn(
            f"{environment.name}: whether client id and client secret are right could not be found out;"
            f" Procore answered {probe.words}."
        )
    return probe
