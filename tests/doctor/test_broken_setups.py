"""Set-ups that are broken in one way each: `doctor` names it, says what to type, and ends with its code."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from procore_cli.cli.doctor import files
from tests.cli import Machine
from tests.doctor.report import run_doctor
from tests.procore import procore_servers as servers
from tests.provider import Answer, Provider
from tests.store.store_world import run_sql

Usage = namedtuple("Usage", "total used free")


def test_where_nothing_is_broken_signing_in_can_work(machine: Machine) -> None:
    report = run_doctor(machine)

    assert report.code == 0
    assert report.named("warning") == []
    assert "knows client id client-of-the-tests" in report["credentials"].detail


def test_a_wrong_secret_is_named_with_where_the_id_came_from(machine: Machine) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = "hush-another-secret"

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, ["credentials"])
    assert "invalid_client" in report["credentials"].detail
    assert "PROCORE_CLIENT_ID" in report["credentials"].detail
    assert "Is production the right environment?" in report["credentials"].detail
    assert "procore-login configure --env production --show" in report["credentials"].fix


def test_an_unclear_answer_about_the_app_is_a_warning(machine: Machine, provider: Provider) -> None:
    provider.check = lambda _: Answer(429, {"error": "slow_down"})

    report = run_doctor(machine)

    assert (report.code, report["credentials"].status) == (0, "warning")
    assert "slow_down" in report["credentials"].detail


def test_without_a_client_id_the_next_step_is_configure(machine: Machine) -> None:
    del machine.variables["PROCORE_CLIENT_ID"]

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, ["credentials"])
    assert "procore-login configure --env production" in report["credentials"].fix


def test_a_port_that_another_program_holds_is_named_with_its_holder(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.port)):
        report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (7, ["port"])
    assert f"port {machine.port} of 127.0.0.1: the port is in use" in report["port"].detail
    assert f"(process {os.getpid()})" in report["port"].detail
    assert "--paste" in report["port"].fix


@pytest.mark.parametrize(
    "uri", ["urn:ietf:wg:oauth:2.0:oob", "https://example.com/back?x=hush"], ids=["oob", "elsewhere"]
)
def test_a_redirect_uri_elsewhere_needs_no_port(machine: Machine, uri: str) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = uri

    report = run_doctor(machine)

    assert (report.code, report["port"].status) == (0, "ok")
    assert "pasting" in report["port"].detail
    assert "hush" not in report["port"].detail


@pytest.mark.parametrize(
    ("fault", "words"),
    [("missing", "no keyring here"), ("locked", "is locked"), ("forget-write", "not keep")],
)
def test_a_keyring_that_does_not_work_names_the_choices(machine: Machine, fault: str, words: str) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = fault

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["keyring proof"])
    assert words in report["keyring proof"].detail
    assert "--store file" in report["keyring proof"].fix


def test_no_keyring_at_all_ends_with_6_and_says_so_once(machine: Machine) -> None:
    machine.variables |= {"PYTHON_KEYRING_BACKEND": "", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["keyring"])
    assert "configure --store file" in report["keyring"].fix
    assert report["keyring proof"].detail == "not checked: keyring is not in order."


def test_a_folder_that_is_too_open_is_reported_with_the_chmod_and_stays_so(machine: Machine) -> None:
    machine.data.chmod(0o755)
    config = machine.data / "config.toml"
    config.write_text("")
    config.chmod(0o644)

    report = run_doctor(machine)

    assert (report.code, report["data folder"].status) == (0, "warning")
    assert f"{machine.data} (mode 0755), {config} (mode 0644)" in report["data folder"].detail
    assert report["data folder"].fix == f"chmod 700 {machine.data} && chmod 600 {config}"
    assert machine.data.stat().st_mode & 0o777 == 0o755
    assert config.stat().st_mode & 0o777 == 0o644


def test_many_files_that_are_too_open_take_one_command(machine: Machine) -> None:
    for number in range(9):
        (machine.data / f"{number} x").write_text("")
        (machine.data / f"{number} x").chmod(0o644)

    report = run_doctor(machine)

    assert "and 6 more" in report["data folder"].detail
    assert report["data folder"].fix == f"chmod -R go= {machine.data}"


@pytest.mark.parametrize("name", ["", "secrets", "config.toml"])
def test_what_belongs_to_another_user_is_named_with_its_owner(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (machine.data / "secrets").mkdir(mode=0o700)
    (machine.data / "config.toml").touch(mode=0o600)
    owner, real = pwd.getpwuid(os.geteuid()), os.scandir

    def scandir(path: Path) -> Any:
        if path == machine.data / name:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(files, "is_foreign", lambda status: os.path.samestat(status, theirs))
    monkeypatch.setattr(os, "geteuid", lambda: 471_147)
    theirs = (machine.data / name).stat()

    report = run_doctor(machine)

    assert report.code == 6
    assert report["data folder"].detail == (
        f"{machine.data / name} cannot be used: it belongs to another user"
        f" ({owner.pw_name}, uid {owner.pw_uid})."
    )
    assert f"sudo chown -R 471147 {machine.data};" in report["data folder"].fix
    assert report["database"].detail == "not checked: data folder is not in order."


def test_a_link_in_the_folder_is_named(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    (machine.data / "config.toml").symlink_to(tmp_path / "real")

    report = run_doctor(machine)

    assert report.code == 6
    assert "config.toml cannot be used: it is a symbolic link" in report["data folder"].detail
    assert report["data folder"].fix == f"Remove it: rm {machine.data / 'config.toml'}"


def test_a_file_in_place_of_the_folder_is_named(machine: Machine) -> None:
    machine.data.rmdir()
    machine.data.write_text("")

    report = run_doctor(machine)

    assert report.code == 6
    assert "it is not a folder" in report["data folder"].detail


def test_a_full_disk_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 100, 0))

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["data folder"])
    assert "its disk is full (0 bytes left)" in report["data folder"].detail


@pytest.mark.parametrize(
    ("text", "place"),
    [('environment = "sandbox"\nstore = ', "line 2, column 9"), ("company = [", "line 1, column 12")],
)
def test_a_broken_config_is_named_with_its_line_and_the_rest_goes_on(
    machine: Machine, text: str, place: str
) -> None:
    (machine.data / "config.toml").write_text(text)
    (machine.data / "config.toml").chmod(0o600)

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, ["config"])
    assert place.split(",")[0] in report["config"].detail or "at its end" in report["config"].detail
    assert report["keyring"].detail == "not checked: config is not in order."
    assert report["credentials"].detail == "not checked: config is not in order."


def test_a_wrong_value_in_config_leaves_the_client_id_in_force(machine: Machine) -> None:
    del machine.variables["PROCORE_CLIENT_ID"]
    machine.variables["PROCORE_REDIRECT_URI"] = ""
    (machine.data / "config.toml").write_text(
        '[environments.production]\nclient_id = "kept-id"\nredirect_uri = "http://example.com/"\n'
    )
    (machine.data / "config.toml").chmod(0o600)

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, ["config"])
    assert "plain http is only possible for localhost" in report["config"].detail


def test_unknown_keys_are_a_warning(machine: Machine) -> None:
    (machine.data / "config.toml").write_text('colour = "red"\n')
    (machine.data / "config.toml").chmod(0o600)

    report = run_doctor(machine)

    assert (report.code, report["config"].status) == (0, "warning")
    assert "colour" in report["config"].detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROCORE_LOGIN_URL", "http://user:hush@example.com"),
        ("PROCORE_API_URL", "nonsense"),
        ("PROCORE_REDIRECT_URI", "ftp://localhost"),
        ("PROCORE_COMPANY_ID", "mine"),
        ("PROCORE_LOGIN_STORE", "drawer"),
        ("PROCORE_ACCESS_TOKEN", "hush token"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_and_the_rest_goes_on(
    machine: Machine, name: str, value: str
) -> None:
    machine.variables[name] = value

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, [f"variable {name}"])
    assert name in report[f"variable {name}"].detail
    assert "hush" not in str(report)
    assert report["database"].status == "ok"


def test_no_secret_is_sent_while_the_login_url_is_not_in_order(machine: Machine, provider: Provider) -> None:
    machine.variables["PROCORE_LOGIN_URL"] = "nonsense"

    report = run_doctor(machine)

    assert report["credentials"].detail == "not checked: PROCORE_LOGIN_URL is not in order."
    assert report["login host"].detail == "not checked: PROCORE_LOGIN_URL is not in order."
    assert provider.checks == []


def test_a_corrupt_database_is_named(machine: Machine) -> None:
    database = machine.data / "production.db"
    run_sql(database, "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))")
    run_sql(
        database,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        f" INSERT INTO users SELECT i, i, '{'x' * 200}' FROM n",
    )
    database.chmod(0o600)
    raw = bytearray(database.read_bytes())
    raw[8192:12288] = b"\xff" * 4096
    database.write_bytes(bytes(raw))

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["database"])
    assert f"{database} is damaged" in report["database"].detail
    assert "Move it away" in report["database"].fix


def test_what_is_no_database_is_named(machine: Machine) -> None:
    database = machine.data / "production.db"
    database.write_bytes(b"nothing of the kind" * 100)
    database.chmod(0o600)

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["database"])
    assert "is not an SQLite database" in report["database"].detail


def test_a_newer_schema_is_named(machine: Machine) -> None:
    assert run_doctor(machine).code == 0
    run_sql(machine.data / "production.db", "UPDATE procore_login_meta SET value = 99")

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["database"])
    assert "newer procore-login (schema 99)" in report["database"].detail
    assert "Update procore-login" in report["database"].fix


def test_a_database_that_another_program_holds_is_named_in_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procore_cli.storage.database.LOOK_TIMEOUT_S", 0.05)
    assert run_doctor(machine).code == 0
    with closing(sqlite3.connect(machine.data / "production.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["database writing"])
    assert "is in use by another program" in report["database writing"].detail


def test_a_database_that_is_a_folder_is_named_as_one(machine: Machine, tmp_path: Path) -> None:
    machine.variables["PROCORE_LOGIN_DB"] = str(tmp_path)

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["database"])
    assert "it is a folder" in report["database"].detail


def test_the_tutorials_database_with_doubled_rows_is_fine(machine: Machine, tmp_path: Path) -> None:
    database = tmp_path / "test.db"
    run_sql(database, "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))")
    run_sql(database, "INSERT INTO users (procore_id, email) VALUES (11111, 'a'), (11111, 'b')")
    machine.variables["PROCORE_LOGIN_DB"] = str(database)

    report = run_doctor(machine)

    assert report.code == 0
    assert f"{database} (from PROCORE_LOGIN_DB)" in report["database"].detail
    assert "1 Procore id twice" in report["database"].detail


def test_a_database_where_there_is_no_folder_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.variables["PROCORE_LOGIN_DB"] = str(tmp_path / "none" / "test.db")

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["database"])
    assert f"there is no folder {tmp_path / 'none'}" in report["database"].detail


def test_a_ca_file_that_is_not_there_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.variables["REQUESTS_CA_BUNDLE"] = str(tmp_path / "none.pem")

    report = run_doctor(machine)

    assert report.code == 3
    assert report.named("failed")[0] == "CA"
    assert f"{tmp_path / 'none.pem'}: no such file" in report["CA"].detail
    assert "REQUESTS_CA_BUNDLE" in report["CA"].fix


def test_a_server_whose_certificate_nobody_signed_is_named(
    machine: Machine, serve: Callable[..., Any], new_context: Callable[..., Any]
) -> None:
    server = serve(servers.answering(servers.json_http({})), new_context(issuer="localhost"))
    machine.variables["PROCORE_LOGIN_URL"] = server.url

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (5, ["login host"])
    assert "its certificate is not trusted: it is self-signed" in report["login host"].detail
    assert "REQUESTS_CA_BUNDLE" in report["login host"].fix
    assert server.requests == []
    assert "not checked" in report["credentials"].detail


def test_a_proxy_that_asks_for_a_password_is_named_without_the_one_that_it_got(
    machine: Machine, serve: Callable[..., Any]
) -> None:
    proxy = serve(servers.closing_after(servers.http("407 Proxy Authentication Required", b"")))
    machine.variables |= {"PROCORE_LOGIN_URL": "", "PROCORE_API_URL": ""}
    machine.variables["HTTPS_PROXY"] = f"http://joe:hush-password@{proxy.host}"

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (5, ["login host", "API host"])
    assert f"the proxy {proxy.host} cannot be used: it asks for a user name" in report["login host"].detail
    assert "HTTPS_PROXY" in report["login host"].fix
    assert report["proxy"].detail == f"requests go through {proxy.host}"
    assert "hush" not in str(report)


def test_a_proxy_that_is_not_there_is_named(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    machine.variables |= {
        "PROCORE_LOGIN_URL": "",
        "HTTPS_PROXY": f"127.0.0.1:{port}",
        "NO_PROXY": "x.invalid",
    }

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (5, ["login host"])
    assert f"the proxy 127.0.0.1:{port} cannot be used: connection refused" in report["login host"].detail
    assert f"login host: through 127.0.0.1:{port}, API host: directly" in report["proxy"].detail


def test_a_proxy_that_is_no_url_is_named_by_its_variable(machine: Machine) -> None:
    machine.variables |= {"PROCORE_LOGIN_URL": "", "HTTPS_PROXY": "socks9://hush@x"}

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, ["proxy"])
    assert "HTTPS_PROXY" in report["proxy"].fix
    assert "hush" not in str(report)


def test_a_name_that_cannot_be_resolved_is_named(machine: Machine) -> None:
    machine.variables["PROCORE_LOGIN_URL"] = "https://nosuch.invalid"

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (5, ["login host"])
    assert "nosuch.invalid cannot be reached: its name cannot be resolved" in report["login host"].detail
    assert "HTTPS_PROXY" in report["login host"].fix
    assert "(PROCORE_LOGIN_URL)" in report.err


def test_a_port_where_nobody_listens_is_named(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    machine.variables["PROCORE_API_URL"] = f"http://127.0.0.1:{port}"

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (5, ["API host"])
    assert "connection refused" in report["API host"].detail


@pytest.mark.parametrize(
    "answer",
    [
        servers.http("302 Found", b"", "Location: https://portal.example/login"),
        servers.http("200 OK", b"<html>Welcome to our network</html>"),
        servers.http("511 Network Authentication Required", b"<html>Log in</html>"),
    ],
    ids=["redirect", "page", "511"],
)
def test_a_network_that_asks_for_a_login_page_is_named(
    machine: Machine, serve: Callable[..., Any], answer: bytes
) -> None:
    portal = serve(servers.answering(answer))
    machine.variables |= {"PROCORE_LOGIN_URL": portal.url, "PROCORE_API_URL": portal.url}

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (5, ["login host", "API host"])
    for name in ("login host", "API host"):
        assert "a network that asks for a login page" in report[name].fix
    assert not any(b"client_secret" in request for request in portal.requests)


def test_a_server_that_has_trouble_is_told_from_one_that_is_none(
    machine: Machine, provider: Provider
) -> None:
    provider.script["/oauth/token"] = lambda _: Answer(503, {"error": "maintenance"})

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (5, ["login host"])
    assert "503 (maintenance)" in report["login host"].detail
    assert "status page" in report["login host"].fix


def test_a_clock_that_is_wrong_is_a_warning_with_what_it_means(
    machine: Machine, serve: Callable[..., Any]
) -> None:
    body = b'{"error": "invalid_grant"}'
    past = serve(servers.answering(servers.http("400 No", body, "Date: Fri, 01 Jan 2021 00:00:00 GMT")))
    machine.variables["PROCORE_LOGIN_URL"] = past.url

    report = run_doctor(machine)

    assert (report.code, report["clock"].status) == (0, "warning")
    assert "ahead of Procore's" in report["clock"].detail
    assert "timedatectl" in report["clock"].fix


def test_a_browser_that_is_not_installed_is_named(machine: Machine) -> None:
    machine.variables["BROWSER"] = "no-such-browser --secret hush"

    report = run_doctor(machine)

    assert (report.code, report["browser"].status) == (0, "warning")
    assert "(no-such-browser)" in report["browser"].detail
    assert "unset BROWSER" in report["browser"].fix
    assert "hush" not in str(report)


def test_over_ssh_the_way_back_is_explained(machine: Machine) -> None:
    machine.variables |= {"SSH_CONNECTION": "1 2 3 4", "BROWSER": ""}

    report = run_doctor(machine)

    assert (report.code, report["browser"].status) == (0, "warning")
    assert "over SSH" in report["browser"].detail
    assert f"ssh -L {machine.port}:localhost:{machine.port}" in report["browser"].fix


def test_a_secret_that_was_kept_for_another_id_is_not_sent(machine: Machine, provider: Provider) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = ""
    text = f'[1, "another-id", "{provider.url}", "hush-kept"]'
    keep(machine, "procore-login/production/client-secret", "client-secret", text)

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, ["credentials"])
    assert "made for the client id another-id" in report["credentials"].detail
    assert provider.checks == []
    assert "hush" not in str(report)


def keep(machine: Machine, service: str, username: str, text: str) -> None:
    from unittest import mock

    from tests.memory_keyring import FolderKeyring

    with mock.patch.dict(os.environ, machine.environ()):
        FolderKeyring().set_password(service, username, text)
