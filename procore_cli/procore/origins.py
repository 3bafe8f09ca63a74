"""Where secrets may go: a form to the login origin, a bearer to the API origin, nothing anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.errors import BindingError, TokenRefusedError
from procore_cli.urls import find_origin, is_at

if TYPE_CHECKING:
    from procore_cli.models import Environment


def check_destination(url: str, environment: Environment, form: str | None, bearer: str | None) -> None:
    """Refuse what must not go to `url`. Raises BindingError; TokenRefusedError for a bearer that is none."""
    if form is not None:
        _check_origin(url, environment.login_url, environment)
    if bearer is not None:
        _check_origin(url, environment.api_url, environment)
        _check_bearer(bearer, environment)


def _check_origin(url: str, base_url: str, environment: Environment) -> None:
    if not is_at(url, base_url):
        raise BindingError(
            f"{environment.name}: {find_origin(url)} is not {find_origin(base_url)}; nothing was sent.",
            "Check PROCORE_LOGIN_URL and PROCORE_API_URL.",
        )


def _check_bearer(bearer: str, environment: Environment) -> None:
    # Anything else could end the header and begin another (RFC 6750, section 2.1).
    if not bearer or not all("!" <= character <= "~" for character in bearer):
        raise TokenRefusedError(
            f"{environment.name}: this access token cannot be one (it is empty, or has an odd character).",
            "If it comes from PROCORE_ACCESS_TOKEN, set that again without spaces and line ends.",
        )
