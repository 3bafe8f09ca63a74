"""docs/first-contact.md is a script that can be pasted, and shows nothing that is a secret."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from tests.cli import ROOT
from tests.doc_examples import new_path
from tests.provider import CLIENT_ID, CLIENT_SECRET, Answer, Provider

PAGE = ROOT / "docs/first-contact.md"
TOOLS = ("bash", "curl", "openssl", "python3")


@pytest.mark.examples
@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"takes {', '.join(TOOLS)}")
def test_whoever_pastes_it_answers_each_question(tmp_path: Path, provider: Provider) -> None:
    provider.services["7"] = {"id": 777, "login": "dmsa-777@example.com", "name": None}
    calls = iter(range(1000))
    limit = Answer(429, {}, {"Retry-After": "7", "X-Rate-Limit-Remaining": "0"})
    provider.script["/rest/v1.0/me"] = lambda _: limit if next(calls) > 20 else None
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    script = "\n".join(blocks).replace("https://login-sandbox.procore.com", provider.url)
    script = script.replace("https://sandbox.procore.com", provider.url)
    environ = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": new_path(tmp_path / "bin")}
    person = subprocess.Popen(
        ["bash", "-c", script],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert person.stdin is not None
    assert person.stdout is not None
    print(CLIENT_ID, CLIENT_SECRET, 7, sep="\n", file=person.stdin, flush=True)
    said = []
    for line in person.stdout:
        said.append(line)
        if "redirect_uri=urn" in line:
            arrived = requests.get(line.strip(), allow_redirects=False, timeout=20)
            code = re.findall(r"[?&]code=([^&]+)", arrived.headers["Location"])[0]
            print(code, file=person.stdin, flush=True)
    person.communicate()

    text = "".join(said)
    assert person.returncode == 0, text
    for expected in (
        "without its verifier: 400 invalid_grant",
        "its access token: 200",
        "the former access token after a refresh: 200",
        "the spent refresh token, at once: 400 invalid_grant",
        "the new refresh token after that: 200",
        "/me without a company: 400",
        "the second token: 200",
        "Retry-After: 7",
        "X-Rate-Limit-Remaining: 0",
        "revoked: 200",
    ):
        assert expected in text, f"{expected}\n{text}"
    assert "hush" not in text
    assert not list(tmp_path.rglob("*.json"))
