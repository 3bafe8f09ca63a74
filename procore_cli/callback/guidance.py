"""The words about one sign-in: what to do where it runs, with the ways back that are open there."""

from __future__ import annotations

from dataclasses import dataclass

from procore_cli.callback.browser import Place
from procore_cli.config.urls import RedirectUri

# What a container needs so that the browser of its host finds the listener.
_ON_HOSTS_NETWORK = (
    "docker run -it --user $(id -u) --network host -e PROCORE_LOGIN_HOME=/tmp/procore-login IMAGE"
)


@dataclass(frozen=True)
class Guidance:
    """The words for one sign-in: where it runs, whether it listens, and whether a paste is possible."""

    redirect: RedirectUri
    place: Place
    listens: bool
    pastes: bool

    def before_link(self, *, is_opened: bool) -> str | None:
        """What must be known before the link is followed, or None."""
        if not self.redirect.on_loopback or (is_opened and self.place is not Place.SSH):
            return None
        match self.place:
            case Place.SSH:
                where = "You are connected over SSH: the last page will not load in your browser."
                return f"{where} {self._paste_or_forward()}"
            case Place.NO_DISPLAY:
                where = "There is no display here: on another machine the last page will not load."
                return f"{where} {self._paste_or_forward()}"
            case Place.WSL:
                back = ", which finds its way back here by itself" if self.listens else ""
                return f"This is WSL: open the link in the browser of Windows{back}."
            case Place.CONTAINER if not self.pastes:
                return (
                    "This looks like a container: the last page will not load in your browser, unless an"
                    f" editor forwards port {self.redirect.port} or the container has the host's network:"
                    f" `{_ON_HOSTS_NETWORK}`"
                )
            case _:
                return None

    def portal(self) -> str:
        """What to look at when Procore shows an error page."""
        return (
            "If Procore shows an error page, the redirect URI in the portal must be exactly"
            f" `{self.redirect.text}`"
        )

    def foreign(self) -> str:
        """What to do where another user's connection was refused."""
        way = "run the command as the user whose browser it is"
        if self.place is Place.CONTAINER:
            way = f"run the container with `{_ON_HOSTS_NETWORK}`"
        return f"If that was your browser, {way}, or paste the address that it ended on."

    def paste(self) -> str:
        """What to paste."""
        if self.redirect.is_oob:
            return "Then paste the code that Procore shows here."
        if self.listens:
            return "If the last page does not load, paste its address here."
        return "At the end, paste the address of the last page here, whatever that shows."

    def _paste_or_forward(self) -> str:
        forward = f"orward the port first: `ssh -L {self.redirect.port}:localhost:{self.redirect.port} HOST`"
        if not self.listens:
            return "Paste its address here."
        return f"Paste its address here, or f{forward}" if self.pastes else f"F{forward}"
