"""`ProcoreAuth` with requests: the token and the company go to the API alone, redirects included."""

import contextlib

import pytest
import requests

from procore_cli import ProcoreAuth
from tests.api_server import Reply
from tests.python_api.caller import PATH, get, refuse
from tests.signed_in import last_token, refreshes


def test_a_redirect_that_cannot_be_read_takes_nothing_along(machine, api):
    for target in ("http://[bad/x", "http:\\\\example.com", "/ok\\..", "mailto:x"):
        api.redirect("/go", target)
        kept: list[requests.Response] = []
        hooks = {"response": lambda response, kept=kept, **_: kept.append(response)}
        with contextlib.suppress(requests.RequestException, ValueError):
            get(f"{api.url}/go", ProcoreAuth(company=1), hooks=hooks)
        assert not {"Authorization", "Procore-Company-Id"} & kept[0].request.headers.keys()


def test_another_origin_gets_nothing(machine, provider, elsewhere):
    elsewhere.always("who are you?", 401)
    assert get(elsewhere.url + PATH, ProcoreAuth(company=123)).status_code == 401
    (seen,) = elsewhere.requests
    assert (seen.token, seen.company) == (None, None)
    assert provider.count("/oauth/token") == 0


def test_each_origin_without_a_token_is_logged_once_without_path_and_query(machine, api, elsewhere, caplog):
    auth = ProcoreAuth()
    urls = [
        f"{elsewhere.url}/hush-path?code=hush",
        elsewhere.url,
        "https://joe:hush@example.com/",
        "https://[x/",
    ]
    for url in (*urls, api.url.replace("//", "//joe:hush@")):
        auth(requests.Request("GET", url))
    records = [record for record in caplog.records if "carries no token" in record.getMessage()]
    assert [(record.name, record.levelname) for record in records] == [("procore_cli", "WARNING")] * 4
    alone = f"carries no token; ProcoreAuth is for {api.url} alone."
    assert [record.getMessage() for record in records] == [
        f"production: a request to {elsewhere.url} {alone}",
        f"production: a request to https://example.com {alone}",
        f"production: a request to an address that is none {alone}",
        f"production: a request to {api.url} with more than host and port in its address {alone}",
    ]


@pytest.mark.parametrize("is_refused_first", [False, True])
@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_redirect_takes_token_and_company_along_within_the_api_alone(
    machine, provider, api, elsewhere, is_refused_first, is_elsewhere
):
    old = last_token(provider) if is_refused_first else ""
    moved = Reply(302, "", {"Location": f"{elsewhere.url}/file" if is_elsewhere else PATH})
    api.plays["/go"] = lambda seen: refuse(old)(seen) or moved
    assert get(f"{api.url}/go", ProcoreAuth(company=123)).status_code == 200
    assert (api.last.token, api.last.company) == (last_token(provider), "123")
    assert api.last.path == ("/go" if is_elsewhere else PATH)
    assert [(seen.token, seen.company) for seen in elsewhere.requests] == [(None, None)] * is_elsewhere


def test_a_401_at_the_end_of_a_redirect_elsewhere_costs_no_refresh(machine, provider, api, elsewhere):
    api.redirect("/go", f"{elsewhere.url}/file")
    elsewhere.always("", 401)
    assert get(f"{api.url}/go", ProcoreAuth()).status_code == 401
    assert refreshes(provider) == 0
