"""What `configure` says about the Developer Portal, redirect URIs and stores; asks nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.cli.prompts import explain
from procore_cli.config.environments import FEDERAL, MONTHLY, PRODUCTION, SANDBOX

if TYPE_CHECKING:
    from procore_cli.config.urls import RedirectUri
    from procore_cli.render import Teller


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


def introduce(environment: str, teller: Teller) -> None:
    """Where the values are found."""
    explain(
        teller,
        "The values are in Procore's Developer Portal, https://developers.procore.com: My Apps, then your"
        " app, then its OAuth credentials.",
    )
    explain(teller, _CREDENTIALS[environment])


def explain_stores(teller: Teller) -> None:
    """Where secrets can be kept."""
    explain(teller, "Where the tokens and the client secrets of all environments are kept:")
    for name, meaning in _STORES.items():
        explain(teller, meaning, first=f"  {name:<9}", indent=" " * 11)


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
