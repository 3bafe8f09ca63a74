"""The seeded faults (`python -m tests.seeded`) fit the product as it is today."""

from __future__ import annotations

import pytest

from tests.cli import ROOT
from tests.seeded.__main__ import Fault, read_faults


@pytest.mark.parametrize("fault", read_faults(), ids=lambda fault: fault.name)
def test_a_fault_can_be_put_in(fault: Fault) -> None:
    good = (ROOT / fault.path).read_text(encoding="utf-8")
    bad = fault.apply(good)

    assert bad != good
    compile(bad, fault.path, "exec")
