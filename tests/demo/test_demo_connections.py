"""Connections that stay open between requests: where a request ends, and that nothing outlives the server."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from procore_cli.demo.server import DemoServer

PROJECTS = "/rest/v1.0/projects?company_id=22222"


@pytest.fixture
def connection(server):
    it = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    yield it
    it.close()


def ask(connection, method, target, body=None, headers=None) -> tuple[int, bytes]:
    connection.request(method, target, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read()


def test_one_connection_serves_many_requests(connection, program):
    headers = program.headers
    statuses = [
        ask(connection, "GET", PROJECTS, headers=headers)[0],
        ask(connection, "POST", PROJECTS, '{"project": {"name": "N"}}', headers)[0],
        ask(connection, "DELETE", "/demo/responses", headers=headers)[0],
        ask(connection, "HEAD", PROJECTS, headers=headers)[0],
        ask(connection, "GET", "/nowhere")[0],
    ]
    sock = connection.sock

    assert statuses == [200, 201, 204, 200, 404]
    assert ask(connection, "GET", PROJECTS, headers=headers)[0] == 200
    assert connection.sock is sock


def test_options_gets_nothing_that_lets_another_site_in(client):
    reply = client.send("OPTIONS", PROJECTS, Origin="https://evil.example")

    assert reply.status == 404
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


def test_a_body_in_chunks_is_read(connection, program):
    headers = program.headers
    pieces = iter([b'{"project": {"na', b'me": "In', b' pieces"}}'])
    status, body = ask(connection, "POST", PROJECTS, pieces, headers)

    assert (status, json.loads(body)["name"]) == (201, "In pieces")
    assert ask(connection, "GET", PROJECTS, headers=headers)[0] == 200


def test_where_a_body_ends_is_never_guessed(speak, server):
    for head in (
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 40",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 4 4",
        "Content-Length: 99999999",
    ):
        smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = speak(f"POST {PROJECTS} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{smuggled}".encode())

        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer.split()[1].startswith(b"4")
        assert b"Connection: close" in answer
        assert [call.path for call in server.calls.list()] == []


def test_chunks_that_make_no_sense_are_400_or_413(speak):
    for chunks in (
        b"zz\r\n",
        b"\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"ffffffff\r\n",
        b"123456789\r\n",
        b"0\r\n" + b"x: y\r\n" * 99,
    ):
        answer = speak(b"POST /oauth/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

        assert answer.split()[1] in (b"400", b"413")


def test_an_old_client_gets_its_answer_and_the_end(speak):
    answer = speak(b"GET /rest/v1.0/me HTTP/1.0\r\n\r\n")

    assert answer.split()[1] == b"401"
    assert b"Connection: close" in answer


def test_open_connections_end_with_the_server(data_folder, clock):
    threads = set(threading.enumerate())
    with DemoServer(data_folder, clock) as server:
        address = urlsplit(server.url)
        connection = socket.create_connection((address.hostname, address.port), timeout=10)
        connection.sendall(b"GET /rest/v1.0/me HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 401"

    with connection:
        while connection.recv(4096):
            pass
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=10)
    assert set(threading.enumerate()) <= threads
