"""Set-ups that are broken in one way each: `doctor` names it, says what to type, and ends with its code."""

import contextlib
import os
import pwd
import shutil
import socket
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
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
class Stand:
    """A machine with all around it, to be broken before `doctor` runs."""

    machine: Machine
    provider: Provider
    patch: pytest.MonkeyPatch
    serve: Callable[..., Any]

    def play(self, *variables: str, answer: bytes) -> Any:
        server = self.serve(servers.answering(answer))
        self.machine.variables |= dict.fromkeys(variables, server.url)

    def damage_secret(self, text: str = "no JSON") -> None:
        """Put an entry into the keyring in the place of the kept client secret."""
        with mock.patch.dict(os.environ, self.machine.environ()):
            FolderKeyring().put(*SECRET_ENTRY, text)

    def own(self) -> dict[str, Any]:
        """What {data} and the like stand for."""
        machine = self.machine
        own = {"data": machine.data, "home": machine.home, "port": machine.port, "url": self.provider.url}
        return own | {"pid": os.getpid(), "free": free_port()}


@pytest.fixture
def stand(machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch, serve: Any) -> Stand:
    return Stand(machine, provider, monkeypatch, serve)


class Says:
    """The exit code, and what a check says; {data} and the like stand for the stand's own."""

    def __init__(self, code: int, check: str, *detail: str, fix: str = "", status: str = "warning") -> None:
        """`status`: the check's, where it ends with 0."""
        self.code, self.check, self.detail, self.fix = code, check, detail, fix
        self.status = "failed" if code else status


def setup(
    says: Says,
    *,
    prepare: Callable[[Stand], Any] = lambda _: None,
    others: dict[str, str] = {},  # noqa: B006 - never changed
    **variables: str,
) -> tuple[Says, Callable[[Stand], Any], dict[str, str], dict[str, str]]:
    """How a set-up is broken, and what is said of it.

    What `prepare` returns is closed in the end; `others`: what other checks say.
    """
    return says, prepare, others, variables


def unchecked(cause: str, *checks: str) -> dict[str, str]:
    return dict.fromkeys(checks, f"not checked: {cause} is not in order.")


def write(name: str, content: str | bytes, mode: int = 0o600) -> Callable[[Stand], Any]:
    return lambda stand: stand.machine.write(name, content, mode) and None


def open_to_others(stand: Stand) -> None:
    stand.machine.write("config.toml", "", 0o644)
    stand.machine.data.chmod(0o755)


def open_nine_files(stand: Stand) -> None:
    for number in range(9):
        stand.machine.write(f"{number} x", "", 0o644)


def put_foreign_files(stand: Stand) -> None:
    (stand.machine.data / "my link").symlink_to("/nowhere")
    os.mkfifo(stand.machine.data / "odd", 0o644)


def put_file_in_place(stand: Stand) -> None:
    stand.machine.data.rmdir()
    stand.machine.data.write_text("")


def link(name: str) -> Callable[[Stand], None]:
    return lambda stand: (stand.machine.data / name).symlink_to(stand.machine.home / "elsewhere")


def corrupt(stand: Stand) -> None:
    database = stand.machine.write("production.db")
    run_sql(
        database,
        USERS,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        f" INSERT INTO users SELECT i, i, '{'x' * 200}' FROM n",
    )
    raw = bytearray(database.read_bytes())
    raw[8192:12288] = b"\xff" * 4096
    database.write_bytes(raw)


def make_newer(stand: Stand) -> None:
    assert run_doctor(stand.machine).code == 0
    stand.machine.sql("UPDATE procore_login_meta SET value = 99")


def hold_database(stand: Stand) -> sqlite3.Connection:
    assert run_doctor(stand.machine).code == 0
    other = sqlite3.connect(stand.machine.data / "production.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def double_rows(stand: Stand) -> None:
    rows = "INSERT INTO users (procore_id, email) VALUES (1, 'a'), (1, 'b')"
    run_sql(stand.machine.home / "test.db", USERS, rows)


def forget_id(stand: Stand) -> None:
    stand.machine.run_here("configure", "--client-id", CLIENT_ID)
    stand.damage_secret()


def keep_anothers_secret(stand: Stand) -> None:
    stand.damage_secret(f'[1, "another-id", "{stand.provider.url}", "hush-kept"]')


def hold_port(stand: Stand) -> socket.socket:
    return socket.create_server(("127.0.0.1", stand.machine.port))


def hold_port_by_sign_in(stand: Stand) -> socket.socket:
    holder = sockets.Holder(4321, "python3", is_sign_in=True)
    stand.patch.setattr(sockets, "find_port_holder", lambda _: holder)
    return hold_port(stand)


def measure_disk(outcome: Any) -> Callable[[Stand], None]:
    return lambda stand: stand.patch.setattr(shutil, "disk_usage", mock.Mock(side_effect=[outcome]))


def close_folder(stand: Stand) -> None:
    stand.patch.setattr(os, "access", lambda *_, **__: False)


def close_home(stand: Stand) -> None:
    close_folder(stand)
    stand.machine.data.rmdir()


def answer(path: str, status: int, body: dict[str, str]) -> Callable[[Stand], None]:
    return lambda stand: stand.provider.script.update({path: lambda _: Answer(status, body)})


def doubt_the_app(stand: Stand) -> None:
    stand.provider.check = lambda _: Answer(429, {"error": "slow_down"})


GRANT = b'{"error": "invalid_grant"}'
UNREADABLE = {
    "PROCORE_LOGIN_URL": ["http://user:hush@example.com", "nonsense"],
    "PROCORE_API_URL": ["nonsense"],
    "PROCORE_REDIRECT_URI": ["ftp://localhost"],
    "PROCORE_COMPANY_ID": ["mine"],
    "PROCORE_LOGIN_STORE": ["drawer", "postgresql://joe:hush@db.example/x"],
    "PROCORE_ACCESS_TOKEN": ["hush token"],
    "PROCORE_CLIENT_ID": ["joes-hush\n"],
    "PROCORE_CLIENT_SECRET": ["joes-hush\n"],
    "PROCORE_LOGIN_DB": ["mysql://joe:hush@db.example/x", "postgresql://joe:hush/hush@db.example/x"],
}
SETUPS = {
    # The app
    "a wrong secret": setup(
        Says(
            3,
            "credentials",
            "invalid_client",
            "from PROCORE_CLIENT_ID, the client secret from PROCORE_CLIENT_SECRET.",
            "Is production the right environment?",
            fix="procore-login configure --show",
        ),
        PROCORE_CLIENT_SECRET="hush-another-secret",
    ),
    "no client id": setup(
        Says(
            3,
            "credentials",
            "There is no client id for production",
            fix="procore-login configure",
        ),
        PROCORE_CLIENT_ID="",
    ),
    "a kept secret that is damaged": setup(
        Says(
            3,
            "credentials",
            "The client secret of production that the keyring store keeps is damaged.",
            fix="Give it again: procore-login configure",
        ),
        prepare=forget_id,
        PROCORE_CLIENT_SECRET="",
        PROCORE_CLIENT_ID="",
    ),
    "a secret that was kept for another id": setup(
        Says(3, "credentials", "made for the client id another-id"),
        prepare=keep_anothers_secret,
        PROCORE_CLIENT_SECRET="",
    ),
    "an unclear answer about the app": setup(Says(0, "credentials", "slow_down"), prepare=doubt_the_app),
    # The way back
    "a port that another sign-in holds": setup(
        Says(
            7,
            "port",
            "Another sign-in waits there (process 4321).",
            fix="Finish it in its browser, or end it with Ctrl-C; then try again.",
        ),
        prepare=hold_port_by_sign_in,
    ),
    "a port that another program holds": setup(
        Says(7, "port", "port {port} of 127.0.0.1: the port is in use", "(process {pid})", fix="--paste"),
        prepare=hold_port,
    ),
    **{
        f"a redirect URI that means pasting, {uri}": setup(
            Says(0, "port", "pasting", status="ok"), PROCORE_REDIRECT_URI=uri
        )
        for uri in ("urn:ietf:wg:oauth:2.0:oob", "https://example.com/back?x=hush")
    },
    "a browser that is not installed": setup(
        Says(0, "browser", "(no-such-browser)", fix="unset BROWSER"), BROWSER="no-such-browser --secret hush"
    ),
    "a machine over SSH": setup(
        Says(0, "browser", "over SSH", fix="ssh -L {port}:localhost:{port}"),
        SSH_CONNECTION="1 2 3 4",
        BROWSER="",
    ),
    # The keyring
    **{
        f"a keyring that is {fault}": setup(
            Says(6, "keyring proof", words, fix="--store file"), TEST_KEYRING_FAULT=fault
        )
        for fault, words in (
            ("missing", "no keyring here"),
            ("locked", "is locked"),
            ("forget-write", "not keep"),
        )
    },
    "no keyring at all": setup(
        Says(6, "keyring", fix="configure --store file"),
        others=unchecked("keyring", "keyring proof"),
        PYTHON_KEYRING_BACKEND="",
        DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent",
    ),
    "a keyring that cannot say whether there is a secret": setup(
        Says(6, "keyring proof"),
        others=unchecked("keyring", "credentials"),
        TEST_KEYRING_FAULT="missing",
        PROCORE_CLIENT_SECRET="",
    ),
    # The data folder
    "what is open to others": setup(
        Says(
            0,
            "data folder",
            "{data} (mode 0755), {data}/config.toml (mode 0644)",
            fix="chmod 700 {data} && chmod 600 {data}/config.toml",
        ),
        prepare=open_to_others,
    ),
    "many files that are open to others": setup(
        Says(0, "data folder", "and 6 more", fix="chmod -R go= {data}"), prepare=open_nine_files
    ),
    "files of somebody else's": setup(
        Says(0, "foreign files", "odd", fix="If nobody needs them: rm '/"), prepare=put_foreign_files
    ),
    **{
        f"a link in the place of {name}": setup(
            Says(
                6,
                "data folder",
                f"{name} cannot be used: it is a symbolic link",
                fix=f"Remove it: rm {{data}}/{name}",
            ),
            prepare=link(name),
        )
        for name in ("production.db", "secrets", "locks")
    },
    "a CA file that is not there": setup(
        Says(3, "CA", "{home}/none.pem: no such file", fix="REQUESTS_CA_BUNDLE"),
        REQUESTS_CA_BUNDLE="{home}/none.pem",
    ),
    "a file in the place of the data folder": setup(
        Says(6, "data folder", "it is not a folder"),
        prepare=put_file_in_place,
        others=unchecked("data folder", "credentials"),
        PROCORE_CLIENT_ID="",
    ),
    "a full disk": setup(
        Says(6, "data folder", "its disk is full (0 bytes left)"), prepare=measure_disk(Usage(100, 100, 0))
    ),
    "a folder that cannot be written": setup(
        Says(6, "data folder", fix="chmod u+rwx {data}"), prepare=close_folder
    ),
    "a folder that cannot be made": setup(
        Says(6, "data folder", "{home} cannot be written"), prepare=close_home
    ),
    # config.toml
    "a value that ends too early": setup(
        Says(3, "config", "config.toml, "),
        prepare=write("config.toml", 'environment = "sandbox"\nstore = '),
        others=unchecked("config", "keyring", "credentials"),
    ),
    "a wrong value": setup(
        Says(3, "config", "plain http is only possible for localhost"),
        prepare=write(
            "config.toml",
            '[environments.production]\nclient_id = "kept-id"\nredirect_uri = "http://example.com/"\n',
        ),
        PROCORE_CLIENT_ID="",
        PROCORE_REDIRECT_URI="",
    ),
    "unknown keys": setup(Says(0, "config", "colour"), prepare=write("config.toml", 'colour = "red"\n')),
    # Variables
    **{
        f"{name}={value}": setup(Says(3, f"variable {name}", name), **{name: value})
        for name, values in UNREADABLE.items()
        for value in values
    },
    "a store that does not exist": setup(
        Says(3, "variable PROCORE_LOGIN_STORE"),
        others=unchecked("PROCORE_LOGIN_STORE", "keyring"),
        PROCORE_LOGIN_STORE="files",
    ),
    # The database
    "a corrupt database": setup(
        Says(6, "database", "{data}/production.db is damaged", fix="Move it away"), prepare=corrupt
    ),
    "what is no database": setup(
        Says(6, "database", "is not an SQLite database"),
        prepare=write("production.db", b"nothing of the kind" * 100),
    ),
    "a newer schema": setup(
        Says(6, "database", "newer procore-login (schema 99)", fix="Update procore-login"), prepare=make_newer
    ),
    "a database that another program holds": setup(
        Says(6, "database writing", "is in use by another program"), prepare=hold_database
    ),
    **{
        f"a database that is {name}": setup(
            Says(
                6,
                "database",
                f"The database {name} cannot be used: it is {kind}.",
                fix="Let PROCORE_LOGIN_DB name an SQLite file.",
            ),
            PROCORE_LOGIN_DB=name,
        )
        for name, kind in ((os.devnull, "not a file"), ("/", "a folder"))
    },
    "a database where there is no folder": setup(
        Says(6, "database", "there is no folder {home}/none"), PROCORE_LOGIN_DB="{home}/none/test.db"
    ),
    "the tutorial's database with doubled rows": setup(
        Says(0, "database", "{home}/test.db (from PROCORE_LOGIN_DB)", "1 Procore id twice", status="ok"),
        prepare=double_rows,
        PROCORE_LOGIN_DB="{home}/test.db",
    ),
    # The network
    "a proxy that is not there": setup(
        Says(5, "login host", "the proxy 127.0.0.1:{free} cannot be used: connection refused"),
        others={"proxy": "login host: through 127.0.0.1:{free}, API host: directly"},
        PROCORE_LOGIN_URL="",
        HTTPS_PROXY="127.0.0.1:{free}",
        NO_PROXY="x.invalid",
    ),
    "a proxy that is no URL": setup(
        Says(3, "proxy", fix="HTTPS_PROXY"), PROCORE_LOGIN_URL="", HTTPS_PROXY="socks9://hush@x"
    ),
    **{
        f"a port of the {check} where nobody listens": setup(
            Says(
                5, check, "connection refused", fix=f"{variable} names this host: correct it, or unset it. "
            ),
            **{variable: "http://localhost:{free}"},
        )
        for check, variable in (("login host", "PROCORE_LOGIN_URL"), ("API host", "PROCORE_API_URL"))
    },
    "a login URL that is none": setup(
        Says(3, "variable PROCORE_LOGIN_URL"),
        others=unchecked("PROCORE_LOGIN_URL", "credentials", "login host"),
        PROCORE_LOGIN_URL="nonsense",
    ),
    "a server that has trouble": setup(
        Says(5, "login host", "503 (maintenance)", fix="status page"),
        prepare=answer("/oauth/token", 503, {"error": "maintenance"}),
    ),
    "an API that refuses otherwise": setup(
        Says(0, "API host", "429 (too many)"), prepare=answer("/rest/v1.0/me", 429, {"errors": "too many"})
    ),
    "a clock that is wrong": setup(
        Says(0, "clock", "ahead of Procore's", fix="timedatectl"),
        prepare=lambda stand: stand.play(
            "PROCORE_LOGIN_URL", answer=servers.http("400 No", GRANT, "Date: Fri, 01 Jan 2021 00:00:00 GMT")
        ),
    ),
}


@pytest.mark.parametrize("name", SETUPS)
def test_a_broken_set_up_is_named_with_what_to_do(stand, name):
    stand.patch.setattr("procore_cli.storage.database.LOOK_TIMEOUT_S", 0.05)
    says, prepare, others, variables = SETUPS[name]
    machine, own, failed = stand.machine, stand.own(), [says.check] if says.code else []
    machine.variables |= {key: value.format(**own) for key, value in variables.items()}
    held = prepare(stand)
    modes = {path: path.lstat().st_mode for path in machine.data.rglob("*")}
    with contextlib.closing(held) if held else contextlib.nullcontext():
        report = run_doctor(machine)
    line = report[says.check]
    assert (report.code, report.named("failed"), line.status) == (says.code, failed, says.status)
    for words in says.detail:
        assert words.format(**own) in line.detail
    assert says.fix.format(**own) in line.fix
    for check, words in others.items():
        assert report[check].detail == words.format(**own)
    assert "hush" not in str(report)
    # No secret is sent where it is not known to be right, or where to.
    of_app = report["credentials"].detail
    assert stand.provider.checks == [] or not ("not checked" in of_app or "made for" in of_app)
    # It repairs nothing.
    assert {path: path.lstat().st_mode for path in modes} == modes


def test_where_nothing_is_broken_signing_in_can_work(machine):
    report = run_doctor(machine)
    assert (report.code, report.named("warning")) == (0, [])
    assert "knows client id client-of-the-tests" in report["credentials"].detail


@pytest.mark.parametrize("name", ["", "secrets", "config.toml"])
def test_what_belongs_to_another_user_is_named_with_its_owner(machine, monkeypatch, name):
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


@pytest.mark.parametrize(
    "answer",
    [
        servers.http("302 Found", b"", "Location: https://portal.example/login"),
        servers.http("200 OK", b"<html>Welcome to our network</html>"),
        servers.http("511 Network Authentication Required", b"<html>Log in</html>"),
    ],
    ids=["redirect", "page", "511"],
)
def test_a_network_that_asks_for_a_login_page_is_named(machine, serve, answer):
    portal = serve(servers.answering(answer))
    machine.variables |= {"PROCORE_LOGIN_URL": portal.url, "PROCORE_API_URL": portal.url}
    report = run_doctor(machine)
    assert (report.code, report.named("failed")) == (5, ["login host", "API host"])
    for name in ("login host", "API host"):
        assert "a network that asks for a login page" in report[name].fix
    assert not any(b"client_secret" in request for request in portal.requests)


def test_debug_does_not_claim_a_variable_that_was_left_out_and_a_trial_leaves_nothing_behind(machine):
    machine.variables["PROCORE_API_URL"] = "http://bad.example/x"
    machine.write("production.db")
    said = machine.run_here("doctor", "--offline", "--debug").err
    assert "API URL = https://api.procore.com (from production)" in said
    assert f"login URL = {machine.variables['PROCORE_LOGIN_URL']} (from PROCORE_LOGIN_URL)" in said
    assert ("procore_login_trial",) not in machine.sql("SELECT name FROM sqlite_master")


def test_what_a_variable_holds_that_cannot_be_used_is_shown_nowhere(machine):
    for name in ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET", "PROCORE_LOGIN_DB", "PROCORE_LOGIN_STORE"):
        for value in UNREADABLE[name]:
            with mock.patch.dict(machine.variables, {name: value}):
                for arguments in (["doctor"], ["doctor", "--debug", "--json"], ["whoami", "--debug"]):
                    result = machine.run_here(*arguments).ended(3, prints=True)
                    assert "hush" not in result.out + result.err
    assert [*machine.home.glob("postgresql*"), *machine.home.glob("mysql*")] == []
