"""Python programs over a database that machines share: `ProcoreAuth`, and the workers of a web app."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from unittest import mock

import pytest
import requests

from procore_cli import Accounts, ProcoreAuth
from procore_cli.config.settings import Overrides, load_settings
from procore_cli.context import new_storage
from procore_cli.errors import SignInNotBegunError
from procore_cli.grants import TokenSet
from procore_cli.library import token_cache
from procore_cli.models import Account, Me
from procore_cli.storage import store
from procore_cli.storage.opening import Storage
from procore_cli.storage.store import Claim
from tests.cli import Machine
from tests.postgres.conftest import Database
from tests.postgres.machines import new_key_file, new_machine
from tests.provider import CLIENT_ID, JOE, Provider
from tests.python_api.caller import REDIRECT_URI, browse, live_on
from tests.signed_in import last_token, refreshes

pytestmark = pytest.mark.postgres

LIFETIME_S = 5400


@pytest.fixture
def machine(
    tmp_path: Path, database: Database, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """A machine whose database has its tables, and on which this process runs."""
    machine = new_machine(tmp_path / "machine", database.url, provider)
    machine.run_here("database", "init").ended()
    live_on(machine, monkeypatch)
    return machine


def open_storage(machine: Machine) -> Storage:
    return new_storage(load_settings(Overrides(), machine.environ()), "production")


def new_tokens(machine: Machine, provider: Provider, left_s: int) -> TokenSet:
    """A pair of Procore's, whose access token has so long to live."""
    answer, settings = provider.tokens(), load_settings(Overrides(), machine.environ())
    access, refresh, end = answer["access_token"], answer["refresh_token"], int(time.time()) + left_s
    return TokenSet(access, refresh, end, settings.binding(CLIENT_ID), LIFETIME_S)


def sign_in(machine: Machine, provider: Provider, left_s: int) -> Account:
    tokens = new_tokens(machine, provider, left_s)
    return open_storage(machine).tokens.save_signin(tokens, Me(**JOE)).account


def count_reads(database: Database) -> int:
    """How many other connections have looked for an account."""
    looks = "query LIKE '%%claimed_by%%' AND pid <> pg_backend_pid()"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND {looks}"
    ((count,),) = database.server.run(query, [database.name])
    return int(count)


def claim(machine: Machine, account: Account) -> Claim:
    """What somebody has who is at a refresh."""
    tokens = open_storage(machine).tokens
    held = tokens.load(account)
    assert held is not None
    found = tokens.claim(account, held, "asked")
    assert found is not None
    return found


def ask_me(provider: Provider, auth: ProcoreAuth) -> str:
    """Who that is, and with which token."""
    with requests.Session() as session:
        answer = session.get(f"{provider.url}/rest/v1.0/me", auth=auth, timeout=20)
    assert answer.status_code == 200
    return str(answer.request.headers["Authorization"]).removeprefix("Bearer ")


@pytest.mark.parametrize(("left_s", "renewed"), [(660, 0), (590, 1)])
def test_a_token_is_renewed_ten_minutes_before_its_end(machine, provider, left_s, renewed):
    sign_in(machine, provider, left_s)
    auth = ProcoreAuth()
    used = {ask_me(provider, auth) for _ in range(3)}
    assert used == {last_token(provider)}
    assert refreshes(provider) == renewed


def test_who_hears_of_a_401_goes_on_with_what_is_valid_while_another_renews(machine, provider):
    account = sign_in(machine, provider, 300)
    with claim(machine, account):
        assert ask_me(provider, ProcoreAuth()) == last_token(provider)
        machine.run_here("whoami").ended(prints=True)
    assert refreshes(provider) == 0


def test_token_waits_for_who_renews(machine, provider, database):
    # Long enough for whoever hears of a 401.
    account = sign_in(machine, provider, 3000)
    other = open_storage(machine).tokens
    renewed = new_tokens(machine, provider, LIFETIME_S)
    mine = claim(machine, account)
    with mine:
        mine.begin()
        # Our own connections have looked, too.
        ours = count_reads(database)
        waiting = machine.start("token")
        while count_reads(database) <= ours:
            assert waiting.poll() is None
        mine.save(renewed)
    out, _ = waiting.communicate(timeout=60)
    assert (out.strip(), waiting.returncode) == (renewed.access_token, 0)
    assert other.load(account).tokens == renewed


def bearer_of(auth: ProcoreAuth, provider: Provider) -> str:
    """The token for a caller that would not hear of a 401, which has the store asked once a second."""
    with mock.patch.object(token_cache, "_LOOK_S", -1):
        headers = asyncio.run(auth.async_headers(f"{provider.url}/rest/v1.0/me"))
    return headers["Authorization"].removeprefix("Bearer ")


def test_a_database_that_is_down_lets_a_token_live_until_its_end(machine, provider, database, caplog):
    sign_in(machine, provider, LIFETIME_S)
    auth = ProcoreAuth()
    first = ask_me(provider, auth)
    with mock.patch.object(store.Held, "is_due_early", return_value=True):
        database.server.stop()
        try:
            assert ask_me(provider, auth) == first
            assert bearer_of(auth, provider) == first
        finally:
            database.server.start()
        assert "There is no connection to postgresql://" in caplog.text
        assert "are used until they end" in caplog.text
        assert ask_me(provider, auth) != first


def test_a_database_that_cannot_be_written_lets_a_token_live_until_its_end(
    machine, provider, database, caplog
):
    sign_in(machine, provider, 590)
    database.server.run("REVOKE UPDATE ON procore_login_accounts FROM app", database=database.name)
    assert ask_me(provider, ProcoreAuth()) == last_token(provider)
    assert refreshes(provider) == 0
    assert "does not allow it to this user" in caplog.text
    assert "are used until they end" in caplog.text


def test_what_one_machine_begins_another_finishes_while_the_key_is_changed(
    machine, provider, tmp_path, monkeypatch
):
    begin = Accounts().begin(REDIRECT_URI)
    former = Path(machine.variables["PROCORE_LOGIN_KEY_FILE"]).read_text("utf-8")
    another = Machine(tmp_path / "another", dict(machine.variables))
    another.variables["PROCORE_LOGIN_KEY_FILE"] = str(new_key_file(tmp_path / "new-key"))
    live_on(another, monkeypatch)
    callback = browse(begin.url)
    with pytest.raises(SignInNotBegunError):
        Accounts().finish(callback, begin.kept)
    new_key_file(tmp_path / "new-key", former)
    accounts = Accounts()
    user = accounts.finish(callback, begin.kept)
    assert user == (1, *JOE.values(), True)
    assert ask_me(provider, accounts.auth(user.id)) == last_token(provider)
    accounts.sign_out(user.id)
    assert not open_storage(another).accounts.list_signed_in()
    assert provider._alive == set()
