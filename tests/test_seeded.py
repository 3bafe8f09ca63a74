"""The seeded faults (`python -m tests.seeded`) fit the product as it is today."""

from tests.cli import ROOT
from tests.seeded.__main__ import read_faults


def test_every_fault_can_be_put_in():
    for fault in read_faults():
        good = (ROOT / fault.path).read_text(encoding="utf-8")
        bad = fault.apply(good)
        assert bad != good, fault.name
        compile(bad, fault.path, "exec")
