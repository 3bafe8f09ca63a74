"""Companies and projects as an integration sees them: shapes, companies, errors, changes that stay."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from procore_cli.demo.records import Project
from procore_cli.demo.server import DemoServer
from tests.demo.conftest import new_multipart

PROJECTS = "/rest/v1.0/projects"
OF_22222 = "?company_id=22222"
LISTS = [
    f"{PROJECTS}{OF_22222}",
    f"/rest/v1.1/projects{OF_22222}",
    "/rest/v1.0/companies/22222/projects",
    "/rest/v2.0/companies/22222/projects",
]
NEEDS_COMPANY = [
    *(("GET", target) for target in LISTS),
    ("POST", f"{PROJECTS}{OF_22222}"),
    ("GET", f"{PROJECTS}/501{OF_22222}"),
    ("PATCH", f"{PROJECTS}/501{OF_22222}"),
]
OWN_BODY = {"company_id": 22222, "project": {"address": "Main Street"}}


def test_projects_are_those_of_the_company(program):
    for target in LISTS:
        program.company = 22222
        shown = program.get(target).json()
        shown = shown["data"] if "v2.0" in target else shown
        assert [it["name"] for it in shown] == ["Pretend Library", "Pretend School", "Pretend Station"]
        program.company = 33333
        assert "Sample Footbridge" in program.get(target.replace("22222", "33333")).text


def test_a_project_names_its_company_and_its_times(program):
    project = {
        "id": 501,
        "name": "Pretend Library",
        "active": True,
        "company": {"id": 22222, "name": "Pretend Construction"},
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    assert program.get(f"{PROJECTS}/501{OF_22222}").json() == program.get(LISTS[0]).json()[0] == project
    texts = {"id": "501", "company": {"id": "22222", "name": "Pretend Construction"}}
    assert program.get(LISTS[3]).json()["data"][0] == project | texts


def test_the_list_of_companies_needs_no_header_and_shows_those_without_the_app(program):
    program.company = None
    companies = program.get("/rest/v1.0/companies").json()

    assert [company["id"] for company in companies] == [22222, 33333, 44444]
    assert companies[0] == {"id": 22222, "name": "Pretend Construction", "is_active": True}


def test_a_call_needs_a_token_a_company_and_the_app_in_it(program, client):
    for method, target in NEEDS_COMPANY:
        nobodys = client.send(method, target)
        assert (nobodys.status, nobodys.headers["WWW-Authenticate"][:7]) == (401, "Bearer ")
        for program.company in (None, "", "x", "-1", "2" * 30):
            reply = program.send(method, target, OWN_BODY)
            assert (reply.status, reply.json()) == (400, {"errors": ["Missing Procore-Company-Id header!"]})
        program.company = 44444
        reply = program.send(method, target.replace("22222", "44444"), {"project": {"name": "N"}})
        assert (reply.status, reply.json()) == (403, {"errors": ["App is not connected to this company."]})


def test_the_company_has_to_be_named_besides_and_to_be_that_of_the_header(program):
    for method, path in (("GET", ""), ("GET", "/501"), ("POST", ""), ("PATCH", "/501")):
        missing = program.send(method, PROJECTS + path, {"project": {"name": "N"}})
        other = program.send(method, f"{PROJECTS}{path}?company_id=33333", {"project": {"name": "N"}})

        assert (missing.status, missing.json()["errors"][0][-10:]) == (400, "company_id")
        assert other.status == 400
        assert other.json()["errors"] == ["company_id is not that of the Procore-Company-Id header, 22222."]
    assert program.send("POST", PROJECTS, OWN_BODY | {"company_id": 33333}).status == 400
    assert program.get("/rest/v1.0/companies/33333/projects").status == 400


def test_what_the_company_or_the_published_api_does_not_have_is_404(program):
    for method, target in (
        ("GET", f"{PROJECTS}/601{OF_22222}"),
        ("PATCH", f"{PROJECTS}/601{OF_22222}"),
        ("GET", f"{PROJECTS}/999999999999999999{OF_22222}"),
        ("DELETE", f"{PROJECTS}/501{OF_22222}"),
        ("PUT", f"{PROJECTS}/501{OF_22222}"),
        ("GET", "/rest/v1.0/companies/22222"),
        ("GET", f"/rest/v1.1/projects/501{OF_22222}"),
        ("GET", f"/rest/v2.0/projects{OF_22222}"),
    ):
        assert program.send(method, target, OWN_BODY).status == 404, target
    program.company = 9
    assert program.get(f"{PROJECTS}?company_id=9").status == 404


def test_a_project_is_made_from_procores_wrapping_in_every_form(program, clock):
    form = {"company_id": "22222", "project[name]": "New", "project[stage]": "7"}
    for body, kind in (
        (json.dumps({"company_id": 22222, "project": {"name": "New", "stage": "7"}}), "application/json"),
        (urlencode(form), "application/x-www-form-urlencoded"),
        (new_multipart(form), "multipart/form-data; boundary=x"),
    ):
        made = program.client.send("POST", PROJECTS, body, **program.headers | {"Content-Type": kind})

        assert made.status == 201
        assert made.json() == program.get(f"{PROJECTS}/{made.json()['id']}{OF_22222}").json()
        assert (made.json()["name"], made.json()["stage"]) == ("New", "7")
        assert made.json()["created_at"] == "2027-01-15T08:00:00Z"


def test_a_change_leaves_the_other_keys(program, clock):
    clock.now += 60
    changed = program.send("PATCH", f"{PROJECTS}/501", OWN_BODY).json()

    assert (changed["name"], changed["address"]) == ("Pretend Library", "Main Street")
    assert (changed["created_at"], changed["updated_at"]) == ("2026-01-01T00:00:00Z", "2027-01-15T08:01:00Z")
    renamed = program.send("PATCH", f"{PROJECTS}/501", OWN_BODY | {"project": {"name": "B"}}).json()
    assert (renamed["name"], renamed["address"]) == ("B", "Main Street")


def test_a_project_without_a_name_is_422_in_procores_shape(program):
    for project in ({"stage": 1}, {"name": ""}, {"name": " "}, {"name": 7}, {"name": "\ud800"}):
        reply = program.add(**project)

        assert (reply.status, reply.json()) == (422, {"errors": {"name": ["can't be blank"]}})


def test_a_body_that_is_not_procores_is_400(program):
    for body, kind in (
        ('{"company_id": 22222, "name": "N"}', "application/json"),
        ('{"company_id": 22222, "project": {}}', "application/json"),
        ('{"company_id": 22222, "project": "N"}', "application/json"),
        ('{"company_id": 22222, "project": {"name": NaN}}', "application/json"),
        ("[1]", "application/json"),
        ("[" * 100_000, "application/json"),
        ('{"company_id": 22222, "project": {"name": "N"}}', "text/plain"),
        ('{"company_id": 22222, "project": {"name": "N"}}', ""),
        ("company_id=22222&project[name]=N&project[name]=M", "application/x-www-form-urlencoded"),
    ):
        reply = program.client.send("POST", PROJECTS, body, **program.headers | {"Content-Type": kind})

        assert (reply.status, list(reply.json())) == (400, ["errors"]), body[:60]


def test_changes_outlive_the_server(program, data_folder, clock, server):
    program.send("PATCH", f"{PROJECTS}/501", OWN_BODY | {"project": {"name": "Renamed"}})
    program.add(name="New")
    server.close()

    with DemoServer(data_folder, clock) as second:
        program.client.url = second.url
        assert program.names(LISTS[0]) == ["Renamed", "Pretend School", "Pretend Station", "New"]


def test_no_other_key_stands_in_for_one_of_the_projects_own(program, server):
    wrong = {"id": 5, "name": "Wrong", "company": 1, "created_at": "never", "active": False}
    project_id = server.state.save(Project(0, 22222, "Right", json.dumps(wrong), 0, 0))
    shown = program.get(f"/rest/v1.0/projects/{project_id}{OF_22222}").json()

    assert (shown["id"], shown["name"], shown["company"]["id"]) == (project_id, "Right", 22222)
    assert (shown["created_at"], shown["active"]) == ("1970-01-01T00:00:00Z", False)
    made = program.add(name="New", project_number="7", active=False, id=1).json()
    assert (made["project_number"], made["active"], made["id"] != 1) == ("7", False, True)


def test_every_answer_says_where_the_rate_limit_stands(program, clock, client):
    replies = [program.get(target) for target in ("/rest/v1.0/me", "/rest/v1.0/nothing", PROJECTS)]
    replies += [client.refresh("x"), client.get("/login")]

    assert [
        [int(reply.headers[f"X-Rate-Limit-{name}"]) for name in ("Limit", "Remaining", "Reset")]
        for reply in replies
    ] == [[3600, left, clock.now + 3600] for left in range(3599, 3594, -1)]


def test_a_service_account_is_another_one_in_each_company_that_has_the_app(program, client):
    program.token = client.new_service_token()["access_token"]
    for target in ("/rest/v1.0/me", "/rest/v1.0/companies"):
        for program.company, status, why in (
            (None, 400, "Missing Procore-Company-Id header!"),
            (44444, 403, "App is not connected to this company."),
        ):
            reply = program.get(target)
            assert (reply.status, reply.json()) == (status, {"errors": [why]})
    accounts = []
    for program.company in (22222, 33333):
        accounts.append(program.get("/rest/v1.0/me").json())
        assert [company["id"] for company in program.get("/rest/v1.0/companies").json()] == [program.company]
        assert program.get(f"/rest/v1.0/companies/{program.company}/projects").status == 200

    assert accounts[0] == {
        "id": 1_000_000_022_222,
        "login": "service-account-22222@procore.example",
        "name": "Service account of Pretend Construction",
    }
    assert all(accounts[0][key] != accounts[1][key] for key in ("id", "login", "name"))
