"""Files to download: their size, their content, and the token that stays at home."""

from __future__ import annotations

import urllib.request
from urllib.parse import urlsplit

from procore_cli.demo.api import make_chunks


def fetch(url: str, headers: dict[str, str]) -> tuple[bytes, str]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
        return response.read(), response.url


def test_a_file_has_the_size_that_was_asked_for(server, program):
    for size in (0, 1, 65536, 200_000):
        headers = {"Authorization": f"Bearer {program.token}"}
        data, _ = fetch(f"{server.url}/demo/files/plan.pdf?bytes={size}", headers)

        assert data == (bytes(range(256)) * (size // 256 + 1))[:size]


def test_a_large_file_is_never_whole_in_memory():
    assert max(len(chunk) for chunk in make_chunks(10_000_000)) == 65536


def test_a_file_needs_a_token(client):
    assert client.get("/demo/files/plan.pdf").status == 401


def test_a_file_names_itself_whatever_its_name(program):
    headers = program.send("HEAD", "/demo/files/a%22%0d%0ab.pdf").headers

    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%22%0D%0Ab.pdf"
    assert headers["Content-Length"] == "1024"


def test_a_size_that_is_none_is_400(program):
    for size in ("x", "-1", str(1 << 41)):
        assert program.get(f"/demo/files/x?bytes={size}").status == 400


def test_a_file_elsewhere_is_at_another_origin(program, server):
    for name in ("127.0.0.1", "localhost"):
        port = urlsplit(server.url).port
        reply = program.get("/demo/files/x?elsewhere=1&bytes=7", Host=f"{name}:{port}")
        target = urlsplit(reply.headers["Location"])

        assert reply.status == 302
        assert {name, target.hostname} == {"127.0.0.1", "localhost"}
        assert target.port == port
        assert program.client.send("HEAD", f"{target.path}?{target.query}").headers["Content-Length"] == "7"


def test_the_storage_refuses_whoever_shows_it_a_token(program):
    assert program.get("/demo/storage/x?signature=pretend").status == 400
