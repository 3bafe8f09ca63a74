"""A sign-in that waits while a test is hostile to it, and lets the person in all the same."""

from collections.abc import Iterator

import pytest

from tests.cli import Machine
from tests.hostile.waiting import SignIn, start_sign_in, stop
from tests.provider import Provider


@pytest.fixture
def waiting(machine: Machine, provider: Provider) -> Iterator[SignIn]:
    """A sign-in that waits; the test says how it ends."""
    sign_in = start_sign_in(machine, provider)
    yield sign_in
    stop(sign_in.process)


@pytest.fixture
def sign_in(waiting: SignIn) -> Iterator[SignIn]:
    """A sign-in that waits; whatever the test does to it, the person signs in afterwards."""
    yield waiting
    if not waiting.is_over:
        waiting.let_the_person_sign_in()
