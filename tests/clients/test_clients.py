"""Programs that others wrote against Procore, at `demo serve`; .ci/run brings them along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli import Machine
from tests.demo.conftest import Client

HERE = Path(__file__).parent
PROGRAMS = [["node", str(HERE / "js_sdk.js")], [sys.executable, str(HERE / "requests_oauthlib_steps.py")]]


@pytest.mark.clients
@pytest.mark.parametrize("program", PROGRAMS, ids=["js-sdk", "requests-oauthlib"])
def test_a_real_client_goes_through_every_step(tmp_path: Path, program: list[str]) -> None:
    machine = Machine(tmp_path / "machine")
    serving = machine.start("demo", "serve", "--port", "0", "--json")
    assert serving.stdout is not None
    try:
        variables = json.loads(serving.stdout.readline())
        # oauthlib's client refuses http otherwise.
        environ = {**os.environ, **variables, "OAUTHLIB_INSECURE_TRANSPORT": "1"}
        with subprocess.Popen(
            program, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            link = urlsplit(running.stdout.readline().strip())
            person = Client(variables["PROCORE_LOGIN_URL"])
            consent = person.log_in(f"{link.path}?{link.query}")
            callback = person.decide(consent, "allow").headers["Location"]
            out, _ = running.communicate(f"{callback}\n", timeout=60)
    finally:
        serving.terminate()
        serving.communicate(timeout=30)

    assert running.returncode == 0
    assert json.loads(out) == {
        "login": "joecontractor@procore.com",
        "names": ["Pretend Library", "Pretend School", "Pretend Station", "Made by a client"],
        "errors": ["invalid_grant", "invalid_token"],
    }
