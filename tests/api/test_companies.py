"""A company that is missing, or in which the app is not installed: said, listed, and one may be kept."""

from __future__ import annotations

from collections.abc import Callable

import click
import pytest

from procore_cli.client.request import Call
from procore_cli.flows.api_call import find_company
from tests.api.api_machine import Called, Caller, assert_ended
from tests.api.api_server import ApiServer, Reply, Seen
from tests.cli import Machine
from tests.provider import JOE
from tests.terminal import Terminal

NOT_CONNECTED = {"errors": ["App is not connected to this company."]}
COMPANIES = [{"id": 7, "name": "Joe's \x1b[31mbuilders"}, {"id": 8, "name": None}, {"name": "none"}, 9]


@pytest.fixture
def api(api: ApiServer) -> ApiServer:
    api.plays["/rest/v1.0/companies"] = lambda _: Reply(200, COMPANIES)
    return api


def test_a_company_without_the_app_is_said_with_the_others(call, api):
    api.always(NOT_CONNECTED, 403)
    called = call("projects", "--company", "5")
    assert_ended(called, 5)
    assert called.out == b'{"errors": ["App is not connected to this company."]}'
    assert "not installed in company 5" in called.err
    assert "--company ID" in called.err
    assert r"  7  Joe's \x1b[31mbuilders" in called.said
    assert "  8  " in called.said


def test_a_missing_company_is_said(call, api):
    for status, body in (
        (400, {"errors": "Procore-Company-Id header is required"}),
        (403, {"errors": "A company is required"}),
        (404, {"message": "Company not found"}),
    ):
        api.always(body, status)
        called = call("projects")
        assert_ended(called, 5)
        assert "names no company" in called.err
        assert "configure --env production --company ID" in called.err
        assert "  8  " in called.said


def test_other_refusals_are_not_about_the_company(call, api):
    for status, body, arguments in (
        (404, {"errors": "Not Found"}, ("projects",)),
        (403, {"errors": "Forbidden"}, ("projects", "--company", "5")),
        (403, {"errors": ["You need permission"]}, ("projects",)),
        (403, {"errors": "No access to this company"}, ("companies/5/users",)),
        (404, {"errors": "Company not found"}, ("projects?company_id=5",)),
        (400, {"errors": "A company is odd"}, ("projects", "-X", "GET", "-f", "filters[company_id]=5")),
    ):
        api.always(body, status)

        called = call(*arguments)

        assert_ended(called, 5)
        assert "company" not in called.err.partition("Hint:")[2]
    assert "/rest/v1.0/companies" not in [seen.path for seen in api.requests]


def test_a_list_that_cannot_be_had_changes_nothing(call, api):
    api.always(NOT_CONNECTED, 403)
    for reply in (Reply(500, b"oops"), Reply(200, b"{}"), Reply(200, b"[")):
        api.plays["/rest/v1.0/companies"] = lambda _, reply=reply: reply
        called = call("projects", "--company", "5")
        assert_ended(called, 5)
        assert "not installed in company 5" in called.err


def test_many_companies_are_cut_short(call, api):
    api.always(NOT_CONNECTED, 403)
    many = [{"id": number, "name": "x"} for number in range(1, 31)]
    api.plays["/rest/v1.0/companies"] = lambda _: Reply(200, many)
    said = call("projects", "--company", "99").said
    assert "  20  x" in said
    assert "  21  x" not in said
    assert any("and 10 more" in line for line in said)


def test_at_a_terminal_one_of_them_can_be_kept(call, api):
    api.always(NOT_CONNECTED, 403)
    with Terminal(call.machine, "api", "projects", "--company", "5") as terminal:
        before, _, _ = terminal.read_until("Enter for none").partition("Keep one")
        terminal.type("7")
        code = terminal.finish()
    assert code == 5
    assert "Error: production: Procore answered 403" in before
    assert terminal.drawn.count("Error:") == 1
    assert call.machine.run_here("configure", "--show", "--json").json["company"] == 7


@pytest.fixture
def typing(call: Caller, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """Call at a terminal where somebody types this, or does that, at the question."""
    api.always(NOT_CONNECTED, 403)

    def typing(typed: str | type[BaseException], **variables: str) -> Called:
        def answer(prompt: str) -> str:
            asked.append(prompt)
            if isinstance(typed, str):
                return typed
            raise typed

        asked: list[str] = []
        monkeypatch.setattr(click.termui, "visible_prompt_func", answer)
        where = () if variables else ("--company", "5")
        called = call("projects", *where, terminal="in out err", variables={"NO_COLOR": "1", **variables})
        assert called.err.count("Error: production: Procore answered 403") == 1
        assert len(asked) == (not variables)
        return called

    return typing


@pytest.mark.parametrize("typed", ["", "6", "x", "7" + "0" * 30, EOFError])
def test_nothing_is_kept_that_is_not_in_the_list(call, typing, typed):
    called = typing(typed)
    assert_ended(called, 5)
    assert ("was not in the list" in called.err) == (typed not in ("", EOFError))
    assert call.machine.run_here("configure", "--show", "--json").json["company"] is None


def test_nothing_is_offered_where_a_variable_would_win(typing):
    assert_ended(typing("7", PROCORE_COMPANY_ID="5"), 5)


def test_ctrl_c_at_the_question_ends_with_130_after_the_error_was_told(typing):
    called = typing(KeyboardInterrupt)
    assert_ended(called, 130)
    assert called.err.rstrip().endswith("Stopped.")


def test_the_demo_starts_its_own_server(tmp_path):
    demo = Machine(tmp_path / "demo")
    assert demo.run_here("signup", "--env", "demo").code == 0
    result = demo.run_here("api", "/rest/v1.0/companies", "--env", "demo", "--jsonl")
    assert result.code == 0, result.err
    assert result.out.startswith('{"')


def test_as_many_companies_as_a_page_can_have_are_asked_for_with_the_same_token(call, api):
    api.always(NOT_CONNECTED, 403)
    token = call.sign_in()
    said = call("projects", "--company", "5").said
    assert [seen.headers["authorization"] for seen in api.requests] == [f"Bearer {token}"] * 2
    assert api.last.target == "/rest/v1.0/companies?per_page=1000"
    # The error is told once, and before the list.
    assert [line.partition(":")[0] for line in said if line[0].isalpha()] == [
        "Error",
        "Hint",
        "The companies of this account in production",
    ]


@pytest.mark.parametrize("is_refused", [False, True])
def test_whoami_is_asked_for_the_company_in_force(call, api, is_refused):
    def play(seen: Seen) -> Reply:
        named = "procore-company-id" in seen.headers
        return Reply(403, NOT_CONNECTED) if named and is_refused else Reply(200, JOE)

    api.plays["/rest/v1.0/me"] = play
    call.machine.variables["PROCORE_COMPANY_ID"] = "22222"
    result = call.machine.run_here("whoami", "--json")
    assert (result.code, result.json["email"], result.json["company"]) == (0, JOE["login"], 22222)
    named = [seen.headers.get("procore-company-id") for seen in api.requests]
    assert named == ["22222", None][: 1 + is_refused]


NAMED = [
    ("http://x/rest/v1.0/companies/5", {}, "5"),
    ("http://x/rest/v1.0/companies/5/users?a=b", {}, "5"),
    ("http://x/rest/v1.0/projects?a=b&company_id=5", {}, "5"),
    ("http://x/rest/v1.0/projects?filters%5Bcompany_id%5D=5", {}, "5"),
    ("http://x/rest/v1.0/projects?company_id=5", {"PROCORE-company-id": "7"}, "7"),
    ("http://x/rest/v1.0/companies", {}, None),
    ("http://x/rest/v1.0/projects?company_id=", {}, None),
    ("http://x/rest/v1.0/projects?not_company_id=5", {}, None),
]


def test_a_company_may_be_named_in_three_places():
    found = [(url, headers, find_company(Call("GET", url, headers))) for url, headers, _ in NAMED]
    assert found == NAMED
