"""The server itself: on loopback, quiet, bounded, and gone afterwards; and its connections."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import sqlite3
import threading
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from procore_cli.demo.server import DemoServer
from procore_cli.errors import PortTakenError

PROJECTS = "/rest/v1.0/projects?company_id=22222"


def test_it_is_on_loopback_alone_and_gone_with_its_connections_after_the_command(data_folder, clock):
    threads = set(threading.enumerate())
    with DemoServer(data_folder, clock) as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
        connection = socket.create_connection(address, timeout=10)
        connection.sendall(b"GET /rest/v1.0/me HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 401"
        # One that says nothing keeps nobody waiting.
        with socket.create_connection(address, timeout=10), socket.create_connection(address) as other:
            other.sendall(b"GET /rest/v1.0/me HTTP/1.0\r\n\r\n")
            answer = other.makefile("rb").read()
            assert (answer.split()[1], b"Connection: close" in answer) == (b"401", True)

    with connection:
        while connection.recv(4096):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=10)
    assert set(threading.enumerate()) <= threads


def test_a_port_can_be_asked_for_and_one_in_use_is_named(data_folder, clock, server):
    port = urlsplit(server.url).port
    with pytest.raises(PortTakenError, match=str(port)):
        DemoServer(data_folder, clock, port=port)
    # Closing twice is no mistake: the fixture does it again.
    server.close()

    with DemoServer(data_folder, clock, port=port) as second:
        assert second.url == f"http://127.0.0.1:{port}"


def test_every_answer_has_the_security_headers(client):
    for target in ("/login", "/oauth/authorize", "/rest/v1.0/me", "/nowhere"):
        headers = client.get(target).headers

        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Server"] == "pretend-procore"
        assert "Access-Control-Allow-Origin" not in headers


def test_a_page_may_use_its_own_style_and_lead_to_whatever_redirect_uri_there_is(client):
    for page in (client.get("/oauth/authorize"), client.log_in(client.authorize_target())):
        policy = page.headers["Content-Security-Policy"]
        style = page.text.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

        assert f"style-src 'sha256-{digest}'" in policy
        assert policy.partition("form-action ")[2] == "'self' http: https:"


def test_one_connection_serves_many_requests_in_chunks_too(program, server, speak):
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)

    def ask(method, target, body=None, headers=program.headers):
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    with closing(connection):
        pieces = iter([b'{"project": {"na', b'me": "In', b' pieces"}}'])
        status, made = ask("POST", PROJECTS, pieces)
        sock = connection.sock
        assert (status, json.loads(made)["name"]) == (201, "In pieces")
        assert ask("GET", PROJECTS)[0] == 200
        assert ask("POST", PROJECTS, '{"project": {"name": "N"}}')[0] == 201
        assert ask("DELETE", "/demo/responses")[0] == 204
        assert ask("HEAD", PROJECTS) == (200, b"")
        assert ask("GET", "/nowhere", headers={})[0] == 404
        assert ask("GET", PROJECTS)[0] == 200
        assert connection.sock is sock
    assert speak(b"HEAD /rest/v1.0/me HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\n")


def test_where_a_body_ends_is_never_guessed(speak, server):
    for head in (
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 40",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 4 4",
        "Content-Length: 99999999",
    ):
        # Chunks, which may be complete, or none.
        for start in ("", "0\r\n\r\n"):
            body = f"{start}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
            answer = speak(f"POST {PROJECTS} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{body}".encode())

            assert answer.count(b"HTTP/1.1 ") == 1
            assert answer.split()[1].startswith(b"4")
            assert b"Connection: close" in answer
            assert server.calls.list() == []


def test_a_body_must_say_its_length_within_limits(speak, client):
    for head, body, status in (
        ("Content-Length: 65537", b"", 413),
        ("Content-Length: 99999999999", b"", 413),
        (f"Content-Length: {'9' * 99}", b"", 400),
        ("Content-Length: -1", b"", 400),
        ("Content-Length: \u0663", b"", 400),
        ("Content-Length:", b"", 400),
        ("Transfer-Encoding: chunked", b"zz\r\n", 400),
        ("Transfer-Encoding: chunked", b"\r\n", 400),
        ("Transfer-Encoding: chunked", b"3\r\nabcd\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", b"ffffffff\r\n", 413),
        ("Transfer-Encoding: chunked", b"0\r\nx: y\r\n\r\n", 400),
    ):
        answer = speak(f"POST /oauth/token HTTP/1.1\r\n{head}\r\n\r\n".encode() + body)

        assert int(answer.split()[1]) == status, (head, body)
    longest = client.send("POST", "/oauth/token", "a" * 65536)
    assert (longest.status, longest.json()["error"]) == (400, "invalid_request")


def test_garbage_is_survived_in_silence(speak, client, capfd):
    for garbage in (
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"BREW /coffee HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"POST /oauth/token HTTP/1.1\r\nContent-Length: 5\r\n\r\na",
    ):
        answer = speak(garbage)

        assert b"coffee" not in answer
        assert b"Python" not in answer
        assert client.get("/rest/v1.0/me").status == 401
        assert capfd.readouterr() == ("", "")


def test_a_failure_inside_is_a_500_that_says_nothing(client, data_folder, capfd):
    with closing(sqlite3.connect(data_folder / "demo" / "procore.db")) as database:
        database.execute("DROP TABLE tokens")
        database.commit()
    reply = client.me("sesame")

    assert (reply.status, reply.json()) == (500, {"errors": "The pretend Procore failed."})
    assert capfd.readouterr() == ("", "")
