"""Which line of the report gets the blame, and whether what it says to do is sane."""

from __future__ import annotations

import os
import socket
import sqlite3

import pytest

from procore_cli.callback import sockets
from tests.cli import Machine, free_port
from tests.doctor.report import run_doctor
from tests.memory_keyring import FolderKeyring
from tests.provider import CLIENT_ID, CLIENT_SECRET


@pytest.mark.parametrize(("name", "kind"), [(os.devnull, "not a file"), ("/", "a folder")])
def test_a_named_database_that_is_no_file_is_named_and_not_to_be_moved(
    machine: Machine, name: str, kind: str
) -> None:
    machine.variables["PROCORE_LOGIN_DB"] = name

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["database"])
    assert report["database"].detail == f"The database {name} cannot be used: it is {kind}."
    assert report["database"].fix == "Let PROCORE_LOGIN_DB name an SQLite file."


def test_an_empty_file_is_a_database_that_has_not_been_used(machine: Machine) -> None:
    (machine.data / "production.db").touch(0o600)

    assert run_doctor(machine).code == 0


@pytest.mark.parametrize("variable", ["PROCORE_LOGIN_URL", "PROCORE_API_URL"])
def test_a_refused_connection_blames_the_variable_that_names_the_host(
    machine: Machine, variable: str
) -> None:
    machine.variables[variable] = f"http://localhost:{free_port()}"

    report = run_doctor(machine)

    host = report["login host" if "LOGIN" in variable else "API host"]
    assert "connection refused" in host.detail
    assert host.fix.startswith(f"{variable} names this host: correct it, or unset it. ")


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_data_folder_that_is_a_file_is_the_failure_and_not_the_credentials(
    machine: Machine, below: str
) -> None:
    plain = machine.home / "plain"
    plain.write_text("")
    machine.variables |= {"PROCORE_LOGIN_HOME": str(plain / below), "PROCORE_CLIENT_ID": ""}

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["data folder"])
    assert report["credentials"].detail == "not checked: data folder is not in order."


def test_a_kept_secret_that_is_damaged_is_not_said_to_be_missing(machine: Machine) -> None:
    del machine.variables["PROCORE_CLIENT_SECRET"], machine.variables["PROCORE_CLIENT_ID"]
    result = machine.run_here("configure", "--client-id", CLIENT_ID)
    assert result.code == 0
    _write_damaged(machine)

    report = run_doctor(machine)
    signing_in = machine.run_here("signin", "--no-browser")

    message = "The client secret of production that the keyring store keeps is damaged."
    assert (report.code, report["credentials"].detail) == (3, message)
    assert "Give it again: procore-login configure --env production" in report["credentials"].fix
    assert signing_in.code == 3
    assert message in signing_in.err


def test_debug_does_not_claim_a_variable_that_was_left_out(machine: Machine) -> None:
    machine.variables["PROCORE_API_URL"] = "http://bad.example/x"

    said = machine.run_here("doctor", "--offline", "--debug").err

    assert "API URL = https://api.procore.com (from production)" in said
    assert f"login URL = {machine.variables['PROCORE_LOGIN_URL']} (from PROCORE_LOGIN_URL)" in said


def test_what_is_no_file_of_ours_is_a_warning(machine: Machine) -> None:
    (machine.data / "my link").symlink_to("/nowhere")
    os.mkfifo(machine.data / "odd", 0o644)

    report = run_doctor(machine)

    assert report.code == 0
    assert report["data folder"].status == "ok"
    assert report["foreign files"].status == "warning"
    assert report["foreign files"].fix.startswith("If nobody needs them: rm '/")
    assert (machine.data / "odd").exists()


@pytest.mark.parametrize("name", ["config.toml", "production.db", "secrets", "locks"])
def test_a_link_in_the_place_of_our_own_file_is_a_failure(machine: Machine, name: str) -> None:
    (machine.data / name).symlink_to(machine.home / "elsewhere")

    report = run_doctor(machine)

    assert report.code == 6
    assert f"{name} cannot be used: it is a symbolic link" in report["data folder"].detail


def test_a_port_that_another_sign_in_holds_names_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "find_port_holder", lambda _: sockets.Holder(4321, "procore-login"))
    with socket.create_server(("127.0.0.1", machine.port)):
        report = run_doctor(machine)

    assert report.code == 7
    assert report["port"].detail.endswith("Another sign-in waits there (process 4321).")
    assert report["port"].fix == "Finish it in its browser, or end it with Ctrl-C; then try again."


def test_refused_credentials_say_where_both_came_from(machine: Machine) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = f"not {CLIENT_SECRET}"

    detail = run_doctor(machine)["credentials"].detail

    assert "from PROCORE_CLIENT_ID, the client secret from PROCORE_CLIENT_SECRET. Is production the" in detail


def test_a_write_that_is_tried_leaves_nothing_behind(machine: Machine) -> None:
    path = machine.data / "production.db"
    path.touch(0o600)

    run_doctor(machine)

    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    assert "procore_login_trial" not in names


def _write_damaged(machine: Machine) -> None:
    service = "procore-login/production/client-secret"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_KEYRING_FOLDER", str(machine.keyring))
        FolderKeyring().put(service, "client-secret", "no JSON")
