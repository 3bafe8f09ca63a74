"""A desktop session for one test: a session bus, gnome-keyring on it, and a machine whose commands see it."""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from tests.cli import Machine, Result, browser
from tests.provider import Provider

SIGN_UP = ("signup", "--json", "--browser", browser("--just-open"))
CHOICES = ("gnome-keyring", "procore-login configure --store file", "cron", "PROCORE_ACCESS_TOKEN")
PASSWORD = b"\n"
WAIT_S = 20
NAME = "org.freedesktop.secrets"
# Debian's bus starts a keyring that somebody asks for; a bus without services shows what is really gone.
ACTIVATION = "<standard_session_servicedirs/>"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>{services}
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


class DesktopMachine(Machine):
    """A machine on which nobody has named a keyring."""

    def environ(self) -> dict[str, str]:
        return {name: value for name, value in super().environ().items() if name != "PYTHON_KEYRING_BACKEND"}


@dataclass
class Desktop:
    """A session bus at `address`; the keyring on it is started and ended by a test."""

    place: Path
    address: str
    environ: dict[str, str] = field(default_factory=dict)
    bus: int = 0
    keyring: subprocess.Popen[bytes] | None = None

    def start_keyring(self) -> None:
        """Start gnome-keyring, unlocked, as a login does; it is there when this returns."""
        from jeepney import MatchRule
        from jeepney.bus_messages import message_bus
        from jeepney.io.blocking import Proxy

        rule = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
        rule.add_arg_condition(0, NAME)
        with self.connect() as connection, connection.filter(rule) as arrivals:
            Proxy(message_bus, connection).AddMatch(rule)
            self.keyring = subprocess.Popen(
                ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            assert self.keyring.stdin is not None
            with self.keyring.stdin as stdin:
                stdin.write(PASSWORD)
            connection.recv_until_filtered(arrivals, timeout=WAIT_S)

    @contextmanager
    def busy_bus(self, seconds: float) -> Iterator[None]:
        """For so long the bus answers nobody, as on a machine under load."""
        os.kill(self.bus, signal.SIGSTOP)
        go_on = threading.Timer(seconds, os.kill, (self.bus, signal.SIGCONT))
        go_on.start()
        try:
            yield
        finally:
            go_on.join()

    def end_keyring(self) -> None:
        if self.keyring is not None:
            self.keyring.kill()
            self.keyring.wait(WAIT_S)
        self.keyring = None

    def end_what_the_bus_started(self) -> None:
        """End a keyring that is there because somebody asked the bus for one."""
        from jeepney import DBusErrorResponse
        from jeepney.bus_messages import message_bus
        from jeepney.io.blocking import Proxy

        with self.connect() as connection:
            try:
                (found,) = Proxy(message_bus, connection).GetConnectionUnixProcessID(NAME)
            except DBusErrorResponse:
                return
        end(found)

    @contextmanager
    def connect(self) -> Iterator[Any]:
        import secretstorage

        with mock.patch.dict(os.environ, {"DBUS_SESSION_BUS_ADDRESS": self.address}):
            connection = secretstorage.dbus_init()
        with closing(connection):
            yield connection

    def list_services(self) -> list[str]:
        """The service names of all that lies in the default collection."""
        import secretstorage

        with self.connect() as connection:
            items = secretstorage.get_default_collection(connection).get_all_items()
            return sorted(item.get_attributes()["service"] for item in items)

    def create_items(self, service: str, *secrets: bytes) -> None:
        """Another program keeps these, all of them under one name."""
        import secretstorage

        with self.connect() as connection:
            collection = secretstorage.get_default_collection(connection)
            for number, secret in enumerate(secrets):
                attributes = {"service": service, "username": "token-set", "application": str(number)}
                collection.create_item(str(number), attributes, secret)

    def lock(self) -> None:
        """Lock the collection; there is no display that a prompt could be shown on."""
        import secretstorage

        with self.connect() as connection:
            secretstorage.get_default_collection(connection).lock()

    def unlock(self) -> None:
        import secretstorage

        with self.connect() as connection:
            path = secretstorage.get_default_collection(connection).collection_path
            unlock(connection, path)


def new_machine(place: Path, desktop: Desktop, provider: Provider) -> DesktopMachine:
    machine = DesktopMachine(place / "machine")
    machine.point_at(provider)
    machine.variables["DBUS_SESSION_BUS_ADDRESS"] = desktop.address
    return machine


def list_listed(machine: DesktopMachine) -> list[str]:
    """The services that the list says are in the keyring."""
    with closing(sqlite3.connect(machine.data / "production.db")) as connection:
        found = connection.execute("SELECT name, parts FROM procore_login_entries WHERE parts > 0").fetchall()
    return sorted(f"procore-login/production/{name}/{n + 1}" for name, parts in found for n in range(parts))


def assert_refused(result: Result, *signs: str) -> None:
    """Exit code 6, and one error with one hint that lists the choices."""
    assert (result.code, result.out) == (6, ""), result.err
    lines = [line for line in result.err.splitlines() if line.startswith(("Error: ", "Hint: "))]
    assert [line.split(":")[0] for line in lines] == ["Error", "Hint"]
    for sign in signs:
        assert sign in "\n".join(lines)
    assert "hush" not in result.err


def unlock(connection: Any, collection_path: str) -> None:
    """What gnome-keyring has for its own tests: no prompt, the password is the line that unlocked it."""
    from secretstorage.util import DBusAddressWrapper, format_secret, open_session

    interface = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
    service = DBusAddressWrapper("/org/freedesktop/secrets", interface, connection)
    password = format_secret(open_session(connection), PASSWORD, "text/plain")
    service.call("UnlockWithMasterPassword", "o(oayays)", collection_path, password)


@contextmanager
def opening_desktop(place: Path, *, socket_path: Path | None = None, services: str = "") -> Iterator[Desktop]:
    """A bus with nothing on it; all that was started on it has ended when this has."""
    place.mkdir(parents=True, exist_ok=True)
    address = f"unix:path={socket_path}" if socket_path else "unix:tmpdir=/tmp"
    config = place / "bus.conf"
    config.write_text(CONFIG.format(address=address, services=services))
    environ = {"PATH": os.environ["PATH"], "HOME": str(place), "XDG_DATA_HOME": str(place / "data")}
    with subprocess.Popen(
        ["dbus-daemon", "--nofork", f"--config-file={config}", "--print-address"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as bus:
        assert bus.stdout is not None
        desktop = Desktop(place, bus.stdout.readline().strip().partition(",guid=")[0])
        desktop.bus = bus.pid
        desktop.environ = {**environ, "DBUS_SESSION_BUS_ADDRESS": desktop.address}
        try:
            yield desktop
        finally:
            desktop.end_keyring()
            desktop.end_what_the_bus_started()
            bus.terminate()


def end(process: int) -> None:
    watch = os.pidfd_open(process)
    try:
        os.kill(process, 9)
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        assert poll.poll(WAIT_S * 1000), f"{process} goes on"
    finally:
        os.close(watch)
