"""PostgreSQL and pgbouncer as Debian lays them, in a temporary folder; where they are missing a test fails.

Neither runs as root: there they run as the user postgres.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.cli import free_port

# Who owns the databases of the tests, and what it says to a server that asks for a password.
ROLE = "app"
PASSWORD = "hush-database-password"
DEBIAN = Path("/usr/lib/postgresql")
MEMORY = Path("/dev/shm")
PATIENCE_S = 30

StopMode = Literal["fast", "immediate"]


class Owner(NamedTuple):
    """As whom the servers run."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}


def find_owner() -> Owner:
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    import pwd

    found = pwd.getpwnam("postgres")
    return Owner(found.pw_uid, found.pw_gid)


def find_program(name: str) -> str:
    """Debian's newest, else what is on PATH."""
    versions = [path for path in DEBIAN.glob("*") if path.name.isdigit() and (path / "bin" / name).exists()]
    if versions:
        return str(max(versions, key=lambda path: int(path.name)) / "bin" / name)
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    assert found, f"{name} is missing: apt-get install postgresql pgbouncer"
    return found


def run_as(owner: Owner, folder: Path, *arguments: str) -> None:
    """Run a program to its end; what it said is in the failure."""
    # Not a pipe: a server that it starts would keep its other end open.
    log = folder / "program.log"
    with log.open("w") as said:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
            **owner.popen_arguments(),
        )
    assert done.returncode == 0, f"{arguments[0]} failed:\n{log.read_text('utf-8', 'replace')}"


def new_folder(owner: Owner, *, in_memory: bool) -> Path:
    """A folder that its owner can reach, unlike pytest's; its path is short enough for a socket."""
    place = MEMORY if in_memory and os.access(MEMORY, os.W_OK) else Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=place))
    os.chown(folder, owner.uid, owner.gid)
    return folder


class PostgresServer:
    """One server, on a socket in its folder and on a loopback port.

    `fsync`: commits take as long as a disk takes; else all of it lies in memory.
    `password`: over TCP, ROLE has to say PASSWORD.
    `tls`: over TCP, TLS alone, at every address of the machine, with `certificate`.
    """

    def __init__(self, *, fsync: bool = False, password: bool = False, tls: bool = False) -> None:
        self.owner = find_owner()
        self.folder = new_folder(self.owner, in_memory=not fsync)
        self.port = free_port()
        self._data = self.folder / "data"
        self.certificate = self.folder / "server.crt"
        self._numbers = count(1)
        self._is_new_database = threading.Lock()
        self._frozen: list[int] = []
        run_as(
            *(self.owner, self.folder, find_program("initdb"), "-D", str(self._data), "-U", "postgres"),
            *("-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"),
        )
        if tls:
            self._make_certificate()
        self._write_settings(fsync, tls)
        kind, method = "hostssl" if tls else "host", "scram-sha-256" if password else "trust"
        rules = f"local all all trust\n{kind} all all all {method}\n"
        (self._data / "pg_hba.conf").write_text(rules, "utf-8")
        self.start()
        self.run(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{PASSWORD}'")

    def _make_certificate(self) -> None:
        run_as(
            *(
                self.owner,
                self.folder,
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", "server.key", "-out", "server.crt"),
        )
        (self.folder / "server.key").chmod(0o600)

    def _write_settings(self, fsync: bool, tls: bool) -> None:
        settings = {
            "listen_addresses": "'*'" if tls else "'127.0.0.1'",
            "port": self.port,
            "unix_socket_directories": f"'{self.folder}'",
            "max_connections": 300,
            "shared_buffers": "64MB",
            # A container has little shared memory.
            "dynamic_shared_memory_type": "mmap",
            # Without it what a crash of the server leaves is whole all the same.
            "fsync": "on" if fsync else "off",
            "log_min_messages": "warning",
        }
        if tls:
            folder = self.folder
            settings |= {
                "ssl": "on",
                "ssl_cert_file": f"'{folder}/server.crt'",
                "ssl_key_file": f"'{folder}/server.key'",
            }
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def _control(self, *arguments: str) -> None:
        run_as(
            *(self.owner, self.folder, find_program("pg_ctl"), "-D", str(self._data), "-w", "-t", "60"),
            *("-l", str(self.folder / "server.log"), *arguments),
        )

    @property
    def pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text("utf-8").split("\n")[0])

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def start(self) -> None:
        self._control("start")

    def stop(self, mode: StopMode = "fast") -> None:
        """Fast: sessions are ended, what is under way rolled back. Immediate: as in a crash."""
        self.thaw()
        self._control("stop", "-m", mode)

    @contextmanager
    def down(self, mode: StopMode = "fast") -> Iterator[None]:
        """Nobody is there until the end of the block."""
        self.stop(mode)
        try:
            yield
        finally:
            self.start()

    def restart(self, mode: StopMode = "fast") -> None:
        with self.down(mode):
            pass

    def freeze(self) -> None:
        """Stop every process of it where it is: connections stay open, and nobody answers."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
        self._frozen = [pid, *map(int, children)]
        for child in self._frozen[1:]:
            os.kill(child, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in reversed(self._frozen):
            os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def remove(self) -> None:
        # A test that failed may have left it stopped.
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres", *, role: str = ROLE, port: int | None = None) -> str:
        """Over TCP; `port`: that of whatever stands before the server."""
        return f"postgresql://{role}@127.0.0.1:{port or self.port}/{database}"

    def socket_url(self, database: str = "postgres", *, role: str = ROLE) -> str:
        return f"postgresql:///{database}?host={self.folder}&port={self.port}&user={role}"

    def run(self, statement: str, parameters: Sequence[Any] = (), *, database: str = "postgres") -> list[Any]:
        """Run a statement as the server's own superuser; what it returns."""
        import psycopg

        with psycopg.connect(self.socket_url(database, role="postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template1") -> str:
        """The name of a database that is ROLE's own; a template must have no connection."""
        # CREATE DATABASE refuses a template that another one is being made from.
        with self._is_new_database:
            name = f"fleet_{next(self._numbers)}"
            self.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {ROLE}")
        # Before PostgreSQL 15 everybody might create tables there; a database's owner may in any.
        self.run(f"GRANT ALL ON SCHEMA public TO {ROLE}", database=name)
        return name

    def new_latin_database(self) -> str:
        """The name of a database that is not in UTF-8."""
        name = f"latin_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' OWNER {ROLE}")
        return name

    def drop_database(self, name: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Bouncer:
    """pgbouncer in transaction mode before a server: so many clients share so many connections."""

    def __init__(self, server: PostgresServer, *, connections: int = 20) -> None:
        self.owner = server.owner
        self.folder = new_folder(self.owner, in_memory=True)
        self.port = free_port()
        (self.folder / "users").write_text(f'"{ROLE}" ""\n"postgres" ""\n', "utf-8")
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": self.folder,
            "auth_type": "trust",
            "auth_file": self.folder / "users",
            "pool_mode": "transaction",
            "max_client_conn": 1000,
            "default_pool_size": connections,
            "admin_users": "postgres",
        }
        lines = [
            "[databases]",
            f"* = host={server.folder} port={server.port}",
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in settings.items()),
        ]
        (self.folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n", "utf-8")
        self.start()

    def start(self) -> None:
        with (self.folder / "bouncer.log").open("a") as log:
            self._process = subprocess.Popen(
                [find_program("pgbouncer"), str(self.folder / "pgbouncer.ini")],
                cwd=self.folder,
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self.owner.popen_arguments(),
            )
        wait_for_port(self.port, self._process, self.folder / "bouncer.log")

    def stop(self) -> None:
        """At once, with every client's connection."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


def wait_for_port(port: int, process: subprocess.Popen[Any], log: Path) -> None:
    """Return when somebody listens there; fails with the log when the process ends before."""
    waited = threading.Event()
    for _ in range(PATIENCE_S * 50):
        assert process.poll() is None, f"it ended:\n{log.read_text('utf-8', 'replace')}"
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        waited.wait(0.02)
    raise AssertionError(f"nobody listens at port {port}:\n{log.read_text('utf-8', 'replace')}")


@contextmanager
def running_server(
    *, fsync: bool = False, password: bool = False, tls: bool = False
) -> Iterator[PostgresServer]:
    server = PostgresServer(fsync=fsync, password=password, tls=tls)
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def running_bouncer(server: PostgresServer, *, connections: int = 20) -> Iterator[Bouncer]:
    bouncer = Bouncer(server, connections=connections)
    try:
        yield bouncer
    finally:
        bouncer.remove()
