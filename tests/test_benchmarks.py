"""The benchmarks start, draw and write; refuses to time anything."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import report, stand, timing, web_accounts

ROOT = Path(__file__).parent.parent
HYPERFINE = """#!{python}
import json, sys
(report,) = [word.partition("=")[2] for word in sys.argv if word.startswith("--export-json")]
times = [float(len(word)) for word in sys.argv[1:] if not word.startswith("-")]
json.dump({{"results": [{{"times": [time], "exit_codes": [0]}} for time in times]}}, open(report, "w"))
"""


@pytest.mark.parametrize(
    "program",
    [
        ["-m", "benchmarks.report"],
        ["-m", "benchmarks.fleet"],
        ["benchmarks/api_memory.py"],
        ["benchmarks/web_accounts.py"],
    ],
)
def test_a_benchmark_explains_itself(program):
    words = [sys.executable, *program, "--help"]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.startswith("usage:")


def test_what_was_measured_is_read_and_takes_its_place_on_the_page(tmp_path, monkeypatch):
    printed = "milliseconds, without Procore  least  median   most\nuntil the prompt  31.4  40.1  40.1\n"
    assert report._STAGE.findall(printed) == [("until the prompt", "31.4", "40.1", "40.1")]
    text = report.PAGE.read_text(encoding="utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n\n{report.BEGIN}\n\nold\n\n{report.END}\n\nAfter.\n", encoding="utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    report.save("new")
    report.save("newer")
    expected = f"# Before\n\n{report.BEGIN}\n\nnewer\n\n{report.END}\n\nAfter.\n"
    assert page.read_text(encoding="utf-8") == expected


def test_a_ratio_is_that_of_the_least_times_of_its_own_pairs(tmp_path):
    hyperfine = tmp_path / "hyperfine"
    hyperfine.write_text(HYPERFINE.format(python=sys.executable), encoding="utf-8")
    hyperfine.chmod(0o700)
    environ = {"PATH": str(tmp_path)}
    case = timing.Case("four times as long", ["12345678"], ["12"], environ)
    timing.time_alternating([case], 3)
    assert case.times == [(2.0, 8.0)] * 3
    assert (case.reference_s, case.least_s, case.ratio) == (2.0, 8.0, 4.0)
    with pytest.raises(SystemExit, match="ended with"):
        timing.time_once([["12"]], environ, codes=[1])


def test_a_web_app_is_measured_with_everybody_signed_in(tmp_path):
    home = tmp_path / "data"
    home.mkdir(mode=0o700)
    rows = web_accounts.measure(3, 2, home).rows
    assert [len(row) for row in rows] == [3] * 4
    with closing(sqlite3.connect(home / "production.db")) as connection:
        live = "SELECT (SELECT COUNT(*) FROM users), COUNT(*) FROM procore_login_entries WHERE state = 'live'"
        assert connection.execute(live).fetchall() == [(6, 6)]


def test_what_is_missing_is_named_with_its_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"apt-get install .*gnome-keyring.*hyperfine"):
        stand.check_packages()
