"""Companies and projects as an integration sees them: shapes, companies, errors, changes that stay."""

from __future__ import annotations

import pytest

from procore_cli.demo.seed import Project
from procore_cli.demo.server import DemoServer

PROJECTS = "/rest/v1.0/projects"
NEEDS_COMPANY = [
    ("GET", PROJECTS),
    ("POST", PROJECTS),
    ("GET", f"{PROJECTS}/501"),
    ("PATCH", f"{PROJECTS}/501"),
    ("PUT", f"{PROJECTS}/501"),
    ("DELETE", f"{PROJECTS}/501"),
    ("GET", "/rest/v1.0/companies/22222"),
    ("GET", "/rest/v1.0/companies/22222/projects"),
    ("GET", "/rest/v2.0/companies/22222/projects"),
]


def test_projects_are_those_of_the_headers_company(program):
    assert program.names(PROJECTS) == ["Pretend Library", "Pretend School", "Pretend Station"]
    program.company = 33333
    assert program.names(PROJECTS) == ["Sample Footbridge"]


def test_a_project_names_its_company_and_its_times(program):
    assert program.get(f"{PROJECTS}/501").json() == {
        "id": 501,
        "name": "Pretend Library",
        "active": True,
        "company": {"id": 22222, "name": "Pretend Construction"},
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }


def test_a_company_and_its_projects_can_be_asked_for_by_path(program):
    company = program.get("/rest/v1.0/companies/33333").json()

    assert company == {"id": 33333, "name": "Sample Bridges", "is_active": True}
    assert program.names("/rest/v1.0/companies/33333/projects") == ["Sample Footbridge"]


def test_the_list_of_companies_needs_no_header_and_shows_those_without_the_app(program):
    program.company = None

    assert [company["id"] for company in program.get("/rest/v1.0/companies").json()] == [22222, 33333, 44444]


def test_rest_v2_wraps_the_list_in_data(program):
    reply = program.get("/rest/v2.0/companies/22222/projects?per_page=2")

    assert [project["id"] for project in reply.json()["data"]] == [501, 502]
    assert reply.headers["Total"] == "3"


def test_without_a_company_the_answer_is_a_400_that_names_the_header(program):
    for company in (None, "", "x", "-1", "2" * 30):
        for method, target in NEEDS_COMPANY:
            program.company = company
            reply = program.send(method, target)

            assert reply.status == 400
            assert "Procore-Company-Id" in reply.json()["errors"][0]


def test_where_the_app_is_not_installed_the_answer_is_procores_403(program):
    for method, target in NEEDS_COMPANY:
        program.company = 44444
        reply = program.send(method, target)

        assert reply.status == 403
        assert reply.json() == {"errors": ["App is not connected to this company."]}


def test_without_a_token_the_answer_is_401_whatever_else_is_wrong(client):
    for method, target in NEEDS_COMPANY:
        reply = client.send(method, target)

        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


def test_what_the_company_does_not_have_is_404(program):
    for method, target in (
        ("GET", f"{PROJECTS}/601"),
        ("PATCH", f"{PROJECTS}/601"),
        ("DELETE", f"{PROJECTS}/601"),
        ("GET", f"{PROJECTS}/999999999999999999"),
        ("GET", "/rest/v1.0/companies/9"),
    ):
        assert program.send(method, target, {}).status == 404
    program.company = 9
    assert program.get(PROJECTS).status == 404


def test_a_project_is_made_from_its_keys_or_from_procores_wrapping(program, clock):
    for body in ({"name": "New"}, {"company_id": 22222, "project": {"name": "New"}}):
        made = program.send("POST", PROJECTS, body)

        assert made.status == 201
        assert made.json() == program.get(f"{PROJECTS}/{made.json()['id']}").json()
        assert made.json()["name"] == "New"
        assert made.json()["created_at"] == "2027-01-15T08:00:00Z"


def test_other_keys_of_a_project_are_kept_and_its_own_are_not_overwritten(program):
    made = program.send("POST", PROJECTS, {"name": "New", "project_number": "7", "active": False, "id": 1})
    project = program.get(f"{PROJECTS}/{made.json()['id']}").json()

    assert (project["project_number"], project["active"]) == ("7", False)
    assert project["id"] != 1


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_leaves_the_other_keys(program, clock, method):
    clock.now += 60
    changed = program.send(method, f"{PROJECTS}/501", {"address": "Main Street"}).json()

    assert (changed["name"], changed["address"]) == ("Pretend Library", "Main Street")
    assert (changed["created_at"], changed["updated_at"]) == ("2026-01-01T00:00:00Z", "2027-01-15T08:01:00Z")
    assert program.send(method, f"{PROJECTS}/501", {"name": "B"}).json()["address"] == "Main Street"


def test_what_is_deleted_is_gone(program):
    reply = program.send("DELETE", f"{PROJECTS}/501")

    assert (reply.status, reply.text) == (204, "")
    assert reply.headers["Content-Length"] is None
    assert program.get(f"{PROJECTS}/501").status == 404


def test_a_project_without_a_name_is_422_in_procores_shape(program):
    for value in ({}, {"name": ""}, {"name": " "}, {"name": 7}, {"name": "\ud800"}, {"project": {}}):
        reply = program.send("POST", PROJECTS, value)

        assert (reply.status, reply.json()) == (422, {"errors": {"name": ["can't be blank"]}})


def test_a_body_that_is_no_json_object_is_400(program):
    for body in ("", "name=New", "[1]", '{"name": NaN}', "[" * 100_000, '"x"'):
        headers = {"Authorization": f"Bearer {program.token}", "Procore-Company-Id": "22222"}

        assert program.client.send("POST", PROJECTS, body, **headers).status == 400


def test_changes_outlive_the_server(program, data_folder, clock, server):
    program.send("DELETE", f"{PROJECTS}/501")
    program.send("POST", PROJECTS, {"name": "New"})
    server.close()

    with DemoServer(data_folder, clock) as second:
        program.client.url = second.url
        assert program.names(PROJECTS) == ["Pretend School", "Pretend Station", "New"]


def test_tokens_can_be_had_without_the_pages(client):
    named = client.post("/demo/tokens", email="second@example.com").json()

    assert client.me(client.post("/demo/tokens").json()["access_token"]).json()["id"] == 11111
    assert client.me(named["access_token"]).json()["login"] == "second@example.com"
    assert client.me(client.refresh(named["refresh_token"]).json()["access_token"]).status == 200
    assert client.post("/demo/tokens", email="nobody").status == 422


def test_no_other_key_stands_in_for_one_of_the_projects_own(program, server):
    wrong = {"id": 5, "name": "Wrong", "company": 1, "created_at": "never", "active": False}
    project_id = server.state.save_project(Project(None, 22222, "Right", wrong, 0, 0))
    shown = program.get(f"/rest/v1.0/projects/{project_id}").json()

    assert (shown["id"], shown["name"], shown["company"]["id"]) == (project_id, "Right", 22222)
    assert (shown["created_at"], shown["active"]) == ("1970-01-01T00:00:00Z", False)


def test_a_service_account_is_another_one_in_each_company(program, client):
    program.token = client.new_service_token()["access_token"]
    accounts = []
    for program.company in (22222, 33333):
        accounts.append(program.get("/rest/v1.0/me").json())
        assert [company["id"] for company in program.get("/rest/v1.0/companies").json()] == [program.company]
        assert program.get("/rest/v1.0/projects").status == 200

    assert accounts[0] == {
        "id": 1_000_000_022_222,
        "login": "service-account-22222@procore.example",
        "name": "Service account of Pretend Construction",
    }
    assert all(accounts[0][key] != accounts[1][key] for key in ("id", "login", "name"))


def test_a_service_account_has_to_name_a_company_that_has_the_app(program, client):
    program.token = client.new_service_token()["access_token"]
    for target in ("/rest/v1.0/me", "/rest/v1.0/companies"):
        for program.company, status, why in (
            (None, 400, "Missing Procore-Company-Id header!"),
            (44444, 403, "App is not connected to this company."),
        ):
            reply = program.get(target)

            assert (reply.status, reply.json()) == (status, {"errors": [why]})
