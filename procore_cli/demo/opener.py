"""The demo user in place of a browser, where none can be opened; refuses to hold the sign-in up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from procore_cli.threads import start


@dataclass(frozen=True)
class VisitorOpener:
    """Opens links as the demo user, in a thread of its own; `give_up` hears of a visit that failed."""

    give_up: Callable[[Exception], None]
    name: str = "the demo user, who signs in by itself since no browser can be opened here"

    def open(self, url: str) -> bool:
        """Start the visit, without waiting for its end."""
        import threading

        start(threading.Thread(target=self._visit, args=(url,), name="demo-user", daemon=True))
        return True

    def _visit(self, url: str) -> None:
        from procore_cli.demo.visitor import check_return, visit

        try:
            check_return(visit(url), url)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else waits for this thread
            self.give_up(error)
