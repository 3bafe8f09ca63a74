"""Whole commands, `ProcoreAuth` and `Accounts` at a login server that nobody here wrote."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests

from procore_cli import Accounts, ConsentDeniedError, ProcoreAuth, SignInNeededError, get_token
from procore_cli.config.environments import OOB_REDIRECT_URI
from tests.cli import Machine, Result, browser
from tests.doorkeeper.server import SECRET, App, Doorkeeper
from tests.hostile.waiting import read_link
from tests.provider import JOE
from tests.python_api.caller import live_on
from tests.stub_browser import Browser
from tests.terminal import Terminal

pytestmark = pytest.mark.doorkeeper

RUNS = 40
SERVICE = ("signin", "--service-account", "--company", "22222", "--json")
# What nobody answers fails the test instead of holding it up.
LIMIT = ("--timeout", "30")


def sign(machine: Machine, word: str = "signup", *options: str) -> Result:
    return machine.run_here(word, "--json", *LIMIT, "--browser", browser(*options))


@pytest.fixture
def signed_in(machine: Machine, app: App) -> App:
    """The machine's app, with which Joe has signed up there."""
    sign(machine).ended()
    return app


@pytest.fixture
def expired(machine: Machine, app: App) -> App:
    """As `signed_in`; the access token has ended since, and the next one lives as long as usual."""
    app.give_lifetime(3)
    sign(machine).ended()
    app.age()
    return app


def ask(app: App, token: str, path: str = "/rest/v1.0/me") -> int:
    """What the server says to a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(app.server.url + path, headers=headers, timeout=20).status_code


def only(app: App) -> tuple[str, str | None]:
    """The one pair of tokens that lives at the server."""
    (pair,) = app.alive()
    return pair


def test_a_newcomer_signs_up_and_the_server_has_one_pair_of_tokens(machine: Machine, app: App) -> None:
    with machine.start("signup", "--no-browser", "--json", *LIMIT) as process:
        home = Browser().sign_in(read_link(process), JOE["login"])
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert '[1, 11111, "joecontractor@procore.com"]' in home.text.replace("&quot;", '"')
    assert '"signed_up": true' in out
    profile = machine.run_here("whoami", "--json").ended().json
    assert (profile["procore_id"], profile["email"], profile["name"]) == tuple(JOE.values())
    assert machine.run_here("token").ended().out == f"{only(app)[0]}\n"
    assert machine.run_here("doctor").ended(prints=True)
    companies = machine.run_here("api", "companies").ended().out
    assert '"name":"Sample Company"' in companies
    # The app was asked about first, with a code that cannot exist.
    assert app.sent("authorization_code")[:2] == ["400", "200"]


def test_a_code_that_the_server_shows_is_pasted(machine: Machine, doorkeeper: Doorkeeper) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = OOB_REDIRECT_URI
    app = doorkeeper.new_app(machine)
    with Terminal(machine, "signup", "--no-browser", *LIMIT) as terminal:
        page = Browser().sign_in(terminal.read_link(), JOE["login"])
        terminal.read_until("paste the code")
        terminal.type(page.text.partition('id="authorization_code">')[2].partition("<")[0])
        assert terminal.finish() == 0, terminal.drawn
    assert app.sent("authorization_code") == ["400", "200"]


def test_who_allowed_it_before_is_not_asked_again_and_the_former_tokens_end(
    machine: Machine, signed_in: App
) -> None:
    former = only(signed_in)
    # It sends the browser back at once.
    assert sign(machine, "signin").ended().json["signed_up"] is False
    assert only(signed_in) != former


def test_who_denies_it_is_told_so_and_nothing_is_kept(machine: Machine, app: App) -> None:
    sign(machine, "signup", "--deny").ended(4, "denied", "access_denied")
    assert app.alive() == []


def test_a_redirect_uri_that_is_not_registered_is_named_since_nobody_comes_back(
    machine: Machine, app: App
) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = f"{machine.redirect_uri}/"
    late = machine.run_here("signup", "--timeout", "1", "--browser", browser("--just-open"))
    late.ended(4, f"must be exactly {machine.redirect_uri}/")


def test_after_a_refresh_the_former_access_token_is_dead(machine: Machine, signed_in: App) -> None:
    former = only(signed_in)
    machine.run_here("refresh").ended()
    assert len(signed_in.alive()) == 1 + signed_in.server.keeps_previous
    machine.run_here("whoami").ended()
    assert [ask(signed_in, token) for token in (former[0], only(signed_in)[0])] == [401, 200]
    assert signed_in.sent("refresh_token") == ["200"]


def test_a_token_is_renewed_where_it_does_not_live_long_enough(machine: Machine, expired: App) -> None:
    printed = {machine.run_here("token", *words).ended().out for words in ([], ["--min-ttl", "5000"])}
    assert printed == {f"{expired.alive()[-1][0]}\n"}
    assert expired.sent("refresh_token") == ["200"]


def test_a_token_that_the_server_refuses_is_replaced_once(machine: Machine, signed_in: App) -> None:
    refused = only(signed_in)[0]
    signed_in.age()
    assert ask(signed_in, refused) == 401
    new = machine.run("token", "--refused-stdin", stdin=refused).ended().out
    assert new == f"{signed_in.alive()[-1][0]}\n"
    assert machine.run("token", "--refused-stdin", stdin=refused).ended().out == new
    signed_in.age()
    # Nobody has said so, but for the 401.
    machine.run_here("whoami").ended()
    assert signed_in.sent("refresh_token") == ["200", "200"]


@pytest.mark.parametrize("words", [("refresh",), ("token",), ("whoami",), ("api", "me")])
def test_where_the_tokens_were_revoked_a_sign_in_is_needed_and_nothing_is_sent_twice(
    machine: Machine, expired: App, words: tuple[str, ...]
) -> None:
    expired.revoke()
    for _ in range(2):
        machine.run_here(*words).ended(4, "procore-login signin")
    assert expired.sent("refresh_token") == ["400"]
    assert sign(machine, "signin").ended().json["id"] == 1
    machine.run_here(*words).ended(prints=True)


def test_an_access_token_is_revoked_with_its_refresh_token(machine: Machine, signed_in: App) -> None:
    token = only(signed_in)[0]
    form = {"token": token, "client_id": signed_in.client_id, "client_secret": SECRET}
    assert requests.post(f"{signed_in.server.url}/oauth/revoke", form, timeout=20).json() == {}
    for _ in range(2):
        machine.run("token", "--refused-stdin", stdin=token).ended(4, "procore-login signin")
    assert signed_in.sent("refresh_token") == ["400"]


def test_a_sign_out_ends_both_tokens_at_the_server(machine: Machine, signed_in: App) -> None:
    machine.run_here("refresh").ended()
    machine.run_here("whoami").ended()
    token = only(signed_in)[0]
    machine.run_here("signout").ended(0, "revoked at Procore")
    assert (signed_in.alive(), ask(signed_in, token)) == ([], 401)
    assert [machine.run_here(*words).code for words in (("token",), ("whoami",), ("signout",))] == [4, 4, 0]


def test_a_wrong_secret_is_told_and_costs_no_token(machine: Machine, expired: App) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = "wrong"
    for words in (("refresh",), ("token",), SERVICE):
        machine.run_here(*words).ended(3, "invalid_client", "PROCORE_CLIENT_SECRET")
    machine.variables["PROCORE_CLIENT_SECRET"] = SECRET
    machine.run_here("refresh").ended()
    assert expired.sent("refresh_token") == ["401", "401", "200"]


def test_a_wrong_secret_is_found_before_the_browser_opens(machine: Machine, app: App) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = "wrong"
    sign(machine).ended(3, "invalid_client")
    assert app.sent("authorization_code") == ["401"]


def test_tokens_that_cannot_be_revoked_for_a_wrong_secret_may_still_live_there(
    machine: Machine, signed_in: App
) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = "wrong"
    machine.run_here("signout").ended(5, "may still live at Procore", "unauthorized_client")
    assert ask(signed_in, only(signed_in)[0]) == 200


def test_a_service_account_signs_in_is_renewed_and_signs_out(machine: Machine, app: App) -> None:
    profile = machine.run_here(*SERVICE).ended().json
    assert (profile["kind"], profile["procore_id"], profile["company"]) == ("service", 777, 22222)
    token = machine.run_here("token").ended().out.strip()
    assert (ask(app, token), ask(app, token, "/oauth/token/info")) == (400, 200)
    machine.run_here("refresh").ended()
    assert machine.run_here("whoami", "--json").ended().json["procore_id"] == 777
    assert '"name":"Sample Company"' in machine.run_here("api", "companies").ended().out
    renewed = machine.run_here("token").ended().out.strip()
    machine.run_here("signout").ended()
    assert (renewed != token, ask(app, renewed)) == (True, 401)
    assert app.sent("client_credentials") == ["200", "200"]
    assert app.sent("refresh_token") == []


def test_a_company_in_which_the_app_is_not_installed_is_named(machine: Machine, app: App) -> None:
    words = ("signin", "--service-account", "--company", "44444")
    machine.run_here(*words).ended(5, "Client id and secret are good", "installed in company 44444")


def test_many_at_once_with_an_expired_token_make_one_refresh(machine: Machine, expired: App) -> None:
    machines = [machine]
    if "PROCORE_LOGIN_DB" in machine.variables:
        machines.append(Machine(machine.home.parent / "another", dict(machine.variables)))
    running = [each.start("token") for _ in range(RUNS // len(machines)) for each in machines]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in running]
    assert {(out, code) for out, _, code in ended} == {(f"{expired.alive()[-1][0]}\n", 0)}
    assert expired.sent("refresh_token") == ["200"]


class TestInAProgram:
    @pytest.fixture(autouse=True)
    def _at_home(self, machine: Machine, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        live_on(machine, monkeypatch)

    def ask_me(self, app: App, auth: ProcoreAuth) -> int:
        with requests.Session() as session:
            answer = session.get(f"{app.server.url}/rest/v1.0/me", auth=auth, timeout=20)
        assert answer.json()["id"] == JOE["id"]
        return answer.status_code

    def test_calls_go_on_after_a_401_and_end_where_a_sign_in_is_needed(self, signed_in: App) -> None:
        auth = ProcoreAuth()
        assert self.ask_me(signed_in, auth) == 200
        signed_in.age()
        assert self.ask_me(signed_in, auth) == 200
        token = get_token()
        assert token == signed_in.alive()[-1][0]
        signed_in.revoke()
        for _ in range(2):
            with pytest.raises(SignInNeededError):
                get_token(refused=token)
        assert signed_in.sent("refresh_token") == ["200", "400"]

    def test_people_sign_up_in_a_web_app_deny_it_and_sign_out(self, machine: Machine, app: App) -> None:
        accounts = Accounts()
        self.sign_in(accounts, machine, JOE["login"])
        former = only(app)
        first = self.sign_in(accounts, machine, JOE["login"])
        assert only(app) != former
        assert self.ask_me(app, accounts.auth(first.id)) == 200
        app.age()
        assert self.ask_me(app, accounts.auth(first.id)) == 200
        assert app.sent("refresh_token") == ["200"]
        second = self.sign_in(accounts, machine, "second@example.com")
        assert [first, second] == [(1, *JOE.values(), False), (2, 22222, "second@example.com", None, True)]
        with pytest.raises(ConsentDeniedError):
            self.sign_in(accounts, machine, login="third@example.com", decision="deny")
        for user in (first, second):
            accounts.sign_out(user.id)
        assert app.alive() == []

    def sign_in(self, accounts: Accounts, machine: Machine, login: str, decision: str = "allow"):
        begin = accounts.begin(machine.redirect_uri)
        callback = Browser(stay_away_from="/callback").sign_in(begin.url, login, decision)
        assert urlsplit(callback.url).path == "/callback"
        return accounts.finish(callback.url, begin.kept)
