"""A machine on which signing in can work, and servers that are not Procore."""

import pytest

from tests.cli import Machine
from tests.procore.conftest import new_context, serve  # noqa: F401 - fixtures


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Everything is in order, and nobody is signed in yet."""
    machine.variables |= {"DISPLAY": ":0", "BROWSER": "true"}
    machine.data.mkdir(mode=0o700)
    return machine
