"""`ProcoreAuth` with requests: what it attaches, whose it is, and what that costs."""

import os

from procore_cli import ProcoreAuth
from tests.memory_keyring import FolderKeyring
from tests.people import SECOND, THIRD
from tests.provider import JOE
from tests.python_api.caller import PATH, end_soon, get
from tests.signed_in import last_token, refreshes


def test_the_token_and_the_company_are_attached(machine, provider, api):
    assert get(api.url + PATH, ProcoreAuth(company=123)).status_code == 200
    (seen,) = api.requests
    assert (seen.token, seen.company) == (last_token(provider), "123")


def test_the_company_is_the_requests_own_then_the_named_then_the_one_in_force(machine, api, monkeypatch):
    for variable, named, own, sent in (
        ("", None, None, None),
        ("5", None, None, "5"),
        ("5", 7, None, "7"),
        ("5", 7, {"procore-company-id": "9"}, "9"),
    ):
        monkeypatch.setenv("PROCORE_COMPANY_ID", variable)
        get(api.url + PATH, ProcoreAuth(company=named), headers=own)
        assert api.last.company == sent


def test_a_loop_costs_one_look_into_the_keyring_and_no_exchange(machine, provider, api, monkeypatch):
    looks, find = [], FolderKeyring.find
    monkeypatch.setattr(FolderKeyring, "find", lambda *words: looks.append(words) or find(*words))
    auth = ProcoreAuth()
    statuses = {get(api.url + PATH, auth).status_code for _ in range(5)}
    assert (statuses, refreshes(provider)) == ({200}, 0)
    assert len(looks) == len(set(looks))


def test_an_expired_token_is_renewed_before_anything_is_sent_wherever_it_is(machine, provider, api):
    end_soon(machine, provider)
    provider.lifetime_s = 3
    auth = ProcoreAuth()
    for number in (1, 2):
        assert get(api.url + PATH, auth).status_code == 200
        assert (api.last.token, refreshes(provider)) == (last_token(provider), number)
    assert len(api.requests) == 2


def test_a_token_from_elsewhere_is_used_and_never_renewed(machine, provider, api, monkeypatch, caplog):
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    auth = ProcoreAuth()
    assert [get(api.url + PATH, auth).status_code for _ in range(2)] == [401, 401]
    assert [seen.token for seen in api.requests] == ["from-elsewhere"] * 2
    assert refreshes(provider) == 0
    assert caplog.text.count("Using the token from PROCORE_ACCESS_TOKEN") == 1
    # A named account wins over it.
    get(api.url + PATH, ProcoreAuth(account=JOE["login"]))
    assert api.last.token == last_token(provider)


def test_it_acts_for_the_account_of_its_first_call(shared, people):
    auth = ProcoreAuth(min_ttl=0)
    me = f"{people.url}/rest/v1.0/me"
    before = get(me, auth).json()
    assert shared.run_here("switch", SECOND["login"]).code == 0
    people.expire()
    assert before == get(me, auth).json() == THIRD
    assert get(me, ProcoreAuth(account=SECOND["login"])).json() == SECOND


def test_nothing_is_printed(machine, provider, api, capfd):
    end_soon(machine, provider)
    get(api.url + PATH, ProcoreAuth(company=1))
    assert capfd.readouterr() == ("", "")
    assert "hush" not in repr(ProcoreAuth().__dict__)
    assert os.environ["PROCORE_API_URL"] == api.url
