"""`configure --remove`: an environment's credentials taken away; its accounts and their tokens stay."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from procore_cli.cli.prompts import can_ask, confirm
from procore_cli.errors import UsageMistakeError
from procore_cli.flows.app_setup import check_removable, list_signed_in, remove_app

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.render import Teller


_VARIABLES = ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET", "PROCORE_REDIRECT_URI", "PROCORE_COMPANY_ID")


def remove(settings: Settings, teller: Teller, *, is_agreed: bool) -> None:
    """Remove client secret, client id, redirect URI and company, once the person agrees.

    Raises UsageMistakeError where nobody can be asked, ConfigurationError, StorageError, click.Abort.
    """
    check_removable(settings)
    name = settings.environment.name
    if not is_agreed and not can_ask():
        raise UsageMistakeError(
            f"Nobody can be asked whether to remove the credentials of {name}: this is not a terminal.",
            "Pass --yes as well.",
        )
    _say_who_is_signed_in(settings, teller)
    if not is_agreed and not confirm(f"Remove the credentials of {name}?", default=False):
        teller.say("Nothing was removed.")
        return
    is_removed = remove_app(settings, teller)
    teller.say(f"Removed the credentials of {name}." if is_removed else f"{name} has no credentials here.")
    left = [variable for variable in _VARIABLES if os.environ.get(variable)]
    if left:
        teller.warn(f"{name}: variables that are still set go on to count: {', '.join(left)}.")


def _say_who_is_signed_in(settings: Settings, teller: Teller) -> None:
    name = settings.environment.name
    people = list_signed_in(settings, teller)
    if people:
        teller.warn(
            f"Still signed in to {name}: {', '.join(people)}. Without the client secret their tokens can be"
            f" neither refreshed nor revoked; to sign out first: procore-login signout --all --env {name}"
        )
