"""The embedded Procore: a real HTTP server on loopback that lives inside the command that needs it.

Refuses any address but 127.0.0.1, and to be imported slowly: its parts are loaded when it starts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.errors import PortTakenError
from procore_cli.threads import start

if TYPE_CHECKING:
    from procore_cli.demo.calls import Calls
    from procore_cli.demo.conditions import Conditions
    from procore_cli.demo.front import Front
    from procore_cli.demo.handler import DemoHttpServer
    from procore_cli.demo.models import Seed
    from procore_cli.demo.provider import Provider
    from procore_cli.demo.records import Records
    from procore_cli.demo.state import DemoState

# How long `close` may wait for the accepting thread to notice.
_POLL_INTERVAL_S = 0.02


@dataclass(frozen=True)
class Inside:
    """The parts of a running server, for whoever runs it to look at and to change."""

    state: DemoState
    provider: Provider
    records: Records
    conditions: Conditions
    calls: Calls


class DemoServer:
    """A pretend Procore over `<data folder>/demo`; several may run over one folder at once.

    `clock` gives seconds since the epoch (UTC), `tell` says one line to the person, `port` 0 is any free one.
    `seed` replaces companies and projects; `conditions` and `calls` are for tests and `demo serve`.
    """

    def __init__(
        self,
        data_folder: Path,
        clock: Callable[[], float],
        tell: Callable[[str], None] = lambda _: None,
        port: int = 0,
        *,
        seed: Seed | None = None,
        conditions: Conditions | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._data_folder = data_folder
        self._clock = clock
        self._tell = tell
        self._port = port
        self._seed = seed
        self._conditions = conditions
        self._calls = calls
        self._http: DemoHttpServer | None = None
        self._thread: threading.Thread | None = None
        self._inside: Inside | None = None

    def start(self) -> None:
        """Listen. Raises DataFolderError, DatabaseError, PortTakenError, NoThreadError."""
        http = _new_http_server(self._port)
        thread = threading.Thread(
            target=http.serve_forever, args=(_POLL_INTERVAL_S,), name="pretend-procore", daemon=True
        )
        try:
            inside = self._new_inside()
            http.answer = _new_front(inside, http.server_port, self._clock).answer
            inside.conditions.begin()
            start(thread)
        except BaseException:
            http.server_close()
            raise
        self._http, self._inside, self._thread = http, inside, thread

    @property
    def url(self) -> str:
        """The base URL of both its OAuth server and its API, once it has started."""
        if self._http is None:
            raise RuntimeError("the pretend Procore has not been started")
        return self._http.url

    @property
    def inside(self) -> Inside:
        """Its parts, once it has started."""
        if self._inside is None:
            raise RuntimeError("the pretend Procore has not been started")
        return self._inside

    def close(self) -> None:
        """Stop listening, end what connections there are; doing it twice is no mistake."""
        if self._http is None or self._thread is None or self._inside is None:
            return
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._inside.conditions.end()
        self._http.close_connections()
        self._http = self._thread = self._inside = None

    def __enter__(self) -> DemoServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _new_inside(self) -> Inside:
        from procore_cli.demo.calls import Calls
        from procore_cli.demo.conditions import Conditions
        from procore_cli.demo.provider import Provider
        from procore_cli.demo.records import Records
        from procore_cli.demo.state import DemoState

        state = DemoState(self._data_folder, self._tell, self._seed)
        conditions = self._conditions or Conditions(self._clock)
        provider = Provider(state, self._clock, lambda: conditions.lifetime_s)
        return Inside(state, provider, Records(state.file), conditions, self._calls or Calls())


def _new_front(inside: Inside, port: int, clock: Callable[[], float]) -> Front:
    from procore_cli.demo.front import Front
    from procore_cli.demo.routes import new_routes

    return Front(new_routes(inside, port, clock), inside.conditions, inside.calls)


def _new_http_server(port: int) -> DemoHttpServer:
    from procore_cli.demo.handler import HOST, DemoHandler, DemoHttpServer

    try:
        return DemoHttpServer((HOST, port), DemoHandler)
    except OSError as error:
        raise PortTakenError(
            f"The pretend Procore (demo) cannot listen on {HOST}:{port}: {error.strerror}.",
            "Stop the program that holds the port, or choose another port.",
        ) from error
