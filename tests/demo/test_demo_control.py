"""What tests in other languages do below /demo/; and that no page of another site does it."""

from __future__ import annotations

import json

import pytest

from procore_cli.demo.seed import load_seed
from procore_cli.demo.server import DemoServer

RESPONSE = {"method": "GET", "path": "/rest/v1.0/projects/{id}/rfis", "json": [{"id": 1}], "status": 200}
RESPONSE |= {"headers": {"X-A": "1"}, "query": {"page": 1}, "times": 2, "delay_s": 0, "pages": False}


def test_people_sign_in_without_pages(client):
    user = client.control("POST", "users", {"email": "second@example.com", "name": "Second"})
    named = client.control("POST", "sign-in", {"email": "second@example.com"})

    assert (user.status, user.json()["name"], named.status) == (201, "Second", 201)
    me = {"id": user.json()["id"], "login": "second@example.com", "name": "Second"}
    assert client.me(named.json()["access_token"]).json() == me
    assert client.refresh(named.json()["refresh_token"]).status == 200
    for body in ({}, None):
        sample = client.control("POST", "sign-in", body).json()
        assert client.me(sample["access_token"]).json()["id"] == 11111


def test_companies_and_projects_are_added_and_replaced(client, program):
    company = client.control("POST", "companies", {"name": "New"}).json()
    program.company = company["id"]
    fields = {"company_id": company["id"], "name": "P", "stage": 1}
    project = client.control("POST", "projects", fields).json()
    projects = f"/rest/v1.0/companies/{company['id']}/projects"

    assert project == fields | {"id": project["id"]}
    assert company == {"id": 44445, "name": "New", "is_active": True, "app_installed": True}
    shown = program.get(projects).json()
    assert [(item["id"], item["name"], item["stage"]) for item in shown] == [(project["id"], "P", 1)]
    assert client.control("PATCH", f"companies/{company['id']}", {"app_installed": False}).status == 204
    assert program.get(projects).status == 403
    assert client.control("POST", "companies", company | {"name": "Newer"}).json()["id"] == company["id"]
    assert "Newer" in program.names("/rest/v1.0/companies")


def test_responses_are_set_and_forgotten(client):
    made = client.control("POST", "responses", RESPONSE)
    target = "/rest/v1.0/projects/7/rfis?page=1"

    assert (made.status, made.json()) == (201, RESPONSE)
    assert client.get(target).json() == [{"id": 1}]
    assert client.control("DELETE", "responses").status == 204
    assert client.get(target).status == 404


def test_tokens_end_and_live_as_long_as_is_said(client):
    tokens = client.new_tokens()
    assert client.control("POST", "expire").status == 204
    assert client.me(tokens["access_token"]).status == 401
    tokens = client.refresh(tokens["refresh_token"]).json()
    assert client.control("POST", "revoke", {}).status == 204
    assert client.refresh(tokens["refresh_token"]).status == 400
    assert client.control("POST", "lifetime", {"seconds": 30}).status == 204
    assert client.new_service_token()["expires_in"] == 30


def test_a_reset_is_the_beginning(client, program):
    client.control("POST", "responses", RESPONSE)
    client.control("POST", "lifetime", {"seconds": 30})
    client.control("POST", "users", {"email": "second@example.com"})
    client.control("POST", "companies", {"name": "New"})
    assert client.control("POST", "reset").status == 204

    assert program.get("/rest/v1.0/me").status == 401
    assert client.get("/rest/v1.0/projects/7/rfis?page=1").status == 404
    assert client.new_service_token()["expires_in"] == 5400
    program.token = client.control("POST", "sign-in", {"email": "third@example.com"}).json()["access_token"]
    assert program.get("/rest/v1.0/me").json()["id"] == 11112
    assert len(program.get("/rest/v1.0/companies").json()) == 3
    assert client.control("GET", "calls").json()["calls"][0]["path"] == "/rest/v1.0/me"


def test_what_cannot_be_used_is_a_400_that_names_the_field(client):
    for target, value, words in (
        ("responses", RESPONSE | {"status": 99}, "status is not 200 to 599, or null."),
        ("users", {"email": "nobody"}, "email is not an e-mail address."),
        ("companies", {}, "name is missing."),
        ("projects", {"company_id": 9, "name": "P"}, "company_id: there is no company 9."),
        ("sign-in", {"email": None}, "email is not an e-mail address."),
        ("lifetime", {"seconds": 0}, "seconds is not a whole number from 1."),
        ("expire", {"now": 1}, "now is not known: it may have no key."),
        ("reset", [1], "the body is not an object."),
    ):
        reply = client.control("POST", target, value)

        assert reply.status == 400, target
        assert words in reply.json()["errors"][0]
    assert client.control("PATCH", "companies/9", {"app_installed": True}).status == 400
    assert client.send("POST", "/demo/users", "{", **{"Content-Type": "application/json"}).status == 400
    assert client.control("GET", "users").status == 404


TEXT, NO_KIND = ({"Content-Type": kind} for kind in ("text/plain", ""))
HOSTS = [{"Host": host} for host in ("rebound.example", "localhost", "")]


@pytest.mark.parametrize(("headers", "status"), [(TEXT, 415), (NO_KIND, 415), *((it, 403) for it in HOSTS)])
def test_a_page_of_another_site_gets_nothing_done(client, server, headers, status):
    for method, target in (("POST", "reset"), ("POST", "sign-in"), ("PATCH", "companies/22222")):
        reply = client.control(method, target, {}, **headers, Origin="https://evil.example")

        assert reply.status == status
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
    assert client.send("OPTIONS", "/demo/reset", Origin="https://evil.example").status == 404
    if status == 403:
        assert client.control("GET", "calls", **headers).status == 403


def test_a_seeds_responses_are_there_from_the_start_and_after_a_reset(data_folder, clock, client, tmp_path):
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"responses": [{"method": "GET", "path": "/rest/x", "json": 7, "times": 1}]}))
    with DemoServer(data_folder, clock, seed=load_seed(path)) as server:
        client.url = server.url
        for _ in range(2):
            assert [client.get("/rest/x").status for _ in range(2)] == [200, 404]
            client.control("POST", "reset")
