"""`ProcoreAuth` with requests: the token and the company go to the API alone, redirects included."""

from __future__ import annotations

import contextlib

import pytest
import requests

from procore_cli import ProcoreAuth
from procore_cli.config.urls import is_at
from tests.provider import Answer
from tests.python_api.caller import PATH, get, refuse
from tests.signed_in import last_token, refreshes


def test_a_redirect_that_cannot_be_read_takes_nothing_along(machine, api):
    for target in ("http://[bad/x", "http:\\\\example.com", "/ok\\..", "mailto:x"):
        api.redirect("/go", target)
        kept: list[requests.Response] = []
        with contextlib.suppress(requests.RequestException, ValueError):
            get(
                f"{api.url}/go",
                ProcoreAuth(company=1),
                hooks={"response": lambda response, kept=kept, **_: kept.append(response)},
            )
        assert not {"Authorization", "Procore-Company-Id"} & kept[0].request.headers.keys()


def test_another_origin_gets_nothing(machine, provider, api, other):
    other.script[PATH] = lambda _: Answer(401, "who are you?")
    response = get(other.url + PATH, ProcoreAuth(company=123))
    (call,) = other.calls
    assert response.status_code == 401
    assert (call.token, call.headers["Procore-Company-Id"]) == (None, None)
    assert provider.count("/oauth/token") == 1


def test_each_origin_that_gets_no_token_is_logged_once_without_path_and_query(machine, api, other, caplog):
    auth = ProcoreAuth()
    for url in (
        f"{other.url}/hush-path?code=hush",
        other.url,
        "https://joe:hush@example.com/",
        "https://[x/",
    ):
        auth(requests.Request("GET", url))
    auth(requests.Request("GET", api.url.replace("//", "//joe:hush@")))

    records = [record for record in caplog.records if "carries no token" in record.getMessage()]
    said = [(record.name, record.levelname, record.getMessage()) for record in records]
    assert [(name, level) for name, level, _ in said] == [("procore_cli", "WARNING")] * 4
    alone = f"carries no token; ProcoreAuth is for {api.url} alone."
    assert [message for _, _, message in said] == [
        f"production: a request to {other.url} {alone}",
        f"production: a request to https://example.com {alone}",
        f"production: a request to an address that is none {alone}",
        f"production: a request to {api.url} with more than host and port in its address {alone}",
    ]


@pytest.mark.parametrize("is_refused_first", [False, True])
def test_a_redirect_elsewhere_takes_neither_token_nor_company_along(
    machine, provider, api, other, is_refused_first
):
    old = last_token(provider) if is_refused_first else ""
    target = f"{other.url}/file"
    api.script["/go"] = lambda call: refuse(old)(call) or Answer(302, "", {"Location": target})
    other.script["/file"] = lambda _: Answer(200, "the file")
    response = get(f"{api.url}/go", ProcoreAuth(company=123))
    (call,) = other.calls
    assert response.text == "the file"
    assert (call.token, call.headers["Procore-Company-Id"]) == (None, None)
    assert api.calls[-1].token == last_token(provider)


@pytest.mark.parametrize("is_refused_first", [False, True])
def test_a_redirect_within_the_api_keeps_both(machine, provider, api, is_refused_first):
    old = last_token(provider) if is_refused_first else ""
    api.script["/go"] = lambda call: refuse(old)(call) or Answer(302, "", {"Location": PATH})
    response = get(f"{api.url}/go", ProcoreAuth(company=123))
    assert response.status_code == 200
    assert api.calls[-1].token == last_token(provider)
    assert api.calls[-1].headers["Procore-Company-Id"] == "123"


def test_a_401_at_the_end_of_a_redirect_elsewhere_costs_no_refresh(machine, provider, api, other):
    api.redirect("/go", f"{other.url}/file")
    other.script["/file"] = lambda _: Answer(401, "")
    assert get(f"{api.url}/go", ProcoreAuth()).status_code == 401
    assert refreshes(provider) == 0


def test_what_is_not_surely_the_api_is_not_the_api():
    for url in (
        "http://api.procore.com/x",
        "https://api.procore.com:8443/x",
        "https://api.procore.com.example.com/x",
        "https://example.com/https://api.procore.com",
        "https://user@api.procore.com/x",
        "https://api.procore.com@example.com/x",
        "https://example.com\\@api.procore.com/x",
        "https://api.procore.com\\.example.com/x",
        "https://api.procore.com\n.example.com/x",
        "https://[api.procore.com/x",
        "https://example.com[api.procore.com]/x",
        "https://api.procore.com:x/x",
        "//api.procore.com/x",
        "",
    ):
        assert not is_at(url, "https://api.procore.com"), url
    assert is_at("https://API.procore.com:443/x?y=user@example.com", "https://api.procore.com")
