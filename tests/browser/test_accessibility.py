"""axe-core over every page of listener and pretend Procore, light and dark; .ci/run brings it along."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from procore_cli.demo.server import DemoServer
from tests.callback.test_pages import EVERY_PAGE
from tests.demo.conftest import Client
from tests.moments import Clock

pytestmark = pytest.mark.chromium

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OOB = "urn:ietf:wg:oauth:2.0:oob"


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source."""
    folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
    found = [path for folder in folders if (path := Path(folder, "axe-core", "axe.min.js")).is_file()]
    assert found, "npm install --prefix FOLDER axe-core, and set NODE_PATH=FOLDER/node_modules (see .ci/run)"
    return found[0].read_text(encoding="utf-8")


@pytest.fixture
def demo_pages(tmp_path: Path) -> dict[str, str]:
    """Each page of the pretend Procore."""
    with DemoServer(tmp_path / "data", Clock()) as server:
        client = Client(server.url)
        target = client.authorize_target()
        login = client.get(client.get(target).headers["Location"])
        again = client.post("/login", email="joe", return_to=target)
        by_hand = client.log_in(client.authorize_target(redirect_uri=OOB))
        replies = {
            "login": (200, login),
            "no e-mail": (422, again),
            "consent": (200, client.log_in(target)),
            "consent, by hand": (200, by_hand),
            "code": (200, client.decide(by_hand, "allow")),
            "denied": (400, client.decide(by_hand, "deny")),
            "wrong link": (400, client.get("/oauth/authorize")),
            "no link": (400, client.get("/login")),
            "no cookies": (400, Client(server.url).get(f"{target}&logged_in=1")),
            "logged out": (403, Client(server.url).post(target, decision="allow")),
        }
    assert {name: reply.status for name, (_, reply) in replies.items()} == {
        name: status for name, (status, _) in replies.items()
    }
    return {f"demo: {name}": reply.text for name, (_, reply) in replies.items()}


def find_violations(results: dict[str, Any]) -> Iterator[str]:
    # What looked at nothing has found nothing.
    assert "color-contrast" in {rule["id"] for rule in results["passes"]}
    for rule in results["violations"]:
        yield from (f"{rule['id']}: {node['html'][:200]}" for node in rule["nodes"])


def test_no_page_has_anything_against_wcag_or_best_practice(chromium, axe, demo_pages, tmp_path):
    wrong = []
    for number, (name, page) in enumerate((EVERY_PAGE | demo_pages).items()):
        path = tmp_path / f"{number}.html"
        path.write_text(page, encoding="utf-8")
        chromium.show(path)
        chromium.run(axe)
        for scheme in ("light", "dark"):
            chromium.prefer(scheme)
            results = chromium.run(f"axe.run({{runOnly: {TAGS}}})")
            wrong += [f"{name}, {scheme}: {violation}" for violation in find_violations(results)]
    assert wrong == []
