"""What `doctor` prints, what it leaves as it was, and how it ends."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from procore_cli.cli import output
from procore_cli.cli.commands import doctor
from procore_cli.cli.doctor.accounts import mask
from procore_cli.cli.doctor.context import Check, DoctorContext, fine
from procore_cli.storage.opening import Storage
from tests.cli import Machine
from tests.doctor.report import run_doctor
from tests.people import JOE, SECOND, People
from tests.signed_in import refreshes
from tests.store.store_world import run_sql
from tests.terminal import Screen

DATABASE = "production.db"
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))"


@pytest.fixture
def home(machine: Machine, people: People) -> Machine:
    """Two people are signed in."""
    machine.point_at(people)
    people.sign_in(machine, JOE)
    people.sign_in(machine, SECOND)
    return machine


def look(machine: Machine) -> dict[str, Any]:
    """Names, bytes and modes of the data folder and the keyring; the database as the rows that it has."""
    found: dict[str, Any] = {}
    for path in sorted([*machine.data.rglob("*"), *machine.keyring.rglob("*")]):
        mode = path.stat().st_mode
        found[str(path)] = (mode, path.read_bytes() if path.is_file() and path.suffix != ".db" else None)
    with closing(sqlite3.connect(machine.data / DATABASE)) as connection:
        found["rows"] = list(connection.iterdump())
    return found


def test_it_changes_nothing(home, people):
    run_doctor(home)
    (home.data / DATABASE).chmod(0o644)
    before, issued = look(home), list(people.issued)
    report = run_doctor(home)
    assert (report.code, refreshes(people)) == (0, 0)
    assert look(home) == before
    assert people.issued == issued
    assert not any(request.bearer for request in people.requests)


def test_on_a_new_machine_folder_and_database_are_made_for_the_proof(machine):
    machine.data.rmdir()
    report = run_doctor(machine)
    assert (report.code, machine.kept()) == (0, [])
    assert (machine.data / DATABASE).stat().st_mode & 0o777 == 0o600
    assert "is not there yet" in report["data folder"].detail


def test_nothing_secret_is_in_the_report(home, people):
    home.variables |= {
        "PROCORE_ACCESS_TOKEN": "hush-token-from-elsewhere",
        "PROCORE_CLIENT_SECRET": "hush-wrong",
        "HTTPS_PROXY": "http://joe:hush-proxy@proxy.invalid:3128",
        "http_proxy": "http://hush%40-user:hush%2Fproxy@proxy.invalid",
        "ALL_PROXY": "hush-all:hush-all@proxy.invalid",
        "NO_PROXY": "hush.example",
        "PROCORE_LOGIN_ACCOUNT": JOE["login"],
        "PROCORE_LOGIN_TYPO": "hush-typo",
        "PROCORE_REDIRECT_URI": "https://hush-user:hush@example.com/",
        "BROWSER": "no-such --x=hush",
    }
    shown = {JOE["login"]: "j***@procore.com", "a@b": "a***@b", "nobody": "n***", None: "no e-mail"}
    assert {email: mask(email) for email in shown} == shown
    for arguments in (["doctor"], ["doctor", "--json", "--debug"], ["doctor", "--offline"]):
        result = home.run_here(*arguments)
        assert "hush" not in result.out + result.err
        assert JOE["login"] not in result.out + result.err
        assert "11111 (j***@procore.com)" in result.out


def forget_entries(home: Machine, _: People) -> None:
    for entry in home.keyring.iterdir():
        entry.unlink()


def record_interruption(home: Machine, _: People) -> None:
    home.sql("UPDATE procore_login_accounts SET interrupted_at = 1769851800")


def leave_rest(home: Machine, _: People) -> None:
    add_entry(home, "signin", "dead", 11111)
    draft = home.write(f".config.toml.{'0' * 16}")
    os.utime(draft, (0, 0))


def use_another_api(home: Machine, _: People) -> None:
    home.variables["PROCORE_API_URL"] = "http://localhost:9"


def refuse_and_sign_out(home: Machine, people: People) -> None:
    people.expire()
    people.refuse_person(JOE)
    assert home.run_here("refresh", "--account", "11111").code == 4
    assert home.run_here("signout", "--account", "22222").code == 0


def expire(home: Machine, people: People) -> None:
    people.lifetime_s = 1
    people.sign_in(home, JOE)


JOES, SECONDS = "11111 (j***@procore.com)", "22222 (s***@example.com)"
# What is kept, and what a check says of it: status, detail, fix.
KEPT: list[tuple[Callable[[Machine, People], Any], dict[str, tuple[str, str, str]]]] = [
    (
        lambda *_: None,
        {
            "account 22222": ("ok", f"{SECONDS}, the current one: access token valid for 1 h", ""),
            "account 11111": ("ok", f"{JOES}: access token valid for 1 h", ""),
            "interrupted refresh": ("ok", "none", ""),
            "leftovers": ("ok", "none", ""),
        },
    ),
    (use_another_api, {"account 11111": ("warning", "made for the API URL", "")}),
    (forget_entries, {"account 11111": ("warning", "", "procore-login signin")}),
    (record_interruption, {"interrupted refresh": ("warning", f"{JOES} at 2026-01-31T09:30:00Z", "")}),
    (leave_rest, {"leftovers": ("warning", "1 entry of former tokens, not deleted yet, 1 draft", "")}),
    (
        refuse_and_sign_out,
        {
            "account 11111": ("warning", "Procore refused its refresh token", ""),
            "account 22222": ("ok", f"{SECONDS}: signed out", ""),
        },
    ),
    (expire, {"account 11111": ("ok", "has expired; the next command refreshes it", "")}),
]


@pytest.mark.parametrize(("prepare", "told"), KEPT)
def test_what_is_kept_is_told(home, people, prepare, told):
    prepare(home, people)
    report = run_doctor(home, "--offline")
    assert report.code == 0
    for name, (status, detail, fix) in told.items():
        assert report[name].status == status
        assert detail in report[name].detail
        assert fix in report[name].fix


def test_a_refresh_that_was_interrupted_is_told_and_left_unless_it_is_under_way(home, people):
    add_entry(home, "refresh", "pending", 11111)
    with Storage(home.data, "production", "keyring").locks.hold(11111):
        assert run_doctor(home)["interrupted refresh"].detail == "none"
    report = run_doctor(home)
    line = report["interrupted refresh"]
    assert (report.code, line.status, refreshes(people)) == (0, "warning", 0)
    assert f"a refresh of {JOES} at 2026-01-31T09:30:00Z" in line.detail
    assert "procore-login refresh" in line.fix
    assert run_doctor(home)["interrupted refresh"] == line


def test_where_the_proof_fails_the_database_stays_as_it_is(machine, tmp_path):
    database = tmp_path / "test.db"
    run_sql(database, USERS)
    before = database.read_bytes()
    machine.variables |= {"PROCORE_LOGIN_DB": str(database), "TEST_KEYRING_FAULT": "missing"}
    report = run_doctor(machine)
    assert report.code == 6
    assert "our tables will be added" in report["database"].detail
    assert database.read_bytes() == before


@pytest.fixture
def filed(machine: Machine, people: People) -> Machine:
    """Somebody is signed in to production and to sandbox, and a client secret is kept; all of it in files."""
    machine.point_at(people)
    people.sign_in(machine, JOE, store="file")
    people.sign_in(machine, JOE, "sandbox", store="file")
    secrets = Storage(machine.data, "federal", "file").client_secrets
    secrets.save("id", "https://login.procoregov.com", "hush")
    return machine


def files_of(machine: Machine, environment: str) -> list[str]:
    return sorted(str(path) for path in (machine.data / "secrets").glob(f"{environment}-*"))


def test_what_some_database_lists_is_no_stray(filed, tmp_path):
    assert run_doctor(filed)["leftovers"].detail == "none"
    (filed.data / DATABASE).rename(tmp_path / "named.db")
    filed.variables["PROCORE_LOGIN_DB"] = str(tmp_path / "named.db")
    for environment in ("production", "sandbox"):
        assert run_doctor(filed, "--env", environment)["leftovers"].detail == "none"


@pytest.mark.parametrize(
    ("how", "environment"), [("deleted", "production"), ("restored", "production"), ("deleted", "monthly")]
)
def test_token_files_that_no_database_lists_are_named_and_left_alone(filed, people, how, environment):
    path = filed.data / DATABASE
    if how == "restored":
        run_sql(path, "DELETE FROM procore_login_entries")
    else:
        path.unlink()
    before = {each: each.read_bytes() for each in filed.data.rglob("*") if each.is_file()}
    alive = people.count_alive()
    report = run_doctor(filed, "--env", environment, "--offline")
    (stray,) = files_of(filed, "production")
    line = report["leftovers"]
    assert line.status == "warning"
    assert line.detail == (
        f"1 token file that no database here lists ({stray}). Tokens in there may still live at Procore."
    )
    assert line.fix.endswith(f"then rm {stray}")
    # The proof of the keyring is listed in the database in force.
    before.pop(filed.data / f"{environment}.db", None)
    assert {each: each.read_bytes() for each in before} == before
    assert people.count_alive() == alive


def test_many_strays_are_counted_and_three_named_unless_an_unreadable_database_may_list_them(filed):
    filed.write("sandbox.db", b"no database")
    (filed.data / DATABASE).unlink()
    detail = run_doctor(filed)["leftovers"].detail
    assert files_of(filed, "production")[0] in detail
    assert "secrets/sandbox-" not in detail
    for number in range(50):
        (filed.data / "secrets" / f"federal-{number:032x}").touch(mode=0o600)
    line = run_doctor(filed)["leftovers"]
    assert line.detail.startswith("51 token files that no database here lists (")
    assert " and 48 more). " in line.detail
    assert line.detail.count("federal-") == line.fix.count("federal-") == 3


def add_entry(machine: Machine, kind: str, state: str, procore_id: int) -> None:
    machine.sql(
        "INSERT INTO procore_login_entries (name, store, environment, procore_id, kind, state, created_at)"
        f" VALUES ('{'0' * 32}', 'keyring', 'production', {procore_id}, '{kind}', '{state}', 1769851800)"
    )


def test_offline_connects_to_nothing_and_promises_no_more_than_it_saw(home, people, monkeypatch):
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.delattr(f"socket.{name}")
    report = run_doctor(home, "--offline")
    assert report.code == 0
    assert people.requests == people.checks == []
    assert "--offline: Procore was not asked" in report["credentials"].detail
    assert not report.lines.keys() & {"login host", "API host", "clock"}
    said = home.run_here("doctor", "--offline").err
    assert "Signing in to production can work, as far as can be seen offline." in said


def test_an_unknown_environment_ends_with_2_and_the_demo_works_and_says_that_its_tokens_are_in_files(
    tmp_path,
):
    machine = Machine(tmp_path / "machine")
    machine.run_here("doctor", "--env", "prod").ended(2)
    report = run_doctor(machine, "--env", "demo")
    assert (report.code, report["credentials"].status) == (0, "ok")
    assert "kept in files" in report["keyring"].detail


def test_in_a_pipe_a_check_is_a_line_of_four_cells_and_failures_are_summed_up_on_stderr(machine):
    machine.data.chmod(0o755)
    result = machine.run_here("doctor")
    cells = [line.split("\t") for line in result.out.splitlines()]
    assert {len(line) for line in cells} == {4}
    assert {line[0] for line in cells} == {"ok", "warning"}
    assert "\x1b" not in result.out
    assert "Signing in to production can work." in result.err
    machine.variables["PROCORE_CLIENT_SECRET"] = "hush-wrong"
    result = machine.run_here("doctor").ended(
        3, "Signing in to production cannot work yet: see credentials.", prints=True
    )
    assert "Error:" not in result.err


def test_a_check_that_fails_unexpectedly_hides_no_other(machine, monkeypatch):
    secret = "hush" + "-inside"

    def break_down(_: DoctorContext) -> Iterator[Check]:
        yield fine("found before", "first")
        raise KeyError(secret)

    monkeypatch.setattr(doctor, "STEPS", (doctor.Step("odd", break_down), *doctor.STEPS[:1]))
    report = run_doctor(machine, "--debug")
    assert report.code == 1
    assert list(report.lines) == ["first", "odd", "version"]
    assert "unexpectedly (KeyError)" in report["odd"].detail
    assert "--debug" in report["odd"].fix
    assert "break_down" in report.err
    assert "hush" not in report.err


def test_ctrl_c_ends_it(machine, monkeypatch):
    def interrupt(_: DoctorContext) -> Iterator[Check]:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "STEPS", (doctor.Step("slow", interrupt),))
    assert machine.run_here("doctor").code == 130


def draw(monkeypatch: pytest.MonkeyPatch, encoding: str, columns: int, **variables: str) -> str:
    screen = Screen(encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": str(columns), **variables}.items():
        monkeypatch.setenv(name, value)
    output.print_check("ok", "version", "this and that", "")
    output.print_check(
        "failed", "port", "it is held by another one. " * 3, "chmod 700 /a/rather/long/path" * 3
    )
    output.print_check("warning", "x", "odd \x1b[2J [bold]name[/bold]", "mend it")
    monkeypatch.undo()
    return screen.text


def test_on_a_terminal_checks_are_marked_and_fixes_stand_below(monkeypatch):
    lines = draw(monkeypatch, "utf-8", 200, NO_COLOR="1").splitlines()
    plain = draw(monkeypatch, "ascii", 200, NO_COLOR="1").splitlines()
    assert lines[0] == "\u2713 version: this and that"
    assert lines[1].startswith("\u2717 port: it is held")
    assert lines[2].startswith("  Fix: chmod 700 /a/rather")
    assert lines[3] == "! x: odd \\x1b[2J [bold]name[/bold]"
    assert [line.split()[0] for line in plain] == ["ok", "x", "Fix:", "!", "Fix:"]
    assert "\x1b" not in "".join(lines)
    assert "\x1b[32m\u2713" in draw(monkeypatch, "utf-8", 80)
    # Words stay whole.
    narrow = draw(monkeypatch, "utf-8", 40, NO_COLOR="1")
    assert "/a/rather/long/path" in narrow
    long_words = [word for word in narrow.split() if len(word) > 34]
    assert [line for line in narrow.splitlines() if len(line) > 40 and line.strip() not in long_words] == []
