"""A company that is missing, or in which the app is not installed: said, listed, and one may be kept."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from procore_cli.client.request import Call
from procore_cli.flows.api_call import find_company
from tests.api.api_machine import Caller, assert_ended
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


def test_a_company_without_the_app_is_said_with_the_others(call: Caller, api: ApiServer) -> None:
    api.always(NOT_CONNECTED, 403)

    called = call("projects", "--company", "5")

    assert_ended(called, 5)
    assert called.out == b'{"errors": ["App is not connected to this company."]}'
    assert "not installed in company 5" in called.err
    assert "--company ID" in called.err
    assert r"  7  Joe's \x1b[31mbuilders" in called.said
    assert "  8  " in called.said


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"errors": "Procore-Company-Id header is required"}),
        (403, {"errors": "A company is required"}),
        (404, {"message": "Company not found"}),
    ],
)
def test_a_missing_company_is_said(call: Caller, api: ApiServer, status: int, body: object) -> None:
    api.always(body, status)

    called = call("projects")

    assert_ended(called, 5)
    assert "names no company" in called.err
    assert "configure --env production --company ID" in called.err
    assert "  8  " in called.said


@pytest.mark.parametrize(
    ("status", "body", "arguments"),
    [
        (404, {"errors": "Not Found"}, ("projects",)),
        (403, {"errors": "Forbidden"}, ("projects", "--company", "5")),
        (403, {"errors": ["You need permission"]}, ("projects",)),
        (403, {"errors": "No access to this company"}, ("companies/5/users",)),
        (404, {"errors": "Company not found"}, ("projects?company_id=5",)),
        (400, {"errors": "A company is odd"}, ("projects", "-X", "GET", "-f", "filters[company_id]=5")),
    ],
)
def test_other_refusals_are_not_about_the_company(
    call: Caller, api: ApiServer, status: int, body: object, arguments: tuple[str, ...]
) -> None:
    api.always(body, status)

    called = call(*arguments)

    assert_ended(called, 5)
    assert [seen.path for seen in api.requests if seen.path == "/rest/v1.0/companies"] == []
    assert "company" not in called.err.partition("Hint:")[2]


@pytest.mark.parametrize("reply", [Reply(500, b"oops"), Reply(200, b"{}"), Reply(200, b"[")])
def test_a_list_that_cannot_be_had_changes_nothing(call: Caller, api: ApiServer, reply: Reply) -> None:
    api.always(NOT_CONNECTED, 403)
    api.plays["/rest/v1.0/companies"] = lambda _: reply

    called = call("projects", "--company", "5")

    assert_ended(called, 5)
    assert "not installed in company 5" in called.err


def test_many_companies_are_cut_short(call: Caller, api: ApiServer) -> None:
    api.always(NOT_CONNECTED, 403)
    many = [{"id": number, "name": "x"} for number in range(1, 31)]
    api.plays["/rest/v1.0/companies"] = lambda _: Reply(200, many)

    said = call("projects", "--company", "99").said

    assert "  20  x" in said
    assert "  21  x" not in said
    assert any("and 10 more" in line for line in said)


@pytest.mark.parametrize(
    ("typed", "kept"), [("7", 7), ("", None), ("6", None), ("x", None), ("7" + "0" * 30, None)]
)
def test_at_a_terminal_one_of_them_can_be_kept(
    call: Caller, api: ApiServer, typed: str, kept: int | None
) -> None:
    api.always(NOT_CONNECTED, 403)

    with Terminal(call.machine, "api", "projects", "--company", "5") as terminal:
        terminal.read_until("Enter for none")
        terminal.type(typed)
        code = terminal.finish()

    assert code == 5
    assert ("was not in the list" in terminal.drawn) == bool(typed and not kept)
    assert call.machine.run_here("configure", "--show", "--json").json["company"] == kept


def test_nothing_is_offered_where_a_variable_would_win(call: Caller, api: ApiServer) -> None:
    api.always(NOT_CONNECTED, 403)
    call.machine.variables["PROCORE_COMPANY_ID"] = "5"

    with Terminal(call.machine, "api", "projects") as terminal:
        assert terminal.finish() == 5

    assert "Enter for none" not in terminal.drawn


def test_the_demo_starts_its_own_server(tmp_path: Path) -> None:
    demo = Machine(tmp_path / "demo")
    assert demo.run_here("signup", "--env", "demo").code == 0

    result = demo.run_here("api", "/rest/v1.0/companies", "--env", "demo", "--jsonl")

    assert result.code == 0, result.err
    assert result.out.startswith('{"')


def test_the_companies_are_asked_for_with_the_same_token(call: Caller, api: ApiServer) -> None:
    api.always(NOT_CONNECTED, 403)
    token = call.sign_in()

    call("projects", "--company", "5")

    assert [seen.headers["authorization"] for seen in api.requests] == [f"Bearer {token}"] * 2


@pytest.mark.parametrize("is_refused", [False, True])
def test_whoami_is_asked_for_the_company_in_force(call: Caller, api: ApiServer, is_refused: bool) -> None:
    def play(seen: Seen) -> Reply:
        named = "procore-company-id" in seen.headers
        return Reply(403, NOT_CONNECTED) if named and is_refused else Reply(200, JOE)

    api.plays["/rest/v1.0/me"] = play
    call.machine.variables["PROCORE_COMPANY_ID"] = "22222"

    result = call.machine.run_here("whoami", "--json")

    assert (result.code, result.json["email"], result.json["company"]) == (0, JOE["login"], 22222)
    named = [seen.headers.get("procore-company-id") for seen in api.requests]
    assert named == ["22222", None][: 1 + is_refused]


def test_as_many_companies_are_asked_for_as_a_page_can_have(call: Caller, api: ApiServer) -> None:
    api.always(NOT_CONNECTED, 403)

    call("projects", "--company", "5")

    assert api.last.target == "/rest/v1.0/companies?per_page=1000"


def test_the_error_is_told_once_and_before_the_list(call: Caller, api: ApiServer) -> None:
    api.always(NOT_CONNECTED, 403)

    said = call("projects", "--company", "5").said

    assert [line.partition(":")[0] for line in said if line[0].isalpha()] == [
        "Error",
        "Hint",
        "The companies of this account in production",
    ]


def test_the_error_stands_before_the_question_and_ctrl_d_is_no_answer(call: Caller, api: ApiServer) -> None:
    api.always(NOT_CONNECTED, 403)

    with Terminal(call.machine, "api", "projects", "--company", "5") as terminal:
        before, _, _ = terminal.read_until("Enter for none").partition("Keep one")
        os.write(terminal._fd, b"\x04")
        code = terminal.finish()

    assert code == 5
    assert "Error: production: Procore answered 403" in before
    assert terminal.drawn.count("Error:") == 1


def test_ctrl_c_at_the_question_ends_with_130_after_the_error_was_told(
    call: Caller, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(click.termui, "visible_prompt_func", interrupt)
    api.always(NOT_CONNECTED, 403)

    called = call("projects", "--company", "5", terminal="in out err", variables={"NO_COLOR": "1"})

    assert_ended(called, 130)
    assert called.err.count("Error: production: Procore answered 403") == 1
    assert called.err.rstrip().endswith("Stopped.")


@pytest.mark.parametrize(
    ("url", "headers", "company"),
    [
        ("http://x/rest/v1.0/companies/5", {}, "5"),
        ("http://x/rest/v1.0/companies/5/users?a=b", {}, "5"),
        ("http://x/rest/v1.0/projects?a=b&company_id=5", {}, "5"),
        ("http://x/rest/v1.0/projects?filters%5Bcompany_id%5D=5", {}, "5"),
        ("http://x/rest/v1.0/projects?company_id=5", {"PROCORE-company-id": "7"}, "7"),
        ("http://x/rest/v1.0/companies", {}, None),
        ("http://x/rest/v1.0/projects?company_id=", {}, None),
        ("http://x/rest/v1.0/projects?not_company_id=5", {}, None),
    ],
)
def test_a_company_may_be_named_in_three_places(
    url: str, headers: dict[str, str], company: str | None
) -> None:
    assert find_company(Call("GET", url, headers)) == company
