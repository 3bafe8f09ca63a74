"""How much memory a call takes at most, in a process of its own, for one large text."""

import subprocess
import sys

import pytest

LARGEST_MIB = 80
# What the kernel counts for the parent would count here too, so the process asks about itself.
PROGRAM = """
import re, resource, sys
from procore_cli.cli import main as cli
code = cli.run(sys.argv[1:])
try:
    kib = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
except OSError:
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print("peak", kib // 1024, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(("form", "piece"), [(("--jsonl",), b"x"), (("--paginate", "--slurp"), rb"\n")])
def test_a_large_text_costs_little_more_than_itself(call, api, form, piece):
    api.always(b'[{"a": "' + piece * (2_000_000 // len(piece)) + b'"}]')
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "api", "x", *form],
        env=call.machine.environ(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout) > 2_000_000
    assert int(ended.stderr.rpartition(b"peak ")[2]) < LARGEST_MIB
