"""The SQLite file: private, shared between processes, and without a secret in it."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from procore_cli.demo.records import DemoUser
from procore_cli.demo.server import DemoServer
from procore_cli.demo.state import DemoState
from procore_cli.errors import DatabaseError, DataFolderError


@pytest.fixture
def state(data_folder):
    return DemoState(data_folder)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_file_are_private_and_made_so_where_they_are_not(state, data_folder, told):
    assert [mode_of(path) for path in (data_folder, state.path.parent, state.path)] == [0o700, 0o700, 0o600]
    state.path.parent.chmod(0o755)
    state.path.chmod(0o644)
    for _ in range(2):
        DemoState(data_folder)

    assert (mode_of(state.path.parent), mode_of(state.path)) == (0o700, 0o600)
    assert ["0755" in told()[0], "0644" in told()[1], len(told())] == [True, True, 2]


def test_a_link_for_the_file_and_a_file_for_the_folder_are_refused(data_folder, tmp_path, clock):
    (data_folder / "demo").mkdir(parents=True, mode=0o700)
    (data_folder / "demo" / "procore.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataFolderError):
        DemoServer(data_folder, clock)
    assert not (tmp_path / "elsewhere").exists()

    (data_folder / "demo" / "procore.db").unlink()
    (data_folder / "demo").rmdir()
    (data_folder / "demo").write_text("")
    with pytest.raises(DataFolderError):
        DemoServer(data_folder, clock)


def test_a_file_that_is_no_database_is_named(state, data_folder):
    state.path.write_bytes(b"not a database" * 100)

    with pytest.raises(DatabaseError, match=r"procore\.db") as caught:
        DemoState(data_folder)
    assert "demo reset" in caught.value.hint


def test_no_code_and_no_token_lies_in_the_file(client, data_folder):
    code = client.new_code()
    tokens = client.exchange(code).json()
    later = client.refresh(tokens["refresh_token"]).json()
    secrets = [code] + [
        answer[f"{kind}_token"] for answer in (tokens, later) for kind in ("access", "refresh")
    ]

    found = b"".join(path.read_bytes() for path in (data_folder / "demo").iterdir())
    assert b"joecontractor@procore.com" in found
    assert not [secret for secret in secrets if secret.encode() in found]


def test_an_email_belongs_to_one_person_whatever_its_case_and_in_the_next_run_too(state, data_folder):
    for one, other in (
        ("joecontractor@procore.com", "JoeContractor@PROCORE.com"),
        ("Second@Example.com", "second@example.COM"),
        ("\u00dcBER@example.com", "\u00fcber@example.com"),
        ("\u00e9@b.c", "e\u0301@b.c"),
    ):
        user = state.save_user(DemoUser(0, one, ""))
        assert state.save_user(DemoUser(0, other, "")) == user
        assert DemoState(data_folder).find_user(user.id) == user
    assert state.find_user(11111).name == "Joe Contractor"
    assert state.find_user(1) is None


def test_people_who_come_at_once_get_ids_of_their_own(data_folder):
    emails = [f"user{number}@example.com" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        users = list(pool.map(lambda email: DemoState(data_folder).save_user(DemoUser(0, email, "")), emails))

    assert sorted(user.id for user in users) == list(range(11112, 11124))


def test_a_reader_is_not_kept_waiting_by_a_writer(state):
    with closing(sqlite3.connect(state.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert state.find_user(11111).id == 11111


def test_codes_and_tokens_of_one_server_are_used_and_used_up_at_another_over_the_same_folder(
    client, data_folder, clock
):
    tokens, code = client.new_tokens(), client.new_code()
    with DemoServer(data_folder, clock) as second:
        other = type(client)(second.url)
        assert other.url != client.url
        assert other.me(tokens["access_token"]).json()["id"] == 11111
        assert other.refresh(tokens["refresh_token"]).status == 200
        assert other.exchange(code).status == 200

    assert client.refresh(tokens["refresh_token"]).status == 400
    assert client.exchange(code).status == 400
