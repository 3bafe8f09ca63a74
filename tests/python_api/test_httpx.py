"""`ProcoreAuth` with httpx, which wraps a plain callable and repeats nothing."""

import httpx
import pytest

from procore_cli import ProcoreAuth, SignInNeededError
from tests.api_server import serving_api
from tests.provider import Answer
from tests.python_api.caller import PATH
from tests.signed_in import last_token, refreshes


def test_httpx_gets_token_and_company(machine, provider, api):
    with httpx.Client(auth=ProcoreAuth(company=123), trust_env=False) as client:
        assert client.get(api.url + PATH).status_code == 200
    assert api.calls[0].token == last_token(provider)
    assert api.calls[0].headers["Procore-Company-Id"] == "123"


def test_httpx_repeats_nothing_but_notices_a_token_that_was_renewed(machine, provider, api):
    old = last_token(provider)
    api.script[PATH] = lambda call: Answer(401, "") if call.token == old else None
    with httpx.Client(auth=ProcoreAuth(), trust_env=False) as client:
        statuses = [client.get(api.url + PATH).status_code for _ in range(2)]
        provider.lifetime_s = 4000
        assert machine.run_here("refresh").code == 0
        statuses.append(client.get(api.url + PATH).status_code)
    assert statuses == [401, 401, 200]
    assert refreshes(provider) == 1


def test_httpx_hears_of_a_sign_out(machine, api):
    with httpx.Client(auth=ProcoreAuth(), trust_env=False) as client:
        client.get(api.url + PATH)
        machine.run_here("signout")
        with pytest.raises(SignInNeededError):
            client.get(api.url + PATH)


def test_httpx_takes_nothing_elsewhere(machine, provider, api):
    with (
        serving_api(provider) as other,
        httpx.Client(auth=ProcoreAuth(company=123), trust_env=False, follow_redirects=True) as client,
    ):
        client.get(other.url + PATH)
        api.redirect("/go", f"{other.url}/file")
        client.get(f"{api.url}/go")
    assert [call.token for call in other.calls] == [None, None]
    assert other.calls[0].headers["Procore-Company-Id"] is None
