"""The embedded Procore: a real HTTP server on loopback that lives inside the command that needs it.

Refuses any address but 127.0.0.1, and to be imported slowly: its parts are loaded when it starts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.environments import (
    AUTHORIZE_PATH,
    COMPANIES_PATH,
    ME_PATH,
    REVOKE_PATH,
    TOKEN_INFO_PATH,
    TOKEN_PATH,
)
from procore_cli.errors import PortTakenError

if TYPE_CHECKING:
    from procore_cli.demo.handler import DemoHttpServer, Routes

# How long `close` may wait for the accepting thread to notice.
_POLL_INTERVAL_S = 0.02


class DemoServer:
    """A pretend Procore over `<data folder>/demo`; several may run over one folder at once.

    `clock` gives seconds since the epoch (UTC), `tell` says one line to the person, `port` 0 is any free one.
    """

    def __init__(
        self,
        data_folder: Path,
        clock: Callable[[], float],
        tell: Callable[[str], None] = lambda _: None,
        port: int = 0,
    ) -> None:
        self._data_folder = data_folder
        self._clock = clock
        self._tell = tell
        self._port = port
        self._http: DemoHttpServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen. Raises DataFolderError, DatabaseError, PortTakenError."""
        http = _new_http_server(self._port)
        try:
            http.routes = self._new_routes(http.server_port)
        except BaseException:
            http.server_close()
            raise
        self._http = http
        self._thread = threading.Thread(
            target=http.serve_forever, args=(_POLL_INTERVAL_S,), name="pretend-procore", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL of both its OAuth server and its API, once it has started."""
        if self._http is None:
            raise RuntimeError("the pretend Procore has not been started")
        return f"http://{self._http.server_name}:{self._http.server_port}"

    def close(self) -> None:
        """Stop listening; doing it twice is no mistake."""
        if self._http is None or self._thread is None:
            return
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._http = self._thread = None

    def __enter__(self) -> DemoServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _new_routes(self, port: int) -> Routes:
        from procore_cli.demo.api import Api
        from procore_cli.demo.provider import Provider
        from procore_cli.demo.sessions import Sessions
        from procore_cli.demo.signin import LOGIN_PATH, SignInDesk
        from procore_cli.demo.state import DemoState

        state = DemoState(self._data_folder, self._tell)
        provider = Provider(state, self._clock)
        desk = SignInDesk(provider, state, Sessions(port))
        api = Api(provider, state)
        return {
            ("GET", LOGIN_PATH): desk.show_login,
            ("POST", LOGIN_PATH): desk.log_in,
            ("GET", AUTHORIZE_PATH): desk.show_consent,
            ("POST", AUTHORIZE_PATH): desk.decide,
            ("POST", TOKEN_PATH): api.issue_token,
            ("POST", REVOKE_PATH): api.revoke,
            ("GET", TOKEN_INFO_PATH): api.show_token_info,
            ("GET", ME_PATH): api.show_me,
            ("GET", COMPANIES_PATH): api.list_companies,
        }


def _new_http_server(port: int) -> DemoHttpServer:
    from procore_cli.demo.handler import HOST, DemoHandler, DemoHttpServer

    try:
        return DemoHttpServer((HOST, port), DemoHandler)
    except OSError as error:
        raise PortTakenError(
            f"The pretend Procore (demo) cannot listen on {HOST}:{port}: {error.strerror}.",
            "Stop the program that holds the port, or choose another port.",
        ) from error
