"""No test touches a real home, keyring, desktop or environment variable of ours."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procore_cli.models import StoreName
from tests.api_server import ApiServer, serving_api
from tests.cli import Machine
from tests.people import People
from tests.provider import JOE, Provider, serving
from tests.signed_in import save_tokens

FOREIGN = (
    *("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "NO_COLOR", "SUDO_UID"),
    "REQUESTS_CA_BUNDLE",
)

# Under nohup, or with & from a script, some come in ignored, which every command that a test starts would
# inherit; a handler that does nothing is not inherited.
for _name in ("SIGHUP", "SIGINT", "SIGQUIT"):
    if signal.getsignal(signal.Signals[_name]) is signal.SIG_IGN:
        signal.signal(signal.Signals[_name], lambda _number, _frame: None)


MEMORY = Path("/dev/shm")


def _has_room() -> bool:
    """Whether the tests' folders may lie in memory; a container's is small, and runs no programs."""
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return False
    can_run = not found.f_flag & os.ST_NOEXEC
    return can_run and os.access(MEMORY, os.W_OK) and found.f_bavail * found.f_frsize > 2**30


# Else half of the time goes by until a disk has what is thrown away afterwards.
if sys.platform == "linux" and _has_room():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True)
def own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test; returns it."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for name in list(os.environ):
        if (
            name.startswith(("PROCORE_", "XDG_", "DBUS_"))
            or name.lower().endswith("_proxy")
            or name in FOREIGN
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PROCORE_LOGIN_HOME", str(home / "procore-login"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return home


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A running Procore that is not the embedded one."""
    with serving(Provider()) as running:
        yield running


@pytest.fixture
def people() -> Iterator[People]:
    with serving(People()) as running:
        yield running


@pytest.fixture(scope="session")
def api_servers() -> Iterator[tuple[ApiServer, ApiServer]]:
    """Two servers that stay up: to start and stop them takes longer than most of the calls."""
    with serving_api(ApiServer()) as one, serving_api(ApiServer()) as other:
        yield one, other


@pytest.fixture
def api(provider: Provider, api_servers: tuple[ApiServer, ApiServer]) -> ApiServer:
    """The API, a host of its own, which knows the provider's tokens."""
    api_servers[0].reset(lambda bearer: bearer in provider._bearers)
    return api_servers[0]


@pytest.fixture
def elsewhere(api_servers: tuple[ApiServer, ApiServer]) -> ApiServer:
    """A server of somebody else's, which answers whoever asks."""
    api_servers[1].reset()
    api_servers[1].always(b"from elsewhere", Content_Type="text/plain")
    return api_servers[1]


@pytest.fixture
def machine(tmp_path: Path, provider: Provider) -> Machine:
    """A computer with an empty home, configured for the provider; modules change it in one of their own."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    return machine


@pytest.fixture
def no_app(machine: Machine) -> None:
    """No app is configured on the machine; asked for as `signed_in` is."""
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]


@pytest.fixture
def signed_in(machine: Machine, provider: Provider) -> Machine:
    """Joe is signed in on the machine; a module asks for it by `pytest.mark.usefixtures`."""
    store: StoreName = "file" if machine.variables.get("PROCORE_LOGIN_STORE") == "file" else "keyring"
    save_tokens(provider, machine, JOE, store=store)
    return machine


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of somebody who has signed up to the demo; it is copied, and never changed."""
    machine = Machine(tmp_path_factory.mktemp("demo") / "machine", {"PROCORE_ENV": "demo"})
    assert machine.run_here("signup").code == 0
    return machine.data
