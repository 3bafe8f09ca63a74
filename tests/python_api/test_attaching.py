"""`ProcoreAuth` with requests: what it attaches, whose it is, and what that costs."""

from __future__ import annotations

import os

from procore_cli import ProcoreAuth
from tests.cli import Machine
from tests.memory_keyring import FolderKeyring
from tests.people import SECOND, THIRD, People
from tests.provider import JOE, serving
from tests.python_api.caller import PATH, end_soon, get, live_on
from tests.signed_in import last_token, refreshes


def test_the_token_and_the_company_are_attached(machine, provider, api):
    response = get(api.url + PATH, ProcoreAuth(company=123))
    (call,) = api.calls
    assert response.status_code == 200
    assert call.token == last_token(provider)
    assert call.headers["Procore-Company-Id"] == "123"


def test_the_company_is_the_requests_own_then_the_named_then_the_one_in_force(machine, api, monkeypatch):
    cases: list[tuple[str, int | None, dict[str, str] | None, str | None]] = [
        ("", None, None, None),
        ("5", None, None, "5"),
        ("5", 7, None, "7"),
        ("5", 7, {"procore-company-id": "9"}, "9"),
    ]
    for variable, named, own, sent in cases:
        monkeypatch.setenv("PROCORE_COMPANY_ID", variable)
        get(api.url + PATH, ProcoreAuth(company=named), headers=own)
        assert api.calls[-1].headers["Procore-Company-Id"] == sent


def test_a_loop_costs_one_look_into_the_keyring_and_no_exchange(machine, provider, api, monkeypatch):
    looks, find = [], FolderKeyring.find
    monkeypatch.setattr(FolderKeyring, "find", lambda *words: looks.append(words) or find(*words))
    auth = ProcoreAuth()
    statuses = {get(api.url + PATH, auth).status_code for _ in range(5)}
    assert (statuses, refreshes(provider)) == ({200}, 0)
    assert len(looks) == len(set(looks))


def test_an_expired_token_is_renewed_before_anything_is_sent(machine, provider, api):
    end_soon(machine, provider)
    assert get(api.url + PATH, ProcoreAuth()).status_code == 200
    assert [call.token for call in api.calls] == [last_token(provider)]


def test_a_token_that_expires_in_memory_is_renewed(machine, provider, api):
    auth = ProcoreAuth()
    end_soon(machine, provider)
    provider.lifetime_s = 3
    get(api.url + PATH, auth)
    get(api.url + PATH, auth)
    assert refreshes(provider) == 2


def test_a_token_from_elsewhere_is_used_and_never_renewed(machine, provider, api, monkeypatch, caplog):
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    auth = ProcoreAuth()
    statuses = [get(api.url + PATH, auth).status_code for _ in range(2)]
    assert statuses == [401, 401]
    assert [call.token for call in api.calls] == ["from-elsewhere"] * 2
    assert refreshes(provider) == 0
    assert caplog.text.count("Using the token from PROCORE_ACCESS_TOKEN") == 1


def test_a_named_account_wins_over_a_token_from_elsewhere(machine, provider, api, monkeypatch):
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    get(api.url + PATH, ProcoreAuth(account=JOE["login"]))
    assert api.calls[0].token == last_token(provider)


def test_it_acts_for_the_account_of_its_first_call(tmp_path, monkeypatch):
    with serving(People()) as people:
        machine = Machine(tmp_path / "machine")
        machine.point_at(people)
        for person in (SECOND, THIRD):
            people.sign_in(machine, person)
        live_on(machine, monkeypatch)
        auth = ProcoreAuth(min_ttl=0)
        me = f"{people.url}/rest/v1.0/me"

        before = get(me, auth).json()
        assert machine.run_here("switch", SECOND["login"]).code == 0
        people.expire()

        assert before == get(me, auth).json() == THIRD
        assert get(me, ProcoreAuth(account=SECOND["login"])).json() == SECOND


def test_nothing_is_printed(machine, provider, api, capfd):
    end_soon(machine, provider)
    get(api.url + PATH, ProcoreAuth(company=1))
    assert capfd.readouterr() == ("", "")
    assert "hush" not in repr(ProcoreAuth().__dict__)
    assert os.environ["PROCORE_API_URL"] == api.url
