"""Whether Procore's login host answers, found out in a thread of its own while a browser is waited for.

Refuses to hold a sign-in up, and to end it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from procore_cli.errors import NoThreadError, ProcoreLoginError
from procore_cli.threads import start


class Question:
    """One sign-in's question; `trouble` is why the host does not answer, None while it is not known to."""

    def __init__(self, reach: Callable[[], None] | None) -> None:
        """`reach` raises where the host does not answer; None where that is not in question."""
        self._reach = reach
        self._has_news = False
        self.trouble: str | None = None

    def begin(self) -> None:
        """Ask; where that is not in question, or no thread is to be had, the host counts as answering."""
        if self._reach is not None:
            with contextlib.suppress(NoThreadError):
                start(threading.Thread(target=self._run, args=(self._reach,), name="reach", daemon=True))
                return
        self._has_news = True

    def take_news(self) -> bool:
        """Whether the answer has come since this was asked last."""
        has_news, self._has_news = self._has_news, False
        return has_news

    def _run(self, reach: Callable[[], None]) -> None:
        try:
            reach()
        except ProcoreLoginError as error:
            # What was or was not sent is nothing that the person has asked for.
            self.trouble = error.message.removesuffix(" Nothing was sent.")
        except Exception:  # noqa: BLE001, S110 - a bug in here is no reason to end a sign-in
            pass
        finally:
            self._has_news = True
