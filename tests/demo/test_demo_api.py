"""Bearer tokens, `/me` and `/oauth/token/info`, and what is not there."""

from __future__ import annotations

import pytest


def test_me_is_the_person_and_new_people_get_the_next_free_ids(client):
    for email, id_, name in (
        ("joecontractor@procore.com", 11111, "Joe Contractor"),
        ("second@example.com", 11112, "second"),
        ("bücher@straße.example", 11113, "bücher"),
    ):
        me = client.me(client.new_tokens(email)["access_token"])

        assert (me.status, me.json()) == (200, {"id": id_, "login": email, "name": name})


def test_a_token_whose_user_is_gone_is_no_good(client, server):
    tokens = client.new_tokens()
    with server.state.change() as db:
        db.execute("DELETE FROM users")

    assert client.me(tokens["access_token"]).status == 401


def test_token_info_describes_the_token(client, clock):
    token, issued_at = client.new_tokens()["access_token"], clock.now
    clock.now += 400

    assert client.get("/oauth/token/info", Authorization=f"bearer {token}").json() == {
        "resource_owner_id": 11111,
        "scopes": [],
        "expires_in_seconds": 5000,
        "application": {"uid": "pretend-client-id"},
        "created_at": issued_at,
    }


@pytest.mark.parametrize("path", ["/rest/v1.0/me", "/rest/v1.0/companies", "/oauth/token/info"])
def test_only_a_bearer_token_within_its_90_minutes_is_let_in(client, clock, path):
    token = client.new_tokens()["access_token"]
    for header in ("", "Bearer", "Bearer wrong", f"Basic {token}", token):
        reply = client.get(f"{path}?access_token={token}", Authorization=header)

        assert reply.status == 401
        assert {"errors", "error"} & set(reply.json())
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
    for passed_s, status in ((5399, 200), (1, 401)):
        clock.now += passed_s
        assert client.get(path, Authorization=f"Bearer {token}").status == status


def test_what_is_not_there_is_404_in_procores_shape(client):
    for target in ("/", "/favicon.ico", "/rest/v1.0/nothing", "/oauth", "/login/x", "/oauth/token", "/demo/"):
        assert (client.get(target).status, set(client.get(target).json())) == (404, {"errors"})
    assert client.post("/rest/v1.0/me").status == 404
