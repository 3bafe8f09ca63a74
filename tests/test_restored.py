"""A database that is gone, a folder from a backup or moved, another store: each costs one sign-in or none."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import Machine
from tests.kills.strict_provider import StrictProvider
from tests.provider import serving
from tests.signed_in import sign_in

STORES = ("file", "keyring")


@pytest.fixture
def provider() -> Iterator[StrictProvider]:
    with serving(StrictProvider()) as running:
        assert isinstance(running, StrictProvider)
        yield running


@pytest.fixture
def machine(tmp_path: Path, provider: StrictProvider, store: str) -> Machine:
    """Somebody is signed in, over the store that is named."""
    machine = Machine(tmp_path / "machine", {"PROCORE_LOGIN_STORE": store})
    machine.point_at(provider)
    sign_in(machine).ended()
    return machine


def count_sign_ins(machine: Machine, provider: StrictProvider, first: str) -> int:
    """Run what a person would; returns how many sign-ins it took."""
    begun = machine.run_here(first)
    if first == "token" and begun.code == 0 and not provider.is_alive(begun.out.strip()):
        # It asks nobody; what `whoami` finds out, every command after it knows.
        begun = machine.run_here("whoami")
    assert begun.code in (0, 4), begun.err
    if begun.code == 4:
        assert machine.run_here("token").code == 4
        assert sign_in(machine).code == 0
    for command in ("token", "refresh", "whoami", "refresh", "token"):
        end = machine.run_here(command).ended()
        # The file store is warned of at a sign-in alone.
        assert not [line for line in end.said if line.startswith("Warning")], command
        assert command != "token" or provider.is_alive(end.out.strip()), "token prints one that is dead"
    return int(begun.code == 4)


@pytest.mark.parametrize(("store", "first"), [("file", "whoami"), ("file", "token"), ("keyring", "whoami")])
def test_a_deleted_database_or_a_backup_from_before_a_refresh_costs_one_sign_in(machine, provider, first):
    (machine.data / "production.db").unlink()
    assert count_sign_ins(machine, provider, first) == 1
    for refreshes in (1, 2):
        copy = machine.home / f"copy-{refreshes}"
        shutil.copytree(machine.data, copy)
        for _ in range(refreshes):
            assert machine.run_here("refresh").code == 0
        shutil.rmtree(machine.data)
        copy.rename(machine.data)
        # A backup brings the files back with the list; the keyring has lost the entries of that list.
        assert count_sign_ins(machine, provider, first) == 1


@pytest.mark.parametrize("store", STORES)
def test_a_data_folder_that_moved_costs_no_sign_in_and_can_be_signed_out(machine, provider):
    moved = machine.data.rename(machine.home / "moved")
    machine.variables["PROCORE_LOGIN_HOME"] = str(moved)
    assert count_sign_ins(machine, provider, "whoami") == 0
    ended = machine.run_here("signout").ended()
    assert not [line for line in ended.said if line.startswith("Warning")]
    assert [*machine.keyring.iterdir(), *moved.glob("secrets/*")] == []


@pytest.mark.parametrize(("store", "other"), [STORES, STORES[::-1]])
def test_another_store_takes_what_is_new_and_costs_no_sign_in(machine, provider, store, other):
    machine.variables["PROCORE_LOGIN_STORE"] = other
    assert count_sign_ins(machine, provider, "token") == 0
    kept = {"file": list(machine.data.glob("secrets/*")), "keyring": list(machine.keyring.iterdir())}
    # Tokens of two parts.
    assert [len(kept[name]) for name in (store, other)] == [0, 2]
