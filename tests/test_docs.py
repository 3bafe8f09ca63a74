"""README, Makefile and the program agree."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from procore_cli import __version__
from procore_cli.callback import pages
from procore_cli.callback.pending import new_failure
from procore_cli.cli.main import COMMANDS
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.config.variables import VARIABLES
from procore_cli.errors import ConsentDeniedError, ProcoreError
from tests import doc_examples, readme_commands
from tests.cli import Machine, browser, free_port
from tests.postgres.conftest import database, postgres  # noqa: F401 - fixtures
from tools import session

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_readmes_first_block_is_two_commands_which_the_makefile_shares():
    block = re.findall(r"```console\n(.*?)```", README, re.DOTALL)[0]
    demo, test = (line.replace("python3", "$(PYTHON)", 1) for line in block.splitlines())
    assert f"demo:\n\t{demo}\n" in MAKEFILE
    assert f"test:\n\t{test}\n" in MAKEFILE


def test_every_command_explains_itself_and_knows_the_options_that_its_row_of_the_table_names(tmp_path):
    machine = Machine(tmp_path / "machine")
    assert machine.run_here("--version").out == f"procore-login {__version__}\n"
    rows = re.findall(r"^\| `procore-login (\w+)[^|]*\|(.*)\|$", README, re.MULTILINE)
    assert {name for name, _ in rows} >= set(COMMANDS)
    for command in COMMANDS:
        long, short = (machine.run_here(command, option) for option in ("--help", "-h"))
        assert (long, long.code) == (short, 0), command
        for said in (f"procore-login {command}", "--debug", "Example: procore-login"):
            assert said in long.out, command
        # What is said of another command stands with its name.
        named = {o for name, text in rows if name == command for o in re.findall(r"`(--[a-z-]+)[^`]*`", text)}
        assert [option for option in named - {"--account"} if option not in long.out] == [], command
    assert not machine.data.exists()


def test_every_page_of_the_listener_is_explained():
    explained = (ROOT / "docs/sign-in.md").read_text(encoding="utf-8")
    buttons = [pages.button_page(path, "https://example.com", "demo", None) for path in pages.BUTTONS]
    headings = [re.findall(r"<h1>(.*?)</h1>", page)[0] for page in buttons]
    headings += [new_failure(kind(""), "").title for kind in (ConsentDeniedError, ProcoreError)]
    headings += [each.title for each in vars(pages).values() if isinstance(each, pages.Notice)]
    headings += [pages.find_refusal(status).title for status in HTTPStatus if status >= 400]
    assert [heading for heading in headings if f"| {heading} |" not in explained] == []


def is_there(page: Path, target: str) -> bool:
    """Whether a link leads to a file, and to a heading of it if it names one."""
    name, _, anchor = target.partition("#")
    path = page.parent / name if name else page
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return path.exists() and (not anchor or anchor in anchors)


def test_every_picture_page_and_test_that_the_docs_name_is_there():
    for page in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in target or is_there(page, target), f"{page.name}: {target}"
    for named in re.findall(r"`(tests/[^`]+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")):
        path, _, function = named.partition("::")
        found = ROOT / path
        assert found.exists(), named
        assert not function or f"def {function}(" in found.read_text(encoding="utf-8"), named


def test_every_environment_and_every_variable_is_explained():
    explained = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    named = [f"| `{name}` |" for name in ENVIRONMENTS] + [f"`{name}`" for name in VARIABLES.values()]
    assert [name for name in named if name not in explained] == []


# How many variables `demo serve` says to set.
PRINTED = 5


@contextmanager
def demo_serving(machine: Machine, *options: str) -> Iterator[str]:
    """`demo serve` in another terminal; the variables that it prints."""
    serving = machine.start("demo", "serve", "--port", "0", *options)
    assert serving.stdout is not None
    try:
        yield "".join(serving.stdout.readline() for _ in range(1 if "--json" in options else PRINTED))
    finally:
        serving.terminate()
        serving.communicate(timeout=30)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[doc_examples.Reader]:
    machine = Machine(tmp_path_factory.mktemp("reader") / "machine")
    with demo_serving(machine, "--quiet") as printed:
        found = doc_examples.Reader(machine)
        found.sign_up(doc_examples.read_exports(printed.splitlines()))
        yield found


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[readme_commands.Follower]:
    machine = Machine(tmp_path / "machine")
    with demo_serving(machine, "--quiet") as printed:
        url = doc_examples.read_exports(printed.splitlines())["PROCORE_LOGIN_URL"]
        machine.variables |= {"PROCORE_LOGIN_URL": url, "PROCORE_API_URL": url}
        machine.variables |= {"BROWSER": browser(), "PROCORE_COMPANY_ID": "22222"}
        readme_commands.configure(machine)
        for options in ([], ["--env", "demo"]):
            assert machine.run("signup", *options).code == 0
        yield readme_commands.Follower(machine, url, readme_commands.new_environ(machine))


EXAMPLES = doc_examples.list_examples()
SHOWN = {"console", "dockerfile", "json"}


@pytest.mark.examples
@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if e.language not in SHOWN], ids=doc_examples.name_of
)
def test_every_example_works(reader, example):
    done = reader.run(example)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout or "--output" in example.text


@pytest.mark.examples
def test_what_demo_serve_prints_is_what_the_page_shows(reader):
    (shown,) = [e.text.splitlines()[1:] for e in EXAMPLES if e.language == "console"]
    printed = {name: reader.environ[name] for name in doc_examples.read_exports(shown)}
    names = ["ENV", "LOGIN_URL", "API_URL", "CLIENT_ID", "CLIENT_SECRET"]
    assert list(printed) == [f"PROCORE_{name}" for name in names]
    assert [line.replace(doc_examples.DOCUMENTED_URL, printed["PROCORE_API_URL"]) for line in shown] == [
        f"export {name}={value}" for name, value in printed.items()
    ]


@pytest.mark.examples
def test_the_seed_of_the_page_can_be_used(tmp_path):
    (seed,) = [e.text for e in EXAMPLES if e.language == "json"]
    machine = Machine(tmp_path / "machine")
    (machine.home / "seed.json").write_text(seed, encoding="utf-8")
    with demo_serving(machine, "--json", "--seed", "seed.json") as printed:
        machine.variables |= json.loads(printed)
        assert machine.run("signup", "--browser", browser()).code == 0
        projects = machine.run("api", "companies/7/projects", "--company", "7")
        refused = machine.run("api", "companies/8/projects", "--company", "8")
    assert [project["name"] for project in json.loads(projects.out)] == ["Seeded project"]
    assert refused.code == 5


def test_what_the_readme_shows_of_a_command_is_what_it_says():
    shown = dict(readme_commands.list_shown())
    port = {"PROCORE_REDIRECT_URI": f"http://localhost:{free_port()}/callback"}
    variables = {**port, "BROWSER": browser(), "TERM": "dumb"}
    said = session.record(["procore-login signup --env demo", *shown], variables)[1:]
    assert len(shown) > 2
    assert [(command, session.without_changing(drawn)) for command, drawn in said] == [
        (command, session.without_changing(text)) for command, text in shown.items()
    ]


def test_the_readme_has_commands_of_every_kind():
    commands = readme_commands.list_commands()
    assert {"procore-login", "procore-login signup", *readme_commands.TALKING} <= set(commands)
    assert any(text.startswith("curl ") for text in commands)


@pytest.mark.examples
def test_every_command_of_the_readme_works(follower, request):
    follower.sign_in_elsewhere()
    shared = request.getfixturevalue("database")
    for text in readme_commands.list_in_order():
        # The one that makes the tables of a database needs one.
        is_about_it = text.startswith("procore-login database")
        done = follower.run(f"PROCORE_LOGIN_DB='{shared.url}' {text}" if is_about_it else text)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
