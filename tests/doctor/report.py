"""What `doctor` said, by the names of its checks."""

from dataclasses import dataclass

from tests.cli import Machine


@dataclass(frozen=True)
class Line:
    name: str
    status: str
    detail: str
    fix: str


@dataclass(frozen=True)
class Report:
    """A run's exit code and lines."""

    code: int
    ok: bool
    lines: dict[str, Line]
    err: str

    def __getitem__(self, name: str) -> Line:
        return self.lines[name]

    def named(self, status: str) -> list[str]:
        return [line.name for line in self.lines.values() if line.status == status]


def run_doctor(machine: Machine, *arguments: str) -> Report:
    """Run it for its JSON, inside the test's own process."""
    result = machine.run_here("doctor", "--json", *arguments)
    assert "Traceback" not in result.err
    content = result.json
    lines = [Line(**line) for line in content["checks"]]
    assert len({line.name for line in lines}) == len(lines)
    report = Report(result.code, content["ok"], {line.name: line for line in lines}, result.err)
    for line in lines:
        assert bool(line.fix) == (line.status != "ok"), line
    assert report.ok == (report.code == 0) == (not report.named("failed"))
    return report
