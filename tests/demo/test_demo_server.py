"""The server itself: on loopback, quiet, bounded, and gone afterwards."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import sqlite3
import threading
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from procore_cli.demo.server import DemoServer
from procore_cli.errors import DataFolderError, PortTakenError


def test_it_listens_on_loopback_alone(server):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)


def test_it_is_gone_after_the_command(data_folder, clock):
    threads = set(threading.enumerate())
    with DemoServer(data_folder, clock) as server:
        address = urlsplit(server.url)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=10)
    assert set(threading.enumerate()) <= threads


def test_a_port_can_be_asked_for_and_one_in_use_is_named(data_folder, clock, server):
    port = urlsplit(server.url).port
    with pytest.raises(PortTakenError, match=str(port)):
        DemoServer(data_folder, clock, port=port)
    # Closing twice is no mistake: the fixture does it again.
    server.close()

    with DemoServer(data_folder, clock, port=port) as second:
        assert second.url == f"http://127.0.0.1:{port}"


def test_a_folder_that_cannot_be_used_stops_the_start(data_folder, clock):
    data_folder.mkdir(mode=0o700)
    (data_folder / "demo").write_text("")

    with pytest.raises(DataFolderError):
        DemoServer(data_folder, clock)


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


def test_the_stylesheet_of_a_page_is_the_one_that_its_header_allows(client):
    page = client.get("/login")
    style = page.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in page.headers["Content-Security-Policy"]


def test_the_forms_may_lead_to_whatever_redirect_uri_there_is(client):
    for page in (client.get("/oauth/authorize"), client.log_in(client.authorize_target())):
        policy = page.headers["Content-Security-Policy"]

        assert policy.partition("form-action ")[2] == "'self' http: https:"


def test_a_body_must_have_a_length_within_limits(speak):
    for length, status in (
        ("65537", 413),
        ("99999999999", 413),
        ("9" * 99, 400),
        ("-1", 400),
        ("abc", 400),
        ("٣", 400),
        ("", 400),
    ):
        answer = speak(f"POST /oauth/token HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())

        assert f" {status} ".encode() in answer.splitlines()[0]


def test_a_body_of_the_greatest_length_is_read(client):
    reply = client.send("POST", "/oauth/token", "a" * 65536)

    assert (reply.status, reply.json()["error"]) == (400, "invalid_request")


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


def test_an_idle_connection_keeps_nobody_waiting(server, client):
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10):
        assert client.get("/rest/v1.0/me").status == 401


def test_a_failure_inside_is_a_500_that_says_nothing(client, data_folder, capfd):
    with closing(sqlite3.connect(data_folder / "demo" / "procore.db")) as database:
        database.execute("DROP TABLE tokens")
        database.commit()
    reply = client.me("sesame")

    assert (reply.status, reply.json()) == (500, {"errors": "The pretend Procore failed."})
    assert capfd.readouterr() == ("", "")
