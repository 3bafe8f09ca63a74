"""What programs call with a bearer token, and the errors in Procore's shapes."""

from __future__ import annotations

import pytest

BEARER_PATHS = ["/rest/v1.0/me", "/rest/v1.0/companies", "/oauth/token/info"]


def test_me_is_the_sample_user(client):
    reply = client.me(client.new_tokens()["access_token"])

    assert reply.status == 200
    assert reply.json() == {"id": 11111, "login": "joecontractor@procore.com", "name": "Joe Contractor"}


def test_a_new_person_gets_the_next_free_id(client, new_client):
    first = client.new_tokens("second@example.com")
    second = new_client().new_tokens("third@example.com")

    assert client.me(first["access_token"]).json() == {
        "id": 11112,
        "login": "second@example.com",
        "name": "second",
    }
    assert client.me(second["access_token"]).json()["id"] == 11113


def test_a_token_whose_user_is_gone_is_no_good(client, server):
    tokens = client.new_tokens()
    with server.state.change() as db:
        db.execute("DELETE FROM users")

    assert client.me(tokens["access_token"]).status == 401


def test_me_knows_letters_beyond_ascii(client):
    tokens = client.new_tokens("bücher@straße.example")

    assert client.me(tokens["access_token"]).json()["login"] == "bücher@straße.example"


def test_companies_are_a_list_of_id_name_and_activity(client):
    tokens = client.new_tokens()
    companies = client.get("/rest/v1.0/companies", Authorization=f"Bearer {tokens['access_token']}").json()

    assert companies
    assert all(set(company) == {"id", "name", "is_active"} for company in companies)
    assert all(isinstance(company["id"], int) for company in companies)


def test_token_info_describes_the_token(client, clock):
    tokens = client.new_tokens()
    issued_at = clock.now
    clock.now += 400
    info = client.get("/oauth/token/info", Authorization=f"Bearer {tokens['access_token']}").json()

    assert info == {
        "resource_owner_id": 11111,
        "scopes": [],
        "expires_in_seconds": 5000,
        "application": {"uid": "pretend-client-id"},
        "created_at": issued_at,
    }


def test_without_a_valid_bearer_token_everything_is_401(client):
    for header in ("", "Bearer", "Bearer wrong", "Basic {token}", "{token}"):
        for path in BEARER_PATHS:
            token = client.control("POST", "sign-in").json()["access_token"]
            reply = client.get(path, Authorization=header.format(token=token))

            assert reply.status == 401
            assert {"errors", "error"} & set(reply.json())
            assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_in_the_query_is_not_read(client):
    for path in BEARER_PATHS:
        token = client.new_tokens()["access_token"]

        assert client.get(f"{path}?access_token={token}").status == 401


@pytest.mark.parametrize("path", BEARER_PATHS)
def test_an_access_token_lives_its_90_minutes(client, clock, path):
    header = f"Bearer {client.new_tokens()['access_token']}"
    clock.now += 5399
    assert client.get(path, Authorization=header).status == 200
    clock.now += 1

    assert client.get(path, Authorization=header).status == 401


def test_the_scheme_of_a_bearer_token_has_no_case(client):
    token = client.new_tokens()["access_token"]

    assert client.get("/rest/v1.0/me", Authorization=f"bearer {token}").status == 200


def test_what_is_not_there_is_404_in_procores_shape(client):
    for target in ("/", "/favicon.ico", "/rest/v1.0/nothing", "/oauth", "/login/x"):
        reply = client.get(target)

        assert reply.status == 404
        assert set(reply.json()) == {"errors"}


def test_a_route_knows_its_method(client):
    assert client.get("/oauth/token").status == 404
    assert client.post("/rest/v1.0/me").status == 404
