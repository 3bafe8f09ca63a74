"""A pytest plugin for those who write integrations: the fixture `procore_demo`, a Procore of each test's own.

Refuses to touch the real data folder, keyring and network, and to cost anything where it is not asked for.
PYTEST_DONT_REWRITE: nothing in it asserts, and under one of its names it may have been imported already.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from procore_cli.demo.exchange import RecordedCall
    from procore_cli.demo.seed import DemoUser
    from procore_cli.demo.server import DemoServer
    from procore_cli.storage.opening import Storage

_PREFIX = "PROCORE_"
_NO_PROXY = ("NO_PROXY", "no_proxy")


@pytest.fixture
def procore_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcoreDemo]:
    """A running pretend Procore in which the sample user is signed in, with the variables that lead to it.

    Every test gets its own, with a data folder in `tmp_path`. While the test runs, `os.environ` holds
    `procore_demo.environ`, and no other variable that begins with PROCORE_: `ProcoreAuth()` and the
    command `procore-login` in the code under test work at once.
    """
    from procore_cli.demo.server import DemoServer

    home = tmp_path / "procore-login"
    with DemoServer(home, time.time) as server:
        demo = ProcoreDemo(server, home)
        for name in [name for name in os.environ if name.startswith(_PREFIX)]:
            monkeypatch.delenv(name)
        for name, value in {**demo.environ, **_new_proxy_exceptions()}.items():
            monkeypatch.setenv(name, value)
        yield demo


class Plugin:
    """What the entry point `procore-login` names.

    pytest takes an object under one name alone, and this module may be asked for by its own as well.
    """

    procore_demo = procore_demo


class ProcoreDemo:
    """A pretend Procore that a test looks at and changes while the code under test talks to it.

    Attributes:
        url: its base URL, `http://127.0.0.1:PORT`.
        login_url, api_url: the same; the sign-in and the API have two addresses at the real Procore.
        token: an access token of the sample user, who is signed in.
        user_id, email: the sample user, joecontractor@procore.com.
        company_id: a company in which the app is installed, with three projects.
        unconnected_company_id: one in which it is not: calls for it answer 403.
        environ: the variables that lead here; they are set while the test runs.
    """

    def __init__(self, server: DemoServer, home: Path) -> None:
        from procore_cli.demo.seed import SAMPLE_COMPANY_ID, SAMPLE_EMAIL, SAMPLE_ID, UNCONNECTED_COMPANY_ID

        self._server = server
        self._home = home
        self.url: str = server.url
        self.login_url: str = server.url
        self.api_url: str = server.url
        self.user_id: int = SAMPLE_ID
        self.email: str = SAMPLE_EMAIL
        self.company_id: int = SAMPLE_COMPANY_ID
        self.unconnected_company_id: int = UNCONNECTED_COMPANY_ID
        self.environ: Mapping[str, str] = {
            "PROCORE_ENV": "demo",
            "PROCORE_LOGIN_URL": server.url,
            "PROCORE_API_URL": server.url,
            "PROCORE_LOGIN_HOME": str(home),
            "PROCORE_LOGIN_STORE": "file",
        }
        self.token: str = self.sign_in()

    @property
    def calls(self) -> list[RecordedCall]:
        """What was called so far, oldest first.

        Each has `method`, `path`, `query` (the names of its parameters), `status` (None: no answer),
        `company` (the header's number, or None) and `bearer` (whether it carried a token).
        """
        return self._server.calls.list()

    def forget_calls(self) -> None:
        """Empty `calls`."""
        self._server.calls.clear()

    def add_user(self, email: str, name: str | None = None) -> DemoUser:
        """Add somebody who can sign in; returns `id`, `email` and `name`.

        Raises ValueError for what is no e-mail address.
        """
        from procore_cli.demo.seed import is_email

        if not is_email(email):
            raise ValueError(f"{email!r} is not an e-mail address")
        return self._server.state.save_user(email, name)

    def sign_in(self, email: str | None = None) -> str:
        """Sign somebody in, by default the sample user; returns the access token.

        Who signed in last is the current account.
        A person who is not known yet is added. The tokens are kept in the test's data folder, as
        `procore-login signin` keeps them. Raises ValueError for what is no e-mail address.
        """
        from procore_cli.demo.seed import DEMO_CLIENT_ID
        from procore_cli.grants import TokenSet
        from procore_cli.models import Binding, Me

        user = self.add_user(email or self.email)
        answer = self._server.provider.sign_in(user.id)
        expires_at = answer["created_at"] + answer["expires_in"]
        binding = Binding(DEMO_CLIENT_ID, "demo", "demo")
        tokens = TokenSet(answer["access_token"], answer["refresh_token"], expires_at, binding)
        self._open_storage().tokens.save_signin(tokens, Me(user.id, user.email, user.name))
        return tokens.access_token

    def sign_out(self) -> None:
        """Delete the tokens of everybody here, and revoke them: whoever needs one has to sign in again."""
        storage = self._open_storage()
        for line in storage.accounts.list_known():
            storage.tokens.sign_out(line.account)
            storage.tokens.clean(line.account)
        self.revoke_tokens()

    def expire_tokens(self) -> None:
        """End every access token that was issued so far; refresh tokens stay good.

        Whoever holds one learns it by a 401, as where clocks differ.
        """
        self._server.state.expire_tokens(int(time.time()))

    def revoke_tokens(self) -> None:
        """End every access token and every refresh token that was issued so far."""
        self._server.state.revoke_all()

    def set_token_lifetime(self, seconds: int) -> None:
        """How long access tokens live that are issued from now on; it begins as 5400.

        Raises ValueError for less than a second.
        """
        self._server.conditions.lifetime_s = _read_positive(seconds, "the lifetime")

    def fail(
        self,
        path: str,
        status: int | None,
        times: int | None = 1,
        *,
        method: str | None = None,
        retry_after_s: int | None = 0,
    ) -> None:
        """Answer a path with an error in place of the real answer.

        `path`: as `/rest/v1.0/projects`, or with `*` at its end all that begin so. `status`: 400 to 599, or
        None to end the connection without an answer. `times`: how many calls, None for all that follow.
        `method`: those of one method alone. `retry_after_s`: the header Retry-After of 429 and 503, None for
        none. Faults are used up in the order in which they were set. Raises ValueError for other values,
        and for a path with a query, which no call would meet.
        """
        from procore_cli.demo.responses import Fault, read_target

        if status is not None and not 400 <= status <= 599:
            raise ValueError(f"the status must be 400 to 599, or None, not {status}")
        if times is not None:
            _read_positive(times, "times")
        fault = Fault(read_target(path, method), status, times, retry_after_s)
        self._server.conditions.add_fault(fault)

    def set_latency(self, seconds: float, path: str | None = None) -> None:
        """Answer late: everywhere, or at one path (as in `fail`); 0 ends it. Raises ValueError below 0."""
        from procore_cli.demo.responses import Latency, read_target

        if not 0 <= seconds < float("inf"):
            raise ValueError(f"the latency must be a number of seconds from 0, not {seconds}")
        self._server.conditions.add_latency(Latency(seconds, None if path is None else read_target(path)))

    def rate_limit(self, calls: int | None, window_s: int = 3600) -> None:
        """Allow so many calls of the API in a window, which begins with the first; None: as many as come.

        Beyond it the answer is 429 with Retry-After; every answer has Procore's X-Rate-Limit headers.
        Each call of this begins a new window. Raises ValueError below 0 calls or a second.
        """
        from procore_cli.demo.responses import Limit

        if calls is not None and calls < 0:
            raise ValueError(f"the number of calls must be from 0, not {calls}")
        _read_positive(window_s, "the window")
        self._server.conditions.set_limits([] if calls is None else [Limit(calls, window_s)])

    def recover(self) -> None:
        """End all faults, delays and rate limits."""
        self._server.conditions.recover()

    def add_company(self, name: str, *, app_installed: bool = True) -> int:
        """Add a company; returns its id."""
        return self._server.state.save_company(name, app_installed=app_installed)

    def install_app(self, company_id: int, *, installed: bool = True) -> None:
        """Install the app in a company, or remove it. Raises ValueError if there is no such company."""
        if not self._server.state.install_app(company_id, installed=installed):
            raise ValueError(f"there is no company {company_id}")

    def add_project(self, company_id: int, name: str, **fields: Any) -> int:
        """Add a project, `fields` being its other keys as JSON values; returns its id.

        Raises ValueError if there is no such company, and for a key that a project has by itself.
        """
        from procore_cli.demo.seed import OWN_KEYS, Project

        given = sorted(OWN_KEYS.intersection(fields))
        if given:
            raise ValueError(f"{given[0]} is given by the pretend Procore itself")
        if self._server.state.find_company(company_id) is None:
            raise ValueError(f"there is no company {company_id}")
        now = int(time.time())
        return self._server.state.save_project(Project(None, company_id, name, fields, now, now))

    def _open_storage(self) -> Storage:
        from procore_cli.storage.opening import Storage

        return Storage(self._home, "demo", "file")


def _new_proxy_exceptions() -> dict[str, str]:
    """A proxy of the machine's must not get between the test and its Procore."""
    return {
        name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost"))) for name in _NO_PROXY
    }


def _read_positive(number: int, what: str) -> int:
    if number < 1:
        raise ValueError(f"{what} must be from 1, not {number}")
    return number
