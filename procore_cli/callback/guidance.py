"""What a person is told about the way to the browser and back, as texts; refuses to say any of it itself."""

from __future__ import annotations

from dataclasses import dataclass

from procore_cli.callback.place import Place
from procore_cli.urls import RedirectUri


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
        words = {
            Place.SSH: self._over_ssh,
            Place.WSL: self._in_wsl,
            Place.CONTAINER: self._in_container,
            Place.NO_DISPLAY: self._without_display,
        }
        return words[self.place]() if self.place in words else None

    def portal(self) -> str:
        """What to look at when Procore shows an error page; without a full stop."""
        return (
            "If Procore shows an error page, the redirect URI in the portal must be exactly"
            f" {self.redirect.text}"
        )

    def foreign(self) -> str:
        """What to do where another user's connection was refused; without a full stop."""
        way = (
            "run the container with docker run -it --user $(id -u) --network host"
            if self.place is Place.CONTAINER
            else "run the command as the user whose browser it is"
        )
        return f"If that was your browser, {way}, or paste the address that it ended on"

    def paste(self) -> str:
        """What to paste."""
        if self.redirect.is_oob:
            return "Then paste the code that Procore shows here."
        if self.listens:
            return "If the page cannot be loaded at the end, paste its address here."
        return "At the end, paste the address of the page here, even if it cannot be loaded."

    def _over_ssh(self) -> str:
        return f"You are connected over SSH: at the end {self._fails_to_load()}. {self._paste_or_forward()}"

    def _in_wsl(self) -> str:
        back = " It finds its way back here by itself." if self.listens else ""
        return (
            f"This is WSL: open the link in the browser of Windows.{back}"
            " With wslu installed, --browser wslview opens it for you."
        )

    def _in_container(self) -> str:
        paste = " Or paste its address here." if self.pastes else ""
        return (
            f"This looks like a container: at the end {self._fails_to_load()}, unless the container uses"
            " the host's network as the user whose browser it is (docker run --user $(id -u) --network host)"
            f" or an editor forwards port {self.redirect.port}.{paste}"
        )

    def _without_display(self) -> str:
        return (
            f"There is no display here: if you open the link on another machine, {self._fails_to_load()}"
            f" at the end. {self._paste_or_forward()}"
        )

    def _fails_to_load(self) -> str:
        return f"the browser will fail to load {self.redirect.text}"

    def _paste_or_forward(self) -> str:
        port = self.redirect.port
        forward = f"orward the port first: ssh -L {port}:localhost:{port} ..."
        if not self.listens:
            return "Paste its address here."
        return f"Paste its address here, or f{forward}" if self.pastes else f"F{forward}"
