"""`ProcoreAuth` with httpx, which wraps a plain callable and repeats nothing."""

import httpx
import pytest

from procore_cli import ProcoreAuth, SignInNeededError
from tests.python_api.caller import PATH, refuse
from tests.signed_in import last_token, refreshes


@pytest.fixture
def client(machine):
    with httpx.Client(auth=ProcoreAuth(company=123), trust_env=False, follow_redirects=True) as client:
        yield client


def test_httpx_gets_token_and_company_and_hears_of_a_sign_out(machine, client, provider, api):
    assert client.get(api.url + PATH).status_code == 200
    assert (api.last.token, api.last.company) == (last_token(provider), "123")
    machine.run_here("signout")
    with pytest.raises(SignInNeededError):
        client.get(api.url + PATH)


def test_httpx_repeats_nothing_but_notices_a_token_that_was_renewed(machine, client, provider, api):
    api.plays[PATH] = refuse(last_token(provider))
    statuses = [client.get(api.url + PATH).status_code for _ in range(2)]
    provider.lifetime_s = 4000
    assert machine.run_here("refresh").code == 0
    assert [*statuses, client.get(api.url + PATH).status_code] == [401, 401, 200]
    assert refreshes(provider) == 1


def test_httpx_takes_nothing_elsewhere(client, api, elsewhere):
    client.get(elsewhere.url + PATH)
    api.redirect("/go", f"{elsewhere.url}/file")
    client.get(f"{api.url}/go")
    assert [seen.token for seen in elsewhere.requests] == [None, None]
    assert elsewhere.requests[0].company is None
