"""A seed file: what it puts in place, and each mistake named with its place."""

from __future__ import annotations

import json

import pytest

from procore_cli.demo.records import Company, DemoUser, Project
from procore_cli.demo.seed import load_seed
from procore_cli.demo.server import DemoServer
from procore_cli.demo.state import forget
from procore_cli.errors import BrokenSeedError, DataFolderError

COMPANY = {"id": 7, "name": "Seven"}
EIGHT = {"id": 8, "name": "Eight", "is_active": False, "app_installed": False}


@pytest.fixture
def new_seed(tmp_path):
    def write(text):
        path = tmp_path / "seed.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return path

    return write


def test_a_seed_is_users_companies_and_projects(new_seed):
    content = {
        "users": [{"email": "second@example.com"}, {"id": 5, "email": "a@b.c", "name": "A"}],
        "companies": [COMPANY, EIGHT],
        "projects": [{"company_id": 7, "name": "P", "id": 9, "stage": {"x": [1]}}],
        "responses": [{"method": "get", "path": "/rest/x", "json": 1}],
    }
    seed = load_seed(new_seed(content))

    assert seed.users == [DemoUser(None, "second@example.com", None), DemoUser(5, "a@b.c", "A")]
    assert seed.companies == [Company(7, "Seven"), Company(8, "Eight", False, False)]
    assert seed.projects == [Project(9, 7, "P", '{"stage": {"x": [1]}}')]
    assert [response.fields["json"] for response in seed.responses] == [1]


def test_what_a_seed_leaves_out_is_the_samples(new_seed):
    seed = load_seed(new_seed({}))
    assert ([company.id for company in seed.companies], len(seed.projects)) == ([22222, 33333, 44444], 4)
    assert load_seed(new_seed({"companies": [COMPANY]})).projects == []


def test_a_mistake_is_named_with_its_place(new_seed):
    for content, place in (
        ("", "line 1, column 1"),
        ('{"users": [}', "line 1, column 12"),
        ("[]", "the file is not an object"),
        ('{"users": [], "users": []}', 'the key "users" stands twice'),
        ('{"companies": [{"id": NaN}]}', "NaN is not JSON"),
        ("[" * 200_000, "not JSON"),
        ({"company": []}, "the file.company is not known: it may have users, companies,"),
        ({"users": {}}, "the file.users is not a list"),
        ({"users": ["x"]}, "users[0] is not an object"),
        ({"users": [{"email": "x"}]}, "users[0].email"),
        ({"users": [{"email": "a@b.c", "name": 7}]}, "users[0].name"),
        ({"users": [{"email": "a@b.c"}, {"email": "A@b.c"}]}, "users[1].email is the same as"),
        ({"users": [{"id": 0, "email": "a@b.c"}]}, "users[0].id"),
        ({"responses": [{"method": "GET", "path": "x"}]}, "responses[0].path is not a path"),
        ({"companies": [{"id": True, "name": "x"}]}, "companies[0].id"),
        ({"companies": [{"id": 10**18, "name": "x"}]}, "companies[0].id"),
        ({"companies": [{"id": 1, "name": " "}]}, "companies[0].name"),
        ('{"companies": [{"id": 1, "name": "\\ud800"}]}', "companies[0].name"),
        ({"companies": [{**COMPANY, "app_installed": "yes"}]}, "companies[0].app_installed"),
        ({"companies": [COMPANY, COMPANY]}, "companies[1].id is the same"),
        ({"companies": [COMPANY], "projects": [{"company_id": 8, "name": "P"}]}, "there is no company 8"),
        ({"companies": [COMPANY], "projects": [{"name": "P"}]}, "projects[0].company_id"),
        ({"projects": [{"company_id": 22222, "name": "P", "company": {}}]}, "projects[0].company is given"),
    ):
        with pytest.raises(BrokenSeedError) as caught:
            load_seed(new_seed(content))

        assert place in caught.value.message
        assert ("seed.json" in caught.value.message, caught.value.exit_code) == (True, 3)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "seed.json"
    with pytest.raises(BrokenSeedError, match="No such file"):
        load_seed(path)
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(BrokenSeedError, match="not UTF-8"):
        load_seed(path)
    # A byte order mark is no mistake.
    path.write_bytes(b"\xef\xbb\xbf{}")
    assert load_seed(path).users == ()


def test_a_seed_takes_the_place_of_what_was_there(new_seed, data_folder, clock, program, server):
    program.add(name="Former")
    server.close()
    seed = load_seed(new_seed({"companies": [COMPANY], "projects": [{"company_id": 7, "name": "P"}]}))
    with DemoServer(data_folder, clock, seed=seed) as seeded:
        program.client.url = seeded.url
        assert program.names("/rest/v1.0/companies") == ["Seven"]
        program.company = 7
        assert program.names("/rest/v1.0/companies/7/projects") == ["P"]
        # The sign-in of before still counts.
        assert program.get("/rest/v1.0/me").json()["id"] == 11111


def test_a_seeds_user_has_the_seeds_id_and_name(new_seed, data_folder, clock, client, server):
    client.new_tokens("second@example.com")
    server.close()
    users = [{"id": 77, "email": "SECOND@example.com", "name": "Second"}, {"id": 11111, "email": "x@y.z"}]
    with DemoServer(data_folder, clock, seed=load_seed(new_seed({"users": users}))) as seeded:
        state = seeded.state
        assert state.find_user(77).name == "Second"
        assert state.save_user(DemoUser(0, "second@example.com", "")).id == 77
        assert state.find_user(11111).email == "x@y.z"


def test_a_server_whose_state_is_forgotten_goes_on_with_what_it_began_with(
    new_seed, data_folder, clock, program, server
):
    server.close()
    with DemoServer(data_folder, clock, seed=load_seed(new_seed({"companies": [COMPANY]}))) as seeded:
        program.client.url = seeded.url
        assert program.names("/rest/v1.0/companies") == ["Seven"]
        assert forget(data_folder)
        assert program.get("/rest/v1.0/me").status == 401
        program.token = program.client.control("POST", "sign-in").json()["access_token"]
        assert program.names("/rest/v1.0/companies") == ["Seven"]


def test_forgetting_leaves_what_is_not_ours(data_folder, server, told):
    server.close()
    (data_folder / "demo" / "notes.txt").write_text("mine")

    assert forget(data_folder)
    assert [path.name for path in (data_folder / "demo").iterdir()] == ["notes.txt"]
    assert "something else" in told()[0]
    assert not forget(data_folder)


def test_forgetting_follows_no_link(data_folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "procore.db").write_text("mine")
    data_folder.mkdir(mode=0o700)
    (data_folder / "demo").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DataFolderError):
        forget(data_folder)
    assert (tmp_path / "elsewhere" / "procore.db").exists()
