"""A company that is missing, or in which the app is not installed: said, listed, and one may be kept."""

from collections.abc import Callable

import click
import pytest

from procore_cli.client.request import Call
from procore_cli.flows.api_call import find_company
from tests.api.api_machine import Called, Caller
from tests.api_server import ApiServer, Reply
from tests.cli import Machine
from tests.provider import JOE
from tests.terminal import Terminal

LIST = "/rest/v1.0/companies"
NOT_CONNECTED = {"errors": ["App is not connected to this company."]}
COMPANIES = [{"id": 7, "name": "Joe's \x1b[31mbuilders"}, {"id": 8, "name": None}, {"name": "none"}, 9]
FIVE = ("projects", "--company", "5")


@pytest.fixture
def api(api: ApiServer) -> ApiServer:
    """Refuses what it is asked, but has a list of companies."""
    api.plays[LIST] = lambda _: Reply(200, COMPANIES)
    api.always(NOT_CONNECTED, 403)
    return api


def test_a_company_without_the_app_is_said_with_the_others(call, api):
    called = call(*FIVE, code=5)
    assert called.out == b'{"errors": ["App is not connected to this company."]}'
    assert "not installed in company 5" in called.err
    assert "--company ID" in called.err
    # The error is told once, and before the list.
    told = [line.partition(":")[0] for line in called.said]
    assert told[:3] == ["Error", "Hint", "The companies of this account in production"]
    assert called.said[3:] == [r"  7  Joe's \x1b[31mbuilders", "  8  "]
    # As many as a page can have, with the same token.
    assert [seen.token for seen in api.requests] == [api.last.token] * 2
    assert api.last.target == f"{LIST}?per_page=1000"


def test_a_missing_company_is_said(call, api):
    for status, body in (
        (400, {"errors": "Procore-Company-Id header is required"}),
        (403, {"errors": "A company is required"}),
        (404, {"message": "Company not found"}),
    ):
        api.always(body, status)
        called = call("projects", code=5)
        assert "names no company" in called.err
        assert "procore-login configure --company 7" in called.err
        assert "  8  " in called.said


def test_other_refusals_are_not_about_the_company(call, api):
    for status, errors, arguments in (
        (404, "Not Found", ("projects",)),
        (403, "Forbidden", FIVE),
        (403, ["You need permission"], ("projects",)),
        (403, "No access to this company", ("companies/5/users",)),
        (404, "Company not found", ("projects?company_id=5",)),
        (400, "A company is odd", ("projects", "-X", "GET", "-f", "filters[company_id]=5")),
    ):
        api.always({"errors": errors}, status)
        assert "company" not in call(*arguments, code=5).err.partition("Hint:")[2]
    assert LIST not in [seen.path for seen in api.requests]


def test_a_list_that_cannot_be_had_changes_nothing_and_a_long_one_is_cut_short(call, api):
    for reply in (Reply(500, b"oops"), Reply(200, b"{}"), Reply(200, b"[")):
        api.plays[LIST] = lambda _, reply=reply: reply
        assert "not installed in company 5" in call(*FIVE, code=5).err
    api.plays[LIST] = lambda _: Reply(200, [{"id": number, "name": "x"} for number in range(1, 31)])
    said = call(*FIVE, code=5).said
    assert "  20  x" in said
    assert "  21  x" not in said
    assert any("and 10 more" in line for line in said)


def find_kept(call: Caller) -> int | None:
    return call.machine.run_here("configure", "--show", "--json").json["company"]


def test_at_a_terminal_one_of_them_can_be_kept(call, api):
    with Terminal(call.machine, "api", *FIVE) as terminal:
        before, _, _ = terminal.read_until("Enter for none").partition("Keep one")
        terminal.type("7")
        assert terminal.finish() == 5
    assert "Error: production: Procore answered 403" in before
    assert terminal.drawn.count("Error:") == 1
    assert find_kept(call) == 7


@pytest.fixture
def typing(call: Caller, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """Call at a terminal where somebody types this, or does that, at the question."""

    def typing(typed: str | type[BaseException], code: int = 5, **variables: str) -> Called:
        def answer(prompt: str) -> str:
            asked.append(prompt)
            if isinstance(typed, str):
                return typed
            raise typed

        asked: list[str] = []
        monkeypatch.setattr(click.termui, "visible_prompt_func", answer)
        words = FIVE[:1] if variables else FIVE
        called = call(*words, terminal="in out err", variables={"NO_COLOR": "1", **variables}, code=code)
        assert called.err.count("Error: production: Procore answered 403") == 1
        assert len(asked) == (not variables)
        return called

    return typing


def test_nothing_is_kept_that_is_not_in_the_list(call, typing):
    for typed in ("", "6", "x", "7" + "0" * 30, EOFError):
        assert ("was not in the list" in typing(typed).err) == (typed not in ("", EOFError))
        assert find_kept(call) is None


def test_nothing_is_offered_where_a_variable_would_win(typing):
    typing("7", PROCORE_COMPANY_ID="5")


def test_ctrl_c_at_the_question_ends_with_130_after_the_error_was_told(typing):
    assert typing(KeyboardInterrupt, code=130).err.rstrip().endswith("Stopped.")


def test_the_demo_starts_its_own_server(tmp_path):
    demo = Machine(tmp_path / "demo")
    assert demo.run_here("signup", "--env", "demo").code == 0
    result = demo.run_here("api", LIST, "--env", "demo", "--jsonl")
    assert result.code == 0, result.err
    assert result.out.startswith('{"')


@pytest.mark.parametrize("is_refused", [False, True])
def test_whoami_is_asked_for_the_company_in_force(call, api, is_refused):
    api.plays["/rest/v1.0/me"] = lambda seen: None if seen.company and is_refused else Reply(200, JOE)
    call.machine.variables["PROCORE_COMPANY_ID"] = "22222"
    result = call.machine.run_here("whoami", "--json")
    assert (result.code, result.json["email"], result.json["company"]) == (0, JOE["login"], 22222)
    assert [seen.company for seen in api.requests] == ["22222", None][: 1 + is_refused]


NAMED = [
    ("companies/5", {}, "5"),
    ("companies/5/users?a=b", {}, "5"),
    ("projects?a=b&company_id=5", {}, "5"),
    ("projects?filters%5Bcompany_id%5D=5", {}, "5"),
    ("projects?company_id=5", {"PROCORE-company-id": "7"}, "7"),
    ("companies", {}, None),
    ("projects?company_id=", {}, None),
    ("projects?not_company_id=5", {}, None),
]


def test_a_company_may_be_named_in_three_places():
    for path, headers, company in NAMED:
        assert find_company(Call("GET", f"http://x/rest/v1.0/{path}", headers)) == company, path
