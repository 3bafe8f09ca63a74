"""What a package brings along beside the program agrees with the program."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from procore_cli import __version__
from procore_cli.cli.main import COMMANDS, group
from procore_cli.config import variables
from procore_cli.errors import ProcoreLoginError
from tests.error_texts import list_errors
from tools import generate, man_page, man_text

ROOT = Path(__file__).parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page() -> str:
    return man_page.new_man_page()


def plain(page: str) -> str:
    """The page's text, as somebody reads it."""
    text = re.sub(r"\\f[BIR]", "", page)
    for sign, escape in (("-", r"\-"), ("'", r"\(aq"), ('"', r"\(dq"), ("`", r"\(ga"), ("~", r"\(ti")):
        text = text.replace(escape, sign)
    return text


def test_what_the_wheel_installs_is_there_and_nothing_else_lies_under_share():
    installed = tomllib.loads(PYPROJECT)["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert all((ROOT / name).exists() for name in installed)
    assert {f"procore_cli/cli/completion.{shell}" for shell in ("bash", "fish", "zsh")} <= set(installed)
    assert [path for path in (ROOT / "share").rglob("*") if path.is_file()] == [generate.MAN_PAGE]


SECTIONS = "NAME SYNOPSIS DESCRIPTION OPTIONS COMMANDS ENVIRONMENT FILES EXIT STATUS EXAMPLES SEE ALSO BUGS"


def test_the_man_page_is_up_to_date_and_has_the_usual_sections(page):
    assert generate.MAN_PAGE.read_bytes().decode() == page, "run: python -m tools.generate"
    assert " ".join(re.findall(r'^\.SH "(.*)"$', page, re.MULTILINE)) == SECTIONS


def test_the_man_page_has_each_command_with_its_options_and_an_example(page):
    examples = plain(page).partition('.SH "EXAMPLES"')[2]
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        found = re.search(rf'^\.SS "procore-login {name} .*?(?=^\.S)', plain(page), re.MULTILINE | re.DOTALL)
        assert found is not None
        options = [option for option in command.params if isinstance(option, click.Option)]
        for spelling in [spelling for option in options for spelling in option.opts]:
            assert re.search(rf"(^|, ){spelling}\b", found[0], re.MULTILINE), (name, spelling)
        assert re.search(rf"^procore-login {name}\b", examples, re.MULTILINE), name


def test_the_man_page_lists_every_variable_that_the_program_reads_and_every_exit_code():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "procore_cli").rglob("*.py"))
    listed = {name for names, _ in man_text.ENVIRONMENT for name in names.split(", ")}
    read = set(re.findall(r"""["'](PROCORE_[A-Z_]+[A-Z])["']""", source)) | variables._OUR_NAMES
    assert read - variables._MISTAKEN.keys() <= listed
    assert {name for name in listed if name.startswith("PROCORE_")} <= read
    codes = {kind.exit_code for kind in list_errors(ProcoreLoginError)}
    assert [code for code, _ in man_text.EXIT_STATUS] == sorted(codes | {0, 129, 130, 143})


def test_what_roff_would_change_is_escaped_and_a_long_example_continued_as_a_shell_does():
    for text, escaped in {
        "--env": r"\-\-env",
        "it's": r"it\(aqs",
        "~/.x": r"\(ti/.x",
        r"a\b": r"a\eb",
        '"a"': r"\(dqa\(dq",
        # A line of text is never a request.
        ".netrc is a file": r"\&.netrc is a file",
    }.items():
        assert list(man_page._wrap(text)) == [escaped]
    options = " ".join(f"--option-{number} value" for number in range(6))
    lines = [plain(line) for line in man_page._break(f"procore-login api {options}")]
    assert len(lines) > 1
    assert all(line.endswith(" \\e") and len(line) <= 72 for line in lines[:-1])
    assert " ".join(line.removesuffix("\\e").strip() for line in lines).endswith(options)


def test_the_version_stands_in_one_place_and_is_the_first_release_of_the_changelog():
    first = re.findall(r"^## (\S+)(?: - (\d{4}-\d{2}-\d{2}))?$", CHANGELOG, re.MULTILINE)
    dated = [version for version, date in first if date]
    assert dated[0] == __version__
    assert all(date or version == "Unreleased" for version, date in first)
    assert 'dynamic = ["version"]' in PYPROJECT
    assert not re.search(r"^version\s*=", PYPROJECT, re.MULTILINE)
