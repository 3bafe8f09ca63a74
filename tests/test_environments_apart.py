"""Two environments, in two databases or in one: no token and no secret crosses over."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from procore_cli.demo.server import DemoServer
from tests.cli import Machine
from tests.elsewhere import watch_ways_out
from tests.provider import Provider, serving
from tests.signed_in import last_token, refreshes, save_tokens


@pytest.fixture
def second() -> Iterator[Provider]:
    """Another Procore, whose person is another one."""
    with serving(Provider()) as running:
        running.person = {"id": 22222, "login": "second@example.com", "name": None}
        yield running


@pytest.fixture
def shared(tmp_path: Path) -> Machine:
    """One database for every environment, such as the tutorial's own."""
    return Machine(tmp_path / "machine", {"PROCORE_LOGIN_DB": str(tmp_path / "test.db")})


def test_one_database_for_two_environments_mixes_no_tokens(shared, provider, second):
    shared.point_at(provider)
    save_tokens(provider, shared, provider.person)
    # Nobody is signed in to the other one, though a row is there.
    for command in ("token", "whoami", "refresh"):
        shared.run_here(command, "--env", "sandbox").ended(4)
        shared.run_here(command, "--env", "sandbox", "--account", "11111").ended(4)
    shared.point_at(second)
    save_tokens(second, shared, second.person, "sandbox")
    for environment, procore in (("production", provider), ("sandbox", second)) * 2:
        shared.point_at(procore)
        shared.run_here("refresh", "--env", environment).ended()
        assert shared.run_here("token", "--env", environment).out == f"{last_token(procore)}\n"
        asked = shared.run_here("whoami", "--env", environment, "--json")
        assert asked.json["procore_id"] == procore.person["id"]
    assert (refreshes(provider), refreshes(second)) == (2, 2)
    strangers = set(provider.issued) & {str(request.bearer) for request in second.requests}
    assert strangers == set()
    # The same person in both has two sign-ins.
    shared.point_at(second)
    save_tokens(second, shared, provider.person, "sandbox")
    shared.run_here("signout", "--env", "sandbox").ended()
    shared.run_here("token", "--env", "sandbox").ended(4)
    shared.point_at(provider)
    assert shared.run_here("token", "--env", "production").out == f"{last_token(provider)}\n"
    assert len(shared.kept()) == 2


@pytest.mark.parametrize("database", ["its own", "one for all"])
def test_monthly_never_uses_productions_tokens(shared, provider, monkeypatch, database):
    if database == "its own":
        del shared.variables["PROCORE_LOGIN_DB"]
    shared.point_at(provider)
    save_tokens(provider, shared, provider.person)
    ways_out = watch_ways_out(monkeypatch)
    for command in (("token",), ("whoami",), ("refresh",), ("whoami", "--offline")):
        shared.run_here(*command, "--env", "monthly").ended(4)
    assert ways_out == []


@pytest.fixture
def demo(tmp_path: Path, demo_data: Path) -> Machine:
    """Somebody has signed in to the embedded Procore."""
    machine = Machine(tmp_path / "demo", {"PROCORE_ENV": "demo"})
    shutil.copytree(demo_data, machine.data)
    return machine


LOGIN, API = "https://login.procore.com", "https://api.procore.com"


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"PROCORE_LOGIN_URL": LOGIN}, LOGIN),
        ({"PROCORE_LOGIN_URL": "http://localhost:5", "PROCORE_API_URL": API}, API),
    ],
    ids=["login", "api"],
)
def test_the_pretend_tokens_never_go_to_a_real_host(demo, monkeypatch, variables, host):
    demo.variables |= variables
    ways_out = watch_ways_out(monkeypatch)
    for command in ("token", "whoami", "refresh", "signin", "signout"):
        demo.run_here(command).ended(
            3, "demo", "http://localhost", host, list(variables)[-1], "Nothing was sent"
        )
    assert ways_out == []
    # Signing out still deletes here.
    assert list((demo.data / "secrets").iterdir()) == []


def test_the_pretend_tokens_are_at_home_at_any_port_where_real_ones_never_go(demo, signed_in, monkeypatch):
    with DemoServer(demo.data, lambda: 1_800_000_000.0) as server:
        demo.variables["PROCORE_LOGIN_URL"] = server.url
        assert demo.run_here("token").code == 0
        ways_out = watch_ways_out(monkeypatch)
        signed_in.variables |= {"PROCORE_LOGIN_URL": server.url, "PROCORE_API_URL": server.url}
        for command in ("token", "whoami", "refresh", "signout"):
            signed_in.run_here(command).ended(3, server.url)
    assert ways_out == []
