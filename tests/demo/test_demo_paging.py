"""Pages of a list: sizes, totals and links, as an integration follows them."""

from __future__ import annotations

import re

import pytest

from procore_cli.demo.records import Company, Project

PROJECTS = "/rest/v1.0/companies/7/projects"


def links(reply) -> dict[str, str]:
    return {rel: url for url, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', reply.headers["Link"] or "")}


@pytest.fixture
def many(server, program):
    """205 projects in a company of their own."""
    server.state.save(Company(7, "Many"))
    for number in range(205):
        server.state.save(Project(0, 7, f"P{number}"))
    program.company = 7
    return program


def test_following_next_gives_every_item_once(many, server):
    target, names = f"{PROJECTS}?per_page=50", []
    while target:
        reply = many.get(target)
        names += [item["name"] for item in reply.json()]
        assert (reply.headers["Total"], reply.headers["Per-Page"]) == ("205", "50")
        target = links(reply).get("next", "").removeprefix(server.url)

    assert names == [f"P{number}" for number in range(205)]


def test_the_first_page_links_forward_the_last_one_back_and_a_middle_one_both_ways(many, server):
    base = f"{server.url}{PROJECTS}?page="
    whole = many.get(PROJECTS)
    assert (len(whole.json()), whole.headers["Per-Page"]) == (100, "100")
    first, middle, last = (links(many.get(f"{PROJECTS}?page={page}")) for page in (1, 2, 3))

    assert first == {"next": f"{base}2&per_page=100", "last": f"{base}3&per_page=100"}
    assert middle == {
        "next": f"{base}3&per_page=100",
        "last": f"{base}3&per_page=100",
        "first": f"{base}1&per_page=100",
        "prev": f"{base}1&per_page=100",
    }
    assert last == {"first": f"{base}1&per_page=100", "prev": f"{base}2&per_page=100"}


def test_a_page_beyond_the_end_is_empty_and_leads_back_and_a_single_one_nowhere(many):
    assert many.get("/rest/v1.0/companies").headers["Link"] is None
    reply = many.get(f"{PROJECTS}?page=9")

    assert (reply.json(), set(links(reply))) == ([], {"first", "prev"})
    assert "page=3&" in links(reply)["prev"]


def test_each_version_has_its_own_sizes(many):
    for target, usual, most in (
        (f"{PROJECTS}?", "100", "1000"),
        ("/rest/v1.1/projects?company_id=7&", "100", "300"),
        (f"{PROJECTS.replace('1.0', '2.0')}?", "10", "100"),
    ):
        replies = many.get(target), many.get(f"{target}per_page=5000")

        assert [reply.headers["Per-Page"] for reply in replies] == [usual, most]


def test_the_other_parameters_stay_in_the_links(many):
    found = links(many.get(f"{PROJECTS}?filters%5Bname%5D=a%26b&per_page=1"))

    assert "?filters%5Bname%5D=a%26b&page=2&per_page=1" in found["next"]


def test_a_page_that_is_no_number_is_400(program):
    for query in ("page=0", "page=x", "page=-1", "per_page=0", "page=9999999999999"):
        reply = program.get(f"/rest/v1.0/companies?{query}")

        assert reply.status == 400
        assert query.partition("=")[0] in reply.json()["errors"][0]


def test_links_lead_to_the_name_that_the_client_used_and_never_to_a_strangers(many, server):
    port = server.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"[::1]:{port}"):
        assert links(many.get(PROJECTS, Host=host))["next"].startswith(f"http://{host}/")
    for host in ("evil.example", "localhost:1", "localhost", ""):
        assert links(many.get(PROJECTS, Host=host))["next"].startswith(f"{server.url}/")
