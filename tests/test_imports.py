"""The arrows of docs/architecture.md: imports point down, and heavy packages stay in their rooms."""

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "procore_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import the rooms that are named for it, and itself.
FLOOR = {"config", "console", "errors", "grants", "log", "models", "threads"}
MAY_IMPORT = {
    "errors": set(),
    "models": set(),
    "grants": {"models"},
    "config": {"console", "errors", "grants", "log", "models"},
    "threads": {"errors"},
    "interruption": {"errors", "console", "threads"},
    "console": {"errors"},
    "webpage": set(),
    "callback": FLOOR | {"webpage"},
    "client": FLOOR,
    "storage": FLOOR,
    "demo": FLOOR | {"webpage"},
    "testing": FLOOR | {"demo", "library", "storage"},
    "flows": FLOOR | {"callback", "client", "demo", "interruption", "console", "storage", "context"},
    "context": FLOOR | {"callback", "interruption", "client", "storage", "demo", "console"},
    "log": {"console", "errors"},
    "library": FLOOR | {"client", "context", "flows", "storage"},
    "cli": FLOOR
    | {"__init__", "__main__", "callback", "client", "context", "demo", "flows", "interruption", "storage"},
    "__main__": {"cli"},
    "__init__": {"library", "errors", "models"},
}
HEAVY = {
    "click": {"cli"},
    "rich": {"cli/api_response", "cli/output", "console"},
    "requests": {"client/connections", "client/responses", "client/transport"},
    "urllib3": {"client/network_errors", "client/responses", "client/transport"},
    "truststore": {"client/certificates"},
    "keyring": {"storage/keyring"},
    "cryptography": {"storage/postgres/sealing"},
    "psycopg": {"storage/postgres/connection", "storage/postgres/parameters"},
    "jeepney": set(),
    "secretstorage": {"storage/keyring"},
    "sqlite3": {"storage/database", "storage/rows", "demo"},
    "http.server": {"callback/server", "demo"},
    "oauthlib": {"client/oauth", "demo"},
    "filelock": {"storage/locks"},
    "tomlkit": {"config/config_file"},
    "dotenv": {"cli/commands/importing"},
    "platformdirs": {"config/folders"},
}


def place_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a file imports, at its top or inside a function, for types or for real."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def rooms_of(path: Path) -> set[str]:
    rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith("procore_cli.")}
    return rooms - {"__version__", place_of(path).split("/")[0]}


def heavy_packages_of(path: Path) -> set[str]:
    return {
        heavy for heavy in HEAVY for name in imports_of(path) if name == heavy or name.startswith(f"{heavy}.")
    }


def test_imports_point_down():
    wrong = {place_of(path): rooms_of(path) - MAY_IMPORT[place_of(path).split("/")[0]] for path in MODULES}
    assert {place: rooms for place, rooms in wrong.items() if rooms} == {}


def test_nothing_is_imported_in_a_circle():
    # The package's own face hands names on, and is imported for its version.
    graph = {
        f"procore_cli.{place_of(path).replace('/', '.')}": imports_of(path)
        for path in MODULES
        if place_of(path) != "__init__"
    }
    # What imports nothing that is left can be taken away; of a circle nothing can.
    while free := [name for name, imports in graph.items() if not (imports & graph.keys()) - {name}]:
        for name in free:
            del graph[name]
    assert sorted(graph) == []


def test_heavy_packages_stay_in_their_rooms():
    strayed = {
        (place_of(path), heavy)
        for path in MODULES
        for heavy in heavy_packages_of(path)
        if not HEAVY[heavy] & {place_of(path), place_of(path).split("/")[0]}
    }
    assert strayed == set()


def test_no_file_is_longer_than_the_houses_measure():
    lines = {place_of(path): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {place: count for place, count in lines.items() if count > 350} == {}


def test_importing_loads_nothing_heavy():
    program = "import sys, procore_cli; print(' '.join(sys.modules))"
    # Measuring coverage would load modules of its own.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environ
    )
    assert not {"click", "requests", "keyring", "rich", "sqlite3", "oauthlib"} & set(loaded.stdout.split())
