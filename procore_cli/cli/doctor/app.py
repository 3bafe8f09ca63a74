"""The app's client id and client secret: there, made for what is in force, and known to Procore."""

from __future__ import annotations

from collections.abc import Iterator

from procore_cli.cli.doctor.case import PRETEND, Case
from procore_cli.cli.doctor.check import Check, failed, fine, unchecked, warning
from procore_cli.errors import MissingCredentialsError, ProcoreLoginError, StorageError
from procore_cli.grants import AppCredentials

_NAME = "credentials"
_CLOCK = "clock"
# Settings whose faults leave it open to whom the secret would go, or which secret it is.
_GROUNDS = (
    "config",
    "PROCORE_CLIENT_ID",
    "PROCORE_CLIENT_SECRET",
    "PROCORE_LOGIN_URL",
    "PROCORE_LOGIN_STORE",
    PRETEND,
)
# Requests and clocks take time; what is beyond this is a clock that is wrong.
_MOST_SKEW_S = 60


def check_app(case: Case) -> Iterator[Check]:
    """The app in force, and what Procore's token endpoint says to it and to a code that cannot exist."""
    fault = next((name for name in _GROUNDS if name in case.in_force.faults), None)
    if fault:
        yield unchecked(_NAME, f"{fault} is not in order")
        return
    try:
        app = _find_app(case)
        yield _ask(case, app)
    except StorageError as error:
        # Told before, where the keyring was looked at.
        yield (
            unchecked(_NAME, "the keyring cannot be used")
            if "keyring" in case.broken
            else failed(_NAME, error)
        )
    except MissingCredentialsError as error:
        # What is kept in the data folder may name it.
        yield (
            unchecked(_NAME, "the data folder cannot be used")
            if "data folder" in case.broken
            else failed(_NAME, error)
        )
    except ProcoreLoginError as error:
        yield failed(_NAME, error)


def check_clock(case: Case) -> Iterator[Check]:
    """This machine's clock beside the server's Date."""
    if case.offline:
        yield fine(_CLOCK, "--offline: not compared with Procore's")
        return
    if case.server_ahead_s is None:
        yield unchecked(_CLOCK, "no server told its time")
        return
    ahead = round(case.server_ahead_s)
    if abs(ahead) <= _MOST_SKEW_S:
        yield fine(_CLOCK, f"within {_MOST_SKEW_S} s of Procore's")
        return
    yield warning(
        _CLOCK,
        f"this machine's clock is {_words(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} Procore's.",
        "Set the clock (sudo timedatectl set-ntp true). How long tokens live is counted by this clock alone,"
        " so a steady difference does little harm; a clock that is set while tokens live does.",
    )


def _find_app(case: Case) -> AppCredentials:
    from procore_cli.flows.credentials import find_app

    if "keyring" in case.broken and not (case.settings.is_demo or case.settings.client_secret):
        if not case.settings.client_id:
            # The missing id is the more telling of the two, and needs no keyring to be found.
            return find_app(case.settings, case.storage.client_secrets)
        raise StorageError("The keyring cannot be used.", "See the line about the keyring above.")
    return find_app(case.settings, case.storage.client_secrets)


def _ask(case: Case, app: AppCredentials) -> Check:
    found = f"client id {app.client_id} (from {app.source}) and its client secret are there"
    if case.offline:
        return fine(_NAME, f"{found}; --offline: Procore was not asked")
    if "login host" in case.broken:
        return unchecked(_NAME, f"{found}, but the login host was not reached, or not checked")
    from procore_cli.client.oauth import OAuth, Verdict
    from procore_cli.client.responses import new_refused_credentials

    environment = case.settings.environment
    probe = OAuth(case.transport, environment, case.clock).probe(app, case.settings.redirect_uri.text)
    if probe.verdict is Verdict.REFUSED:
        return failed(_NAME, new_refused_credentials(environment, app))
    if probe.verdict is Verdict.UNCLEAR:
        return warning(
            _NAME,
            f"{found}; whether they are right could not be found out: {case.name} answered {probe.words}.",
            f"Try it: procore-login signin --env {case.name}",
        )
    return fine(
        _NAME, f"{case.name} knows client id {app.client_id} (from {app.source}) with its client secret"
    )


def _words(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} days"
