"""The embedded Procore: a real HTTP server on loopback that lives inside the command that needs it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from procore_cli.config.environments import AUTHORIZE_PATH, DEMO, REVOKE_PATH, TOKEN_INFO_PATH, TOKEN_PATH
from procore_cli.demo.api import Api
from procore_cli.demo.control import CONTROL_PATH, Calls, Control
from procore_cli.demo.exchange import (
    Answer,
    Call,
    Header,
    RefusedCallError,
    compile_path,
    find_id,
    new_errors,
)
from procore_cli.demo.http_server import HOST, HttpServer
from procore_cli.demo.oauth import Provider
from procore_cli.demo.pages import LOGIN_PATH, SignInDesk
from procore_cli.demo.responses import Responses
from procore_cli.demo.seed import SAMPLE, Seed
from procore_cli.demo.state import DemoState
from procore_cli.errors import PortTakenError

# The embedded Procore issues what Procore issues today.
TOKEN_LIFETIME_S = 5400
_HOURLY_LIMIT = 3600


class DemoServer(HttpServer):
    """A pretend Procore over `<data folder>/demo`; several may run over one folder at once.

    It answers within a `with` block. `clock` gives seconds since the epoch (UTC), `port` 0 is any free one.
    `seed` replaces companies and projects.
    """

    def __init__(
        self,
        data_folder: Path,
        clock: Callable[[], float],
        port: int = 0,
        *,
        seed: Seed | None = None,
        calls: Calls | None = None,
        lifetime_s: int = TOKEN_LIFETIME_S,
    ) -> None:
        """Raises DataFolderError, DatabaseError, PortTakenError."""
        self.state = DemoState(data_folder, seed)
        self.calls = calls or Calls()
        self.responses = Responses((seed or SAMPLE).responses)
        self.provider = Provider(self.state, clock, lifetime_s)
        self.control = Control(self.state, self.provider, self.responses, self.calls, clock, lifetime_s)
        self._clock = clock
        self._count = itertools.count()
        try:
            super().__init__(port)
        except OSError as error:
            raise PortTakenError(
                f"The pretend Procore (demo) cannot listen on {HOST}:{port}: {error.strerror}.",
                "Stop the program that holds the port, or choose another port.",
                environment=DEMO.name,
            ) from error
        desk = SignInDesk(self.provider, self.state, self.server_port)
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", LOGIN_PATH, desk.show_login),
            ("POST", LOGIN_PATH, desk.log_in),
            ("GET", AUTHORIZE_PATH, desk.show_consent),
            ("POST", AUTHORIZE_PATH, desk.decide),
            ("POST", TOKEN_PATH, self.provider.issue_token),
            ("POST", REVOKE_PATH, self.provider.revoke),
            ("GET", TOKEN_INFO_PATH, self.provider.show_token_info),
            *Api(self.provider, self.state, clock).list_routes(),
            *self.control.list_routes(),
        ]
        self._routes = [(method, compile_path(path), route) for method, path, route in routes]

    def close(self) -> None:
        """Stop listening, and let go of whoever waits for a canned answer."""
        self.responses.end()
        super().close()

    def answer(self, call: Call) -> Answer:
        """What a call gets; those below /demo/ are not noted."""
        is_control = call.path.startswith(CONTROL_PATH)
        try:
            answer = (None if is_control else self.responses.find(call)) or self._route(call)
        except RefusedCallError as refusal:
            answer = refusal.answer
        # What went wrong is the client's news: the command around us reports the 500.
        except Exception:  # noqa: BLE001
            answer = new_errors(500, "The pretend Procore failed.")
        if not is_control:
            answer = replace(answer, headers=(*self._new_limits(), *answer.headers))
            self.calls.note(call, answer)
        return answer

    def _new_limits(self) -> list[Header]:
        """Where the hour's limit stands; it begins anew before it is used up: nobody is refused for it."""
        left = _HOURLY_LIMIT - 1 - next(self._count) % (_HOURLY_LIMIT - 1)
        ends_at = (int(self._clock()) // 3600 + 1) * 3600
        shown = {"Limit": _HOURLY_LIMIT, "Remaining": left, "Reset": ends_at}
        return [(f"X-Rate-Limit-{name}", str(number)) for name, number in shown.items()]

    def _route(self, call: Call) -> Answer:
        # A HEAD is a GET whose body stays here (RFC 9110, section 9.3.2).
        method = "GET" if call.method == "HEAD" else call.method
        for wanted, pattern, route in self._routes:
            # Procore takes a path with a slash at its end for the same.
            found = pattern.fullmatch(call.path.rstrip("/")) if wanted == method else None
            if found and all(find_id(text) for text in found.groups()):
                return route(call, *map(int, found.groups()))
        return new_errors(404, "Not found.")
