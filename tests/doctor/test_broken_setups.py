"""Set-ups that are broken in one way each: `doctor` names it, says what to type, and ends with its code."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from procore_cli.callback import sockets
from procore_cli.cli.doctor import files
from tests.cli import Machine, free_port
from tests.doctor.report import run_doctor
from tests.memory_keyring import FolderKeyring
from tests.procore import procore_servers as servers
from tests.provider import CLIENT_ID, Answer, Provider
from tests.store.store_world import run_sql

Usage = namedtuple("Usage", "total used free")
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))"
SECRET_ENTRY = ("procore-login/production/client-secret", "client-secret")


@dataclass(frozen=True)
class Setup:
    """How a set-up is broken, and what is said of it; {data} and the like stand for the machine's own."""

    code: int
    check: str
    detail: tuple[str, ...]
    fix: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    # What it returns is closed in the end.
    prepare: Callable[[Machine], Any] = lambda _: None
    # What other checks say of it.
    others: dict[str, str] = field(default_factory=dict)
    # Where it ends with 0.
    status: str = "warning"
    # What fails with it.
    also: list[str] = field(default_factory=list)


def write_config(text: str) -> Callable[[Machine], None]:
    def write(machine: Machine) -> None:
        (machine.data / "config.toml").write_text(text)
        (machine.data / "config.toml").chmod(0o600)

    return write


def write_database(content: bytes) -> Callable[[Machine], None]:
    def write(machine: Machine) -> None:
        (machine.data / "production.db").write_bytes(content)
        (machine.data / "production.db").chmod(0o600)

    return write


def open_to_others(machine: Machine) -> None:
    write_config("")(machine)
    (machine.data / "config.toml").chmod(0o644)
    machine.data.chmod(0o755)


def open_nine_files(machine: Machine) -> None:
    for number in range(9):
        (machine.data / f"{number} x").write_text("")
        (machine.data / f"{number} x").chmod(0o644)


def put_foreign_files(machine: Machine) -> None:
    (machine.data / "my link").symlink_to("/nowhere")
    os.mkfifo(machine.data / "odd", 0o644)


def put_file_in_place(machine: Machine) -> None:
    machine.data.rmdir()
    machine.data.write_text("")


def link(name: str) -> Callable[[Machine], None]:
    return lambda machine: (machine.data / name).symlink_to(machine.home / "elsewhere")


def corrupt(machine: Machine) -> None:
    database = machine.data / "production.db"
    run_sql(database, USERS)
    run_sql(
        database,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        f" INSERT INTO users SELECT i, i, '{'x' * 200}' FROM n",
    )
    raw = bytearray(database.read_bytes())
    raw[8192:12288] = b"\xff" * 4096
    write_database(bytes(raw))(machine)


def make_newer(machine: Machine) -> None:
    assert run_doctor(machine).code == 0
    run_sql(machine.data / "production.db", "UPDATE procore_login_meta SET value = 99")


def hold_database(machine: Machine) -> sqlite3.Connection:
    assert run_doctor(machine).code == 0
    other = sqlite3.connect(machine.data / "production.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def double_rows(machine: Machine) -> None:
    run_sql(machine.home / "test.db", USERS)
    run_sql(machine.home / "test.db", "INSERT INTO users (procore_id, email) VALUES (1, 'a'), (1, 'b')")


def keep(text: str) -> Callable[[Machine], None]:
    """Put an entry into the keyring in the place of the kept client secret."""

    def put(machine: Machine) -> None:
        with mock.patch.dict(os.environ, machine.environ()):
            FolderKeyring().put(*SECRET_ENTRY, text)

    return put


def damage_secret(machine: Machine) -> None:
    machine.run_here("configure", "--client-id", CLIENT_ID)
    keep("no JSON")(machine)


UNREADABLE = {
    "PROCORE_LOGIN_URL": ["http://user:hush@example.com", "nonsense"],
    "PROCORE_API_URL": ["nonsense"],
    "PROCORE_REDIRECT_URI": ["ftp://localhost"],
    "PROCORE_COMPANY_ID": ["mine"],
    "PROCORE_LOGIN_STORE": ["drawer", "postgresql://joe:hush@db.example/x"],
    "PROCORE_ACCESS_TOKEN": ["hush token"],
    "PROCORE_CLIENT_ID": ["joes-hush\n"],
    "PROCORE_CLIENT_SECRET": ["joes-hush\n"],
    "PROCORE_LOGIN_DB": ["postgresql://joe:hush@db.example/x"],
}
SETUPS = {
    # The app
    "a wrong secret": Setup(
        3,
        "credentials",
        (
            "invalid_client",
            "from PROCORE_CLIENT_ID, the client secret from PROCORE_CLIENT_SECRET.",
            "Is production the right environment?",
        ),
        "procore-login configure --env production --show",
        {"PROCORE_CLIENT_SECRET": "hush-another-secret"},
    ),
    "no client id": Setup(
        3,
        "credentials",
        ("There is no client id for production",),
        "procore-login configure --env production",
        {"PROCORE_CLIENT_ID": ""},
    ),
    "a kept secret that is damaged": Setup(
        3,
        "credentials",
        ("The client secret of production that the keyring store keeps is damaged.",),
        "Give it again: procore-login configure --env production",
        {"PROCORE_CLIENT_SECRET": "", "PROCORE_CLIENT_ID": ""},
        damage_secret,
    ),
    # The way back
    "a port that another program holds": Setup(
        7,
        "port",
        ("port {port} of 127.0.0.1: the port is in use", "(process {pid})"),
        "--paste",
        prepare=lambda machine: socket.create_server(("127.0.0.1", machine.port)),
    ),
    "a redirect URI that shows a code": Setup(
        0, "port", ("pasting",), variables={"PROCORE_REDIRECT_URI": "urn:ietf:wg:oauth:2.0:oob"}, status="ok"
    ),
    "a redirect URI elsewhere": Setup(
        0,
        "port",
        ("pasting",),
        variables={"PROCORE_REDIRECT_URI": "https://example.com/back?x=hush"},
        status="ok",
    ),
    "a browser that is not installed": Setup(
        0, "browser", ("(no-such-browser)",), "unset BROWSER", {"BROWSER": "no-such-browser --secret hush"}
    ),
    "a machine over SSH": Setup(
        0,
        "browser",
        ("over SSH",),
        "ssh -L {port}:localhost:{port}",
        {"SSH_CONNECTION": "1 2 3 4", "BROWSER": ""},
    ),
    # The keyring
    **{
        f"a keyring that is {fault}": Setup(
            6, "keyring proof", (words,), "--store file", {"TEST_KEYRING_FAULT": fault}
        )
        for fault, words in (
            ("missing", "no keyring here"),
            ("locked", "is locked"),
            ("forget-write", "not keep"),
        )
    },
    "no keyring at all": Setup(
        6,
        "keyring",
        (),
        "configure --store file",
        {"PYTHON_KEYRING_BACKEND": "", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"},
        others={"keyring proof": "not checked: keyring is not in order."},
    ),
    "a keyring that cannot say whether there is a secret": Setup(
        6,
        "keyring proof",
        (),
        variables={"TEST_KEYRING_FAULT": "missing", "PROCORE_CLIENT_SECRET": ""},
        others={"credentials": "not checked: keyring is not in order."},
    ),
    # The data folder
    "what is open to others": Setup(
        0,
        "data folder",
        ("{data} (mode 0755), {data}/config.toml (mode 0644)",),
        "chmod 700 {data} && chmod 600 {data}/config.toml",
        prepare=open_to_others,
    ),
    "many files that are open to others": Setup(
        0, "data folder", ("and 6 more",), "chmod -R go= {data}", prepare=open_nine_files
    ),
    "files of somebody else's": Setup(
        0, "foreign files", ("odd",), "If nobody needs them: rm '/", prepare=put_foreign_files
    ),
    **{
        f"a link in the place of {name}": Setup(
            6,
            "data folder",
            (f"{name} cannot be used: it is a symbolic link",),
            f"Remove it: rm {{data}}/{name}",
            prepare=link(name),
        )
        for name in ("production.db", "secrets", "locks")
    },
    "a link in the place of config.toml": Setup(
        6,
        "data folder",
        ("config.toml cannot be used: it is a symbolic link",),
        prepare=link("config.toml"),
        also=["config"],
    ),
    "a CA file that is not there": Setup(
        3,
        "CA",
        ("{home}/none.pem: no such file",),
        "REQUESTS_CA_BUNDLE",
        {"REQUESTS_CA_BUNDLE": "{home}/none.pem"},
        also=[],
    ),
    "a pipe in the place of a folder": Setup(
        6,
        "data folder",
        ("locks cannot be used: it is neither a file nor a folder",),
        prepare=lambda machine: os.mkfifo(machine.data / "locks", 0o600),
    ),
    "a file in the place of the data folder": Setup(
        6,
        "data folder",
        ("it is not a folder",),
        variables={"PROCORE_CLIENT_ID": ""},
        prepare=put_file_in_place,
        others={"credentials": "not checked: data folder is not in order."},
    ),
    "a data folder below a file": Setup(
        6,
        "data folder",
        (),
        variables={"PROCORE_LOGIN_HOME": "{home}/plain/sub", "PROCORE_CLIENT_ID": ""},
        prepare=lambda machine: (machine.home / "plain").touch(),
        others={"credentials": "not checked: data folder is not in order."},
    ),
    # config.toml
    "a value that ends too early": Setup(
        3,
        "config",
        ("config.toml, ",),
        prepare=write_config('environment = "sandbox"\nstore = '),
        others={
            "keyring": "not checked: config is not in order.",
            "credentials": "not checked: config is not in order.",
        },
    ),
    "a list without an end": Setup(3, "config", ("at its end",), prepare=write_config("company = [")),
    "a wrong value": Setup(
        3,
        "config",
        ("plain http is only possible for localhost",),
        variables={"PROCORE_CLIENT_ID": "", "PROCORE_REDIRECT_URI": ""},
        prepare=write_config(
            '[environments.production]\nclient_id = "kept-id"\nredirect_uri = "http://example.com/"\n'
        ),
    ),
    "unknown keys": Setup(0, "config", ("colour",), prepare=write_config('colour = "red"\n')),
    # Variables
    **{
        f"{name}={value}": Setup(3, f"variable {name}", (name,), "", {name: value})
        for name, values in UNREADABLE.items()
        for value in values
    },
    "a store that does not exist": Setup(
        3,
        "variable PROCORE_LOGIN_STORE",
        (),
        variables={"PROCORE_LOGIN_STORE": "files"},
        others={"keyring": "not checked: PROCORE_LOGIN_STORE is not in order."},
    ),
    # The database
    "an empty database": Setup(0, "database", (), prepare=write_database(b""), status="ok"),
    "a variable for the database that is empty": Setup(
        0, "database", (), variables={"PROCORE_LOGIN_DB": ""}, status="ok"
    ),
    "a corrupt database": Setup(
        6, "database", ("{data}/production.db is damaged",), "Move it away", prepare=corrupt
    ),
    "what is no database": Setup(
        6, "database", ("is not an SQLite database",), prepare=write_database(b"nothing of the kind" * 100)
    ),
    "a newer schema": Setup(
        6, "database", ("newer procore-login (schema 99)",), "Update procore-login", prepare=make_newer
    ),
    "a database that another program holds": Setup(
        6, "database writing", ("is in use by another program",), prepare=hold_database
    ),
    **{
        f"a database that is {name}": Setup(
            6,
            "database",
            (f"The database {name} cannot be used: it is {kind}.",),
            "Let PROCORE_LOGIN_DB name an SQLite file.",
            {"PROCORE_LOGIN_DB": name},
        )
        for name, kind in ((os.devnull, "not a file"), ("/", "a folder"))
    },
    "a database where there is no folder": Setup(
        6,
        "database",
        ("there is no folder {home}/none",),
        variables={"PROCORE_LOGIN_DB": "{home}/none/test.db"},
    ),
    "the tutorial's database with doubled rows": Setup(
        0,
        "database",
        ("{home}/test.db (from PROCORE_LOGIN_DB)", "1 Procore id twice"),
        variables={"PROCORE_LOGIN_DB": "{home}/test.db"},
        prepare=double_rows,
        status="ok",
    ),
    # The network
    "a proxy that is not there": Setup(
        5,
        "login host",
        ("the proxy 127.0.0.1:{free} cannot be used: connection refused",),
        variables={"PROCORE_LOGIN_URL": "", "HTTPS_PROXY": "127.0.0.1:{free}", "NO_PROXY": "x.invalid"},
        others={"proxy": "login host: through 127.0.0.1:{free}, API host: directly"},
    ),
    "a proxy that is no URL": Setup(
        3, "proxy", (), "HTTPS_PROXY", {"PROCORE_LOGIN_URL": "", "HTTPS_PROXY": "socks9://hush@x"}
    ),
    "a name that cannot be resolved": Setup(
        5,
        "login host",
        ("nosuch.invalid cannot be reached: its name cannot be resolved",),
        "HTTPS_PROXY",
        {"PROCORE_LOGIN_URL": "https://nosuch.invalid"},
    ),
    **{
        f"a port of the {check} where nobody listens": Setup(
            5,
            check,
            ("connection refused",),
            f"{variable} names this host: correct it, or unset it. ",
            {variable: "http://localhost:{free}"},
        )
        for check, variable in (("login host", "PROCORE_LOGIN_URL"), ("API host", "PROCORE_API_URL"))
    },
}


@pytest.mark.parametrize("name", SETUPS)
def test_a_broken_set_up_is_named_with_what_to_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("procore_cli.storage.database.LOOK_TIMEOUT_S", 0.05)
    setup = SETUPS[name]
    own = {"data": machine.data, "home": machine.home, "port": machine.port}
    own |= {"pid": os.getpid(), "free": free_port()}
    machine.variables |= {key: value.format(**own) for key, value in setup.variables.items()}
    held = setup.prepare(machine)
    modes = {path: path.lstat().st_mode for path in machine.data.rglob("*")}

    with contextlib.closing(held) if held else contextlib.nullcontext():
        report = run_doctor(machine)

    status, failed = ("failed", [setup.check, *setup.also]) if setup.code else (setup.status, [])
    line = report[setup.check]
    assert (report.code, report.named("failed"), line.status) == (setup.code, failed, status)
    for words in setup.detail:
        assert words.format(**own) in line.detail
    assert setup.fix.format(**own) in line.fix
    for check, words in setup.others.items():
        assert report[check].detail == words.format(**own)
    assert "hush" not in str(report)
    # It repairs nothing.
    assert {path: path.lstat().st_mode for path in modes} == modes


def test_where_nothing_is_broken_signing_in_can_work(machine: Machine) -> None:
    report = run_doctor(machine)

    assert report.code == 0
    assert report.named("warning") == []
    assert "knows client id client-of-the-tests" in report["credentials"].detail


def test_an_unclear_answer_about_the_app_is_a_warning(machine: Machine, provider: Provider) -> None:
    provider.check = lambda _: Answer(429, {"error": "slow_down"})

    report = run_doctor(machine)

    assert (report.code, report["credentials"].status) == (0, "warning")
    assert "slow_down" in report["credentials"].detail


def test_a_port_that_another_sign_in_holds_names_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "find_port_holder", lambda _: sockets.Holder(4321, "procore-login"))
    with socket.create_server(("127.0.0.1", machine.port)):
        report = run_doctor(machine)

    assert report.code == 7
    assert report["port"].detail.endswith("Another sign-in waits there (process 4321).")
    assert report["port"].fix == "Finish it in its browser, or end it with Ctrl-C; then try again."


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


def test_a_full_disk_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 100, 0))

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (6, ["data folder"])
    assert "its disk is full (0 bytes left)" in report["data folder"].detail


def test_no_secret_is_sent_while_the_login_url_is_not_in_order(machine: Machine, provider: Provider) -> None:
    machine.variables["PROCORE_LOGIN_URL"] = "nonsense"

    report = run_doctor(machine)

    assert report["credentials"].detail == "not checked: PROCORE_LOGIN_URL is not in order."
    assert report["login host"].detail == "not checked: PROCORE_LOGIN_URL is not in order."
    assert provider.checks == []


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


def test_debug_does_not_claim_a_variable_that_was_left_out(machine: Machine) -> None:
    machine.variables["PROCORE_API_URL"] = "http://bad.example/x"

    said = machine.run_here("doctor", "--offline", "--debug").err

    assert "API URL = https://api.procore.com (from production)" in said
    assert f"login URL = {machine.variables['PROCORE_LOGIN_URL']} (from PROCORE_LOGIN_URL)" in said


def test_a_write_that_is_tried_leaves_nothing_behind(machine: Machine) -> None:
    path = machine.data / "production.db"
    path.touch(0o600)

    run_doctor(machine)

    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    assert "procore_login_trial" not in names


def test_a_sign_in_says_of_a_damaged_secret_what_doctor_says(machine: Machine) -> None:
    machine.variables |= {"PROCORE_CLIENT_SECRET": "", "PROCORE_CLIENT_ID": ""}
    damage_secret(machine)

    result = machine.run_here("signin", "--no-browser")

    assert result.code == 3
    assert run_doctor(machine)["credentials"].detail in result.err


def test_a_secret_that_was_kept_for_another_id_is_not_sent(machine: Machine, provider: Provider) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = ""
    keep(f'[1, "another-id", "{provider.url}", "hush-kept"]')(machine)

    report = run_doctor(machine)

    assert (report.code, report.named("failed")) == (3, ["credentials"])
    assert "made for the client id another-id" in report["credentials"].detail
    assert provider.checks == []
    assert "hush" not in str(report)


def test_what_a_variable_holds_that_cannot_be_used_is_shown_nowhere(machine: Machine) -> None:
    for name in ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET", "PROCORE_LOGIN_DB", "PROCORE_LOGIN_STORE"):
        for value in UNREADABLE[name]:
            with mock.patch.dict(machine.variables, {name: value}):
                for arguments in (["doctor"], ["doctor", "--debug", "--json"], ["whoami", "--debug"]):
                    result = machine.run_here(*arguments)
                    assert (result.code, "hush" in result.out + result.err) == (3, False)
    assert list(machine.home.glob("postgresql*")) == []
