"""What is rare, and must not be taken for something else."""

import socket
import sqlite3
import ssl
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from procore_cli.cli.doctor import network
from procore_cli.cli.doctor.network import find_silent_family
from procore_cli.client.connections import find_addresses
from procore_cli.client.transport import Transport
from tests.cli import Machine
from tests.doctor.report import run_doctor
from tests.people import JOE, People
from tests.procore import procore_servers as servers


@pytest.fixture
def tls(serve: Callable[..., Any], new_context: Callable[..., Any]) -> str:
    """The URL of an API that speaks TLS."""
    server = serve(servers.answering(servers.json_http({"error": "x"}, "401 No")), new_context())
    return str(server.url)


@pytest.fixture
def home(machine: Machine, people: People) -> Machine:
    """Joe is signed in."""
    machine.point_at(people)
    people.sign_in(machine, JOE)
    return machine


@pytest.mark.parametrize(
    ("variables", "failed"),
    [
        ({"TEST_KEYRING_FAULT": "missing", "PROCORE_CLIENT_SECRET": ""}, "keyring proof"),
        ({"PROCORE_LOGIN_URL": "https://nosuch.invalid"}, "login host"),
    ],
)
def test_what_fails_before_does_not_hide_that_there_is_no_client_id(machine, variables, failed):
    machine.variables |= variables | {"PROCORE_CLIENT_ID": ""}
    report = run_doctor(machine)
    assert report.named("failed") == [failed, "credentials"]
    assert "There is no client id for production" in report["credentials"].detail


def test_tls_that_is_trusted_is_no_trouble(machine, tls, tmp_path):
    machine.variables |= {"PROCORE_API_URL": tls, "REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")}
    report = run_doctor(machine)
    assert report.code == 0
    assert "; the API answers (401 without a token" in report["API host"].detail
    assert report["CA"].detail == f"{tmp_path / 'ca.pem'} (from REQUESTS_CA_BUNDLE), 1 certificate"


def test_ca_certificates_that_are_nowhere_are_warned_of_and_in_the_hosts_error(
    machine, tls, tmp_path, monkeypatch
):
    http, machine.variables["PROCORE_API_URL"] = machine.variables["PROCORE_API_URL"], tls
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        with mock.patch.dict(machine.variables, {variable: str(tmp_path / "none")}):
            report = run_doctor(machine)
        ca, host = report["CA"], report["API host"]
        wrong = f"{variable} names {tmp_path / 'none'}, which cannot be used (no such file or directory)."
        assert (report.code, ca.status, wrong in ca.detail) == (5, "warning", True)
        assert ca.fix == f"Correct {variable}, or unset it: unset {variable}"
        assert f"its certificate is not trusted: {wrong}" in host.detail
        assert ca.fix in host.fix
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", [])
    nothing = ssl.get_default_verify_paths()._replace(cafile=None, capath=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    report = run_doctor(machine)
    assert (report.code, report["CA"].status) == (5, "warning")
    for check in ("CA", "API host"):
        assert "this machine has no CA certificates at all" in report[check].detail
    assert "ca-certificates" in report["API host"].fix
    # Where no TLS is spoken none is needed.
    machine.variables["PROCORE_API_URL"] = http
    assert run_doctor(machine)["CA"].status == "ok"


def test_a_server_without_a_date_leaves_the_clock_open(machine, serve):
    dateless = serve(servers.answering(servers.json_http({"error": "invalid_grant"}, "401 No")))
    machine.variables |= {"PROCORE_LOGIN_URL": dateless.url, "PROCORE_API_URL": dateless.url}
    report = run_doctor(machine)
    assert (report.code, "clock" in report.lines) == (0, False)


@pytest.mark.parametrize("order", [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
def test_a_family_of_addresses_that_does_not_answer_is_named(machine, monkeypatch, serve, order):
    server = serve(servers.answering(servers.json_http({"errors": "no token"}, "401 No")))
    port = int(server.host.partition(":")[2])
    machine.variables["PROCORE_API_URL"] = server.url
    monkeypatch.setattr(socket, "getaddrinfo", servers.resolving(*order, name="localhost"))
    monkeypatch.setattr(network, "ADDRESS_TIMEOUT_S", 0.1)
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "address_timeout_s", 0.1)
    with servers.silent_port("::1", port):
        report = run_doctor(machine)
    assert (report.code, report["API host"].status) == (0, "warning")
    steps = f"DNS {', '.join(order)}; IPv6 does not answer; the API answers (401"
    assert steps in report["API host"].detail
    assert "switch IPv6 off on this machine" in report["API host"].fix


def test_a_family_that_refuses_at_once_is_no_trouble(monkeypatch, serve):
    port = int(serve(servers.silent_from_the_start).host.partition(":")[2])
    monkeypatch.setattr(socket, "getaddrinfo", servers.resolving("::1", "127.0.0.1", name="localhost"))
    assert find_silent_family(find_addresses("localhost", port)) == ""


def test_tokens_without_a_refresh_token_say_what_follows(machine, people):
    machine.point_at(people)
    answer = people.tokens
    people.tokens = lambda: answer() | {"refresh_token": None}  # type: ignore[method-assign]
    again = "Sign in again: procore-login signin --account joecontractor@procore.com"
    for lifetime_s, status, detail, fix in (
        (5400, "ok", "signing in again is needed at its end", ""),
        (1, "warning", "has expired, and Procore gave no refresh token", again),
    ):
        people.lifetime_s = lifetime_s
        people.sign_in(machine, JOE)
        line = run_doctor(machine)["account 11111"]
        assert (line.status, line.fix, detail in line.detail) == (status, fix, True)


def test_tokens_behind_a_keyring_that_fails_are_not_checked(home):
    home.variables["TEST_KEYRING_FAULT"] = "locked"
    report = run_doctor(home)
    assert report.code == 6
    account = "11111 (j***@procore.com), the current one: signed in; its"
    assert report["account 11111"].detail.startswith(account)


def test_a_demo_that_cannot_be_started_is_named(tmp_path):
    machine = Machine(tmp_path / "machine")
    machine.write("demo")
    report = run_doctor(machine, "--env", "demo")
    assert (report.code, report.named("failed")) == (6, ["pretend Procore"])
    assert report["credentials"].detail == "not checked: pretend Procore is not in order."


def test_a_database_that_can_only_be_read_is_named_and_still_read(home, monkeypatch):
    path, connect = home.data / "production.db", sqlite3.connect
    before = path.read_bytes()
    # root may write every file, whatever its mode: so SQLite itself is asked for no more than reading.
    monkeypatch.setattr(
        "sqlite3.connect", lambda address, **how: connect(address.replace("mode=rw", "mode=ro"), **how)
    )
    report = run_doctor(home)
    assert (report.code, report.named("failed")) == (6, ["database writing"])
    assert "cannot be written" in report["database writing"].detail
    assert report["account 11111"].status == "ok"
    assert report["keyring proof"].detail == "not checked: database writing is not in order."
    assert path.read_bytes() == before
