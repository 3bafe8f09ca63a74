"""The link, exchange, refresh, revoke and `/me`: what each sends, and what its answer becomes."""

import base64
import hashlib
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from procore_cli.client.api import Api
from procore_cli.client.oauth import OAuth, authorize_url, new_pkce, new_state
from procore_cli.config.environments import MONTHLY, PRODUCTION
from procore_cli.errors import (
    GrantRefusedError,
    RedirectRefusedError,
    RefusedCredentialsError,
    UnexpectedAnswerError,
)
from procore_cli.grants import AppCredentials, TokenSet
from procore_cli.models import Binding, Me
from tests.procore import procore_servers as servers

TOKENS = {
    "access_token": "new-access",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "new-refresh",
}
TOKEN_URL, REVOKE_URL = (f"https://login.procore.com/oauth/{name}" for name in ("token", "revoke"))
ME = {"id": 11111, "login": "joecontractor@procore.com", "name": "Joe Contractor"}
VERIFIER = "v" * 64
REDIRECT_URI = "http://localhost:4567/callback"
BINDING = Binding("the-client-id", "https://login.procore.com", "https://api.procore.com")
APPS = [
    AppCredentials("the-client-id", "the-client-secret", "PROCORE_CLIENT_ID"),
    AppCredentials("id with space", "s&c=r+t%é", "config.toml"),
]
OLD = TokenSet("old-access", "old-refresh", 900, BINDING)


@pytest.fixture
def mocked():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def oauth(new_transport):
    return OAuth(new_transport(), PRODUCTION, lambda: 1000.5)


def form_of(mock: responses.RequestsMock) -> dict[str, str]:
    pairs = parse_qsl(b"".join(mock.calls[0].request.body).decode(), strict_parsing=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def test_a_state_is_alphanumeric_and_long_enough_for_128_bits_and_no_two_are_equal():
    states = {new_state() for _ in range(50)}
    assert len(states) == 50
    for state in states:
        assert state.isascii()
        assert state.isalnum()
        assert len(state) * 5.95 > 128


def test_the_challenge_is_the_s256_of_a_verifier_that_shows_in_no_repr():
    pkce = new_pkce()
    digest = hashlib.sha256(pkce.verifier.encode()).digest()
    assert pkce.challenge == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert 43 <= len(pkce.verifier) <= 128
    assert pkce.verifier not in repr(pkce)
    assert len({new_pkce().verifier for _ in range(50)}) == 50


@pytest.mark.parametrize("login_url", ["https://login.procore.com", "http://127.0.0.1:9999"])
def test_the_link_carries_each_parameter_once_on_any_base_url(login_url):
    link = urlsplit(authorize_url(login_url, "id&=é", REDIRECT_URI, "s" * 32, "challenge"))
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{login_url}/oauth/authorize"
    fixed = {"response_type": "code", "code_challenge_method": "S256", "redirect_uri": REDIRECT_URI}
    given = {"client_id": "id&=é", "code_challenge": "challenge", "state": "s" * 32}
    assert sorted(parse_qsl(link.query)) == sorted((fixed | given).items())


OOB = "urn:ietf:wg:oauth:2.0:oob"
CODE = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
# What is called, what it posts beside the app's credentials, and how it calls what it is about.
CALLS = {
    "exchange": (lambda to, app, code: to.exchange(app, code, REDIRECT_URI, VERIFIER, BINDING), CODE, "code"),
    "exchange for the OOB URI": (
        lambda to, app, code: to.exchange(app, code, OOB, VERIFIER, BINDING),
        CODE | {"redirect_uri": OOB},
        "code",
    ),
    "refresh": (
        lambda to, app, token: to.refresh(app, replace(OLD, refresh_token=token)),
        {"grant_type": "refresh_token"},
        "refresh_token",
    ),
    "revoke": (lambda to, app, token: to.revoke(app, token), {}, "token"),
}


@pytest.mark.parametrize("app", APPS, ids=["plain", "awkward"])
@pytest.mark.parametrize("token", ["old-refresh", "co+de&x"])
@pytest.mark.parametrize(("call", "fixed", "name"), CALLS.values(), ids=CALLS)
def test_each_call_posts_its_parameters_once_with_the_secret(mocked, oauth, app, token, call, fixed, name):
    if fixed:
        mocked.post(TOKEN_URL, json=TOKENS)
        assert call(oauth, app, token) == TokenSet("new-access", "new-refresh", 1900, BINDING, 900)
    else:
        mocked.post(REVOKE_URL, json={})
        assert call(oauth, app, token) is None
    credentials = {"client_id": app.client_id, "client_secret": app.client_secret}
    assert form_of(mocked) == {**fixed, **credentials, name: token}
    assert len(mocked.calls) == 1


def test_a_refused_code_says_what_may_be_wrong_with_it(mocked, oauth, credentials):
    mocked.post(TOKEN_URL, json={"error": "invalid_grant", "error_description": "for the-code"}, status=400)
    with pytest.raises(GrantRefusedError) as caught:
        oauth.exchange(credentials, "the-code", REDIRECT_URI, VERIFIER, BINDING)
    assert "once, within ten minutes" in caught.value.message
    assert REDIRECT_URI in caught.value.message
    assert "the-code" not in caught.value.message
    assert caught.value.hint == "Run the command again."


@pytest.mark.parametrize("kind", ["exchange", "refresh", "revoke"])
def test_refused_credentials_end_with_3_wherever_they_are_sent(mocked, oauth, credentials, kind):
    mocked.post(REVOKE_URL if kind == "revoke" else TOKEN_URL, status=401, json={"error": "invalid_client"})
    with pytest.raises(RefusedCredentialsError) as caught:
        CALLS[kind][0](oauth, credentials, "token")
    assert "Is production the right environment?" in caught.value.message


def test_a_revocations_answer_needs_no_body_and_a_failure_repeats_no_token(mocked, oauth, credentials):
    for body in (b"", b"null", b"whatever"):
        mocked.post(REVOKE_URL, body=body)
        oauth.revoke(credentials, "old-access")
    assert len(mocked.calls) == 3
    mocked.post(REVOKE_URL, status=403, json={"error": "unauthorized_client", "message": "old-access"})
    with pytest.raises(UnexpectedAnswerError) as caught:
        oauth.revoke(credentials, "old-access")
    assert "answered 403 (unauthorized_client: …)" in caught.value.message


def test_whatever_the_login_host_answers_it_is_reached(serve, new_transport, environment_at):
    for status, header in (("200 OK", "Server: x"), ("302 Found", "Location: /"), ("503 No", "X: y")):
        server = serve(servers.answering(servers.http(status, b"", header)))
        assert OAuth(new_transport(), environment_at(server.url), lambda: 0).reach() is None
        assert server.requests[0].startswith(b"GET /oauth/token/info HTTP/1.1\r\n")
        assert b"uthorization" not in server.requests[0]


def test_me_is_asked_at_the_api_host_with_the_bearer(mocked, new_transport):
    mocked.get("https://api-monthly.procore.com/rest/v1.0/me", json=ME)
    assert Api(new_transport(), MONTHLY).me("the-token") == Me(*ME.values())
    assert mocked.calls[0].request.headers["Authorization"] == "Bearer the-token"


ASKED_FOR_A_COMPANY = [
    ("/rest/v1.0/me", ME, lambda api: api.me("t").id),
    ("/rest/v1.0/companies", [{"id": 11111, "name": "A"}], lambda api: api.companies("t")[0].id),
]


@pytest.mark.parametrize(("path", "content", "ask"), ASKED_FOR_A_COMPANY)
@pytest.mark.parametrize(
    ("company", "statuses", "sent"),
    [
        (None, [200], [None]),
        (22222, [200], ["22222"]),
        (22222, [400, 200], ["22222", None]),
        (22222, [403, 200], ["22222", None]),
        (22222, [404, 200], ["22222", None]),
    ],
)
def test_me_and_the_companies_are_asked_for_the_company_and_once_more_without_it(
    mocked, new_transport, path, content, ask, company, statuses, sent
):
    for status in statuses:
        answer = content if status == 200 else {"errors": ["App is not connected to this company."]}
        mocked.get(PRODUCTION.api_url + path, status=status, json=answer)
    assert ask(Api(new_transport(), PRODUCTION, company)) == 11111
    requests = [call.request for call in mocked.calls]
    assert [request.headers.get("Procore-Company-Id") for request in requests] == sent
    assert {request.headers["Authorization"] for request in requests} == {"Bearer t"}


@pytest.mark.parametrize(("path", "content", "ask"), ASKED_FOR_A_COMPANY)
@pytest.mark.parametrize(
    ("company", "statuses", "shown"),
    [(22222, [403, 400], 403), (None, [403], 403), (22222, [500], 500), (22222, [429], 429)],
)
def test_what_a_company_was_refused_for_is_said_where_it_cannot_be_left_out(
    mocked, new_transport, path, content, ask, company, statuses, shown
):
    for status in statuses:
        mocked.get(PRODUCTION.api_url + path, status=status, json={"errors": f"because {status}"})
    with pytest.raises(UnexpectedAnswerError, match=f"{shown}.* because {shown}|{shown} .because {shown}"):
        ask(Api(new_transport(), PRODUCTION, company))
    assert len(mocked.calls) == len(statuses)


def test_a_lifetime_counts_from_before_the_request(serve, new_transport, environment_at, credentials):
    server = serve(servers.answering(servers.json_http(TOKENS)))
    read_before: list[int] = []

    def clock() -> float:
        read_before.append(len(server.requests))
        return 1000.0

    oauth = OAuth(new_transport(), environment_at(server.url), clock)
    assert oauth.refresh(credentials, OLD).expires_at == 1900
    assert read_before == [0]


def test_no_endpoint_follows_a_redirect(serve, new_transport, environment_at, credentials):
    server = serve(servers.answering(servers.http("307 Temporary Redirect", b"", "Location: /elsewhere")))
    environment = environment_at(server.url)
    oauth, api = OAuth(new_transport(), environment, lambda: 0), Api(new_transport(), environment)
    for number, call in enumerate(
        (
            lambda: oauth.exchange(credentials, "code", REDIRECT_URI, VERIFIER, BINDING),
            lambda: oauth.refresh(credentials, OLD),
            lambda: oauth.revoke(credentials, "old"),
            lambda: api.me("token"),
        )
    ):
        with pytest.raises(RedirectRefusedError):
            call()
        assert len(server.requests) == number + 1
