"""A pytest plugin for those who write integrations: the fixture `procore_demo`, a Procore of each test's own.

Refuses to touch the real data folder, keyring and network, and to cost anything where it is not asked for.
PYTEST_DONT_REWRITE: nothing in it asserts, and under one of its names it may have been imported already.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from procore_cli.demo.control import RecordedCall
    from procore_cli.demo.records import DemoUser
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
    from procore_cli.library.auth import forget_everything

    home = tmp_path / "procore-login"
    with DemoServer(home, time.time) as server:
        demo = ProcoreDemo(server, home)
        for name in [name for name in os.environ if name.startswith(_PREFIX)]:
            monkeypatch.delenv(name)
        for name, value in {**demo.environ, **_new_proxy_exceptions()}.items():
            monkeypatch.setenv(name, value)
        # A ProcoreAuth of a module lives longer than a test, and knows the former test's Procore.
        forget_everything()
        yield demo
    forget_everything()


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
        client_id, client_secret: the app's.
        environ: the variables that lead here; they are set while the test runs.
    """

    def __init__(self, server: DemoServer, home: Path) -> None:
        from procore_cli.config import environments
        from procore_cli.demo import seed

        self._server = server
        self._home = home
        self.url: str = server.url
        self.login_url: str = server.url
        self.api_url: str = server.url
        self.user_id: int = seed.SAMPLE_ID
        self.email: str = seed.SAMPLE_EMAIL
        self.company_id: int = seed.SAMPLE_COMPANY_ID
        self.unconnected_company_id: int = seed.UNCONNECTED_COMPANY_ID
        self.client_id: str = environments.DEMO_CLIENT_ID
        self.client_secret: str = environments.DEMO_CLIENT_SECRET
        self.environ: Mapping[str, str] = {
            "PROCORE_ENV": "demo",
            "PROCORE_LOGIN_URL": server.url,
            "PROCORE_API_URL": server.url,
            "PROCORE_CLIENT_ID": environments.DEMO_CLIENT_ID,
            "PROCORE_CLIENT_SECRET": environments.DEMO_CLIENT_SECRET,
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

    def respond(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        status: int | None = 200,
        headers: dict[str, str | int] | None = None,
        query: dict[str, str | int] | None = None,
        times: int | None = None,
        delay_s: float = 0,
        pages: bool = False,
    ) -> None:
        """Answer a path as the test wants it, whatever the call carries.

        In `path` {anything} stands for one segment; `query` names parameters that a call must have. `json`:
        the body; `status` None ends the connection without an answer; `times`: for how many calls, None for
        all that follow; `delay_s`: how long the answer takes; `pages`: the list in `json` comes in Procore's
        pages. Answers for a number of calls are used up in their order, before one that is for all.
        Raises ValueError, which names the argument.
        """
        meant = {"method": method, "path": path, "query": query, "times": times, "delay_s": delay_s}
        self._server.responses.add(
            meant | {"json": json, "status": status, "headers": headers, "pages": pages}
        )

    def forget_responses(self) -> None:
        """Answer everything as before `respond`."""
        self._server.responses.clear()

    def add_user(self, email: str, name: str | None = None) -> DemoUser:
        """Add somebody who can sign in; returns `id`, `email` and `name`.

        Raises ValueError for what is no e-mail address.
        """
        from procore_cli.demo.records import DemoUser

        return DemoUser(**self._server.control.add_user({"email": email, "name": name}))

    def sign_in(self, email: str | None = None) -> str:
        """Sign somebody in, by default the sample user; returns the access token.

        Who signed in last is the current account.
        A person who is not known yet is added. The tokens are kept in the test's data folder, as
        `procore-login signin` keeps them. Raises ValueError for what is no e-mail address.
        """
        from procore_cli.config.environments import DEMO_CLIENT_ID
        from procore_cli.grants import TokenSet
        from procore_cli.models import Binding, Me

        user = self.add_user(email or self.email)
        answer = self._server.provider.sign_in(user.id)
        expires_at = answer["created_at"] + answer["expires_in"]
        binding = Binding(DEMO_CLIENT_ID, "demo", "demo")
        tokens = TokenSet(answer["access_token"], answer["refresh_token"], expires_at, binding)
        self._open_storage().tokens.save_signin(tokens, Me(user.id, user.email, user.name))
        return tokens.access_token

    def allow(self, link: str, email: str | None = None) -> str:
        """Sign somebody in at the link to Procore's pages, and allow; by default the sample user.

        Returns where the browser is sent then: the callback, with its code. A person who is not known yet is
        added. Raises ValueError for a link that Procore would not take, and for what is no e-mail address.
        """
        user = self.add_user(email or self.email)
        return self._decide(lambda query: self._server.provider.allow(query, user.id), link)

    def deny(self, link: str) -> str:
        """As `allow`, of somebody who chooses Deny."""
        return self._decide(self._server.provider.deny, link)

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
        self._server.control.expire_tokens({})

    def revoke_tokens(self) -> None:
        """End every access token and every refresh token that was issued so far."""
        self._server.control.revoke_tokens({})

    def set_token_lifetime(self, seconds: int) -> None:
        """How long access tokens live that are issued from now on; it begins as 5400.

        Raises ValueError for less than a second.
        """
        self._server.control.set_lifetime({"seconds": seconds})

    def add_company(self, name: str, *, app_installed: bool = True) -> int:
        """Add a company; returns its id. Raises ValueError."""
        added = self._server.control.add_company({"name": name, "app_installed": app_installed})
        return int(added["id"])

    def install_app(self, company_id: int, *, installed: bool = True) -> None:
        """Install the app in a company, or remove it. Raises ValueError if there is no such company."""
        self._server.control.install_app({"app_installed": installed}, company_id)

    def add_project(self, company_id: int, name: str, **fields: Any) -> int:
        """Add a project, `fields` being its other keys as JSON values; returns its id.

        Raises ValueError if there is no such company, and for a key that a project has by itself.
        """
        values = fields | {"company_id": company_id, "name": name}
        return int(self._server.control.add_project(values)["id"])

    def _decide(self, decide: Callable[[str], str], link: str) -> str:
        from procore_cli.demo.oauth import AuthorizeRefusedError

        address, _, query = link.partition("?")
        if address != f"{self.url}/oauth/authorize":
            raise ValueError(f"The link leads to {address}, not to {self.url}/oauth/authorize.")
        try:
            return decide(query)
        except AuthorizeRefusedError as error:
            raise ValueError(error.why) from None

    def _open_storage(self) -> Storage:
        from procore_cli.storage.opening import Storage

        return Storage(self._home, "demo", "file")


def _new_proxy_exceptions() -> dict[str, str]:
    """A proxy of the machine's must not get between the test and its Procore."""
    return {
        name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost"))) for name in _NO_PROXY
    }
