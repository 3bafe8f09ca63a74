"""`procore-login accounts` and `switch`: who is signed in, who is current, and who has to sign in again."""

import re
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest

from procore_cli.cli.commands.accounts import token_end
from procore_cli.flows.accounts import Line
from procore_cli.models import Account, Profile, User
from procore_cli.storage.accounts import Listed
from procore_cli.storage.rows import Rows
from tests.cli import Machine, browser
from tests.moments import pass_time
from tests.people import SECOND, People
from tests.provider import JOE, Answer
from tests.store.store_world import run_sql
from tests.terminal import Terminal


@pytest.fixture
def provider(people: People) -> People:
    """Everybody here signs in where several people have accounts."""
    return people


@pytest.fixture
def machine(machine: Machine, people: People) -> Machine:
    """Joe and a second person have signed up here, in this order."""
    people.sign_in(machine, JOE)
    people.sign_in(machine, SECOND)
    return machine


def listed(machine: Machine, *options: str) -> list[Any]:
    result = machine.run_here("accounts", "--json", *options)
    accounts: list[Any] = result.json["accounts"]
    return accounts


def test_everybody_is_listed_with_the_current_account_marked(machine, people):
    first, second = listed(machine)
    assert (first["email"], first["current"], first["signed_in"]) == (JOE["login"], False, True)
    assert (second["email"], second["current"], second["signed_in"]) == (SECOND["login"], True, True)
    assert set(first) == {
        "environment", "id", "procore_id", "email", "name", "company", "expires_at", "kind",
        "current", "signed_in",
    }  # fmt: skip
    rows = [line.split("\t") for line in machine.run_here("accounts").out.splitlines()]
    assert rows == [
        ["production", "", "joecontractor@procore.com", "11111", "Joe Contractor", "1 h 29 min"],
        ["production", "*", "second@example.com", "22222", "Second Person", "1 h 29 min"],
    ]
    assert people.requests == []
    # Environments that were never used get no database.
    assert [path.name for path in machine.data.glob("*.db")] == ["production.db"]


def test_a_sign_in_says_first_that_whoever_is_meant_is_signed_in_and_asks_no_keyring_for_that(machine):
    machine.variables["TEST_KEYRING_FAULT"] = "missing"
    for options, who in (
        ((), SECOND["login"]),
        (("--account", JOE["login"].upper()), JOE["login"]),
        (("--account", "11111"), JOE["login"]),
        (("--account", "third@example.com"), None),
        (("--env", "sandbox"), None),
    ):
        first, *_ = machine.run_here("signin", *options).ended(6).said
        assert (who is not None) == first.startswith(f"You are signed in to production as {who} already;"), (
            first
        )
    machine.run_here("signout")
    assert "already" not in machine.run_here("signin").err


def test_a_sign_in_takes_the_person_who_is_meant_though_the_e_mail_has_changed_at_procore(machine, people):
    people.person = JOE | {"login": "joe@new.example.com"}
    asked = ("signin", "--json", "--browser", browser("--just-open"), "--account")
    signed_in = machine.run_here(*asked, JOE["login"]).ended()
    assert (signed_in.json["procore_id"], signed_in.json["email"]) == (11111, "joe@new.example.com")
    # Nobody has that e-mail any more.
    machine.run_here(*asked, JOE["login"]).ended(4, "joe@new.example.com, not as joecontractor@procore.com")


HEAD = "Environment     Account                    Id     Name            Token until"
ROW = r"joecontractor@procore.com  11111  Joe Contractor  \d\d:\d\d UTC"
# Each account has a panel of its own.
PANELS = ["─ production ─", r"─ production \* ─", "joecontractor@procore.com"]


@pytest.mark.parametrize(("columns", "term", "drawn"), [(100, "dumb", [HEAD, ROW]), (50, "xterm", PANELS)])
def test_on_a_terminal_the_table_is_drawn_as_wide_as_it_can_be(machine, columns, term, drawn):
    machine.variables |= {"COLUMNS": str(columns), "NO_COLOR": "1"}
    with Terminal(machine, "accounts", term=term) as terminal:
        assert terminal.finish() == 0
    assert [text for text in drawn if not re.search(text, terminal.drawn)] == []


@pytest.mark.parametrize(
    ("signed_in", "refused", "end", "told"),
    [
        (True, False, 4000, "01:06 UTC"),
        (True, False, 1000, "expired"),
        (True, False, None, "refused"),
        (False, True, None, "sign in again"),
        (False, False, None, "signed out"),
    ],
)
def test_a_person_reads_until_when_the_token_is_valid_or_what_has_become_of_it(signed_in, refused, end, told):
    account = Account(User(1, 11111, JOE["login"]))
    seen = Listed(account, True, signed_in, refused, end, issued_at=0)
    profile = Profile("production", 1, 11111, JOE["login"], None, None, None)
    assert token_end(Line(seen, profile, seen_at=1000.0, problem=None)) == told


def test_every_environment_is_listed_unless_one_is_named(machine):
    demo = Machine(machine.home)
    nobody = demo.run_here("accounts", "--env", "demo").ended(0, "Nobody is signed in")
    assert nobody.out == ""
    assert demo.run_here("signup", "--env", "demo", "--browser", browser()).code == 0
    assert [line["environment"] for line in listed(machine)] == ["production", "production", "demo"]
    assert [line["environment"] for line in listed(machine, "--env", "demo")] == ["demo"]
    assert listed(machine, "--env", "sandbox") == []
    # The pretend Procore is started for a check.
    checked = demo.run_here("accounts", "--check", "--env", "demo").ended()
    assert checked.out.endswith("\tok\n")


def test_one_database_for_two_environments_lists_each_account_where_it_is_known_and_other_rows_once(
    machine, people, tmp_path
):
    path = tmp_path / "test.db"
    run_sql(
        path,
        "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))",
        "INSERT INTO users VALUES (4, 7, 'seventh@example.com'), (2, 7, 'copy@example.com')",
    )
    machine.variables["PROCORE_LOGIN_DB"] = str(path)
    (line,) = listed(machine)
    assert (line["id"], line["procore_id"], line["email"]) == (2, 7, "copy@example.com")
    assert (line["current"], line["signed_in"], line["expires_at"]) == (False, False, None)
    people.sign_in(machine, JOE)
    people.sign_in(machine, SECOND, "sandbox")
    found = [(line["environment"], line["email"], line["current"]) for line in listed(machine)]
    assert found == [
        ("production", "copy@example.com", False),
        ("production", JOE["login"], True),
        ("sandbox", SECOND["login"], True),
    ]


def test_an_expired_token_is_no_problem_and_a_signed_out_account_stays_on_the_list(machine, monkeypatch):
    with monkeypatch.context() as later:
        pass_time(later, 9000)
        assert machine.run_here("accounts").out.count("\texpired\n") == 2
        machine.run_here("accounts", "--check").ended()
    machine.run_here("signout")
    lines = listed(machine)
    assert [(line["signed_in"], line["current"]) for line in lines] == [(True, False), (False, False)]
    assert "signed out" in machine.run_here("accounts").out.splitlines()[1]


def test_a_check_asks_procore_about_everybody_with_the_stored_tokens_alone_and_refreshes_them(
    machine, people
):
    machine.variables["PROCORE_ACCESS_TOKEN"] = "from-elsewhere"
    result = machine.run_here("accounts", "--check").ended()
    assert [line.split("\t")[6] for line in result.out.splitlines()] == ["ok", "ok"]
    assert (people.count("/rest/v1.0/me"), people.count("/oauth/token")) == (2, 0)
    assert all(request.bearer != "from-elsewhere" for request in people.requests)
    people.expire()
    result = machine.run_here("accounts", "--check", "--json").ended()
    assert [line["check"] for line in result.json["accounts"]] == ["ok", "ok"]
    assert people.count("/oauth/token") == 2


def test_a_check_ends_with_4_if_somebody_has_to_sign_in_again(machine, people):
    people.expire()
    people.refuse_person(JOE)
    result = machine.run_here("accounts", "--check", "--json")
    again = machine.run_here("accounts", "--check")
    assert result.code == again.code == 4
    joe, second = result.json["accounts"]
    assert (joe["check"], joe["signed_in"]) == ("sign in again", False)
    assert "no longer accepts" in joe["problem"]
    assert (second["check"], second["problem"]) == ("ok", None)
    assert "production, joecontractor@procore.com: Procore no longer accepts" in result.err
    assert "procore-login signin --account joecontractor@procore.com" in result.err
    # The refused token is never sent again, and the account is still reported.
    assert people.count("/oauth/token") == 2
    assert again.out.splitlines()[0].endswith("\trefused\tsign in again")


def test_a_check_ends_with_5_if_procore_fails_and_with_4_of_nobody(machine, people):
    people.script["/rest/v1.0/me"] = lambda _: Answer(503, "")
    result = machine.run_here("accounts", "--check", "--json").ended(5, prints=True)
    assert [line["check"] for line in result.json["accounts"]] == ["failed", "failed"]
    machine.run_here("signout", "--all")
    result = machine.run_here("accounts", "--check").ended(4, "Nobody is signed in.", prints=True)


def test_switch_makes_another_account_current_which_is_else_used_once_when_it_is_named(machine):
    def whose(*options: str) -> int:
        return int(machine.run_here("whoami", "--json", *options).json["procore_id"])

    assert (whose("--account", "11111"), whose()) == (11111, 22222)
    with mock.patch.dict(machine.variables, {"PROCORE_LOGIN_ACCOUNT": "joecontractor@procore.com"}):
        assert whose() == 11111
    for who in ("joecontractor@procore.com", "JOECONTRACTOR@procore.com", "11111"):
        machine.run_here("switch", "22222").ended()
        said = "joecontractor@procore.com (it was second@example.com)"
        result = machine.run_here("switch", who, "--json").ended(0, said)
        assert result.json["procore_id"] == whose() == 11111


def test_a_stranger_or_an_ambiguous_email_is_refused_with_the_candidates_before_anything_happens(
    machine, people
):
    for who in ["stranger@example.com", "1", ""]:
        said = "joecontractor@procore.com (11111), second@example.com (22222)"
        machine.run_here("switch", who).ended(2, said)
    people.sign_in(machine, {**SECOND, "id": 44444})
    for arguments in (["switch"], ["signin", "--browser", "false", "--account"]):
        machine.run_here(*arguments, "second@example.com").ended(2, "22222", "44444")
    assert people.requests == []
    # Who is current needs no name.
    machine.run_here("signout").ended()


def test_switching_to_a_signed_out_account_exits_4_and_mends_that_nobody_is_current(machine):
    machine.run_here("signout", "--account", "11111")
    machine.run_here("switch", "11111").ended(4, "signin")
    assert machine.run_here("whoami", "--json").json["procore_id"] == 22222
    machine.sql("UPDATE procore_login_session SET user_id = NULL")
    assert machine.run_here("whoami").code == 4
    assert machine.run_here("switch", "22222").code == 0
    assert machine.run_here("whoami").code == 0


def test_an_environment_that_cannot_be_read_does_not_hide_the_others(machine):
    machine.write("sandbox.db", "not a database, however long it is looked at")
    result = machine.run_here("accounts", "--check", "--json").ended(6, "sandbox: The database", prints=True)
    assert [line["check"] for line in result.json["accounts"]] == ["ok", "ok"]


def test_values_of_odd_types_in_the_database_harm_nobody(machine, people):
    people.sign_in(machine, {"id": 5, "login": "odd@example.com", "name": "[bold]\x1b[31mOdd\tOne\n"})
    result = machine.run_here("accounts")
    assert "[bold]\\x1b[31mOdd\\tOne\\n" in result.out
    assert "\x1b" not in result.out
    machine.sql("UPDATE procore_login_entries SET created_at = 'abc', expires_at = 'abc', parts = 'x'")
    machine.sql("UPDATE procore_login_accounts SET name = x'00ff', failures = 'many', failure = 7")
    assert [line["name"] for line in listed(machine)] == [None, None, None]
    for command in (["token"], ["whoami", "--json"], ["refresh"], ["signout", "--all"]):
        assert machine.run_here(*command).code == 0


def test_many_rows_cost_no_more_statements_than_a_few(machine, monkeypatch):
    ran: list[str] = []
    real = Rows.run

    def count(self: Rows, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        ran.append(statement)
        return real(self, statement, values)

    monkeypatch.setattr(Rows, "run", count)
    listed(machine)
    for_two = len(ran)
    rows = (f"({number}, 'person-{number}@example.com')" for number in range(100_000, 102_000))
    machine.sql(f"INSERT INTO users (procore_id, email) VALUES {', '.join(rows)}")
    ran.clear()
    lines = listed(machine)
    # Those whom no environment knows are listed with the one in force.
    assert len(lines) == 2_002
    assert len(ran) == for_two
