"""Floods, slow senders, resets and requests that no browser makes: survived, refused, in silence."""

import resource
import socket
import struct
import threading

import pytest

from procore_cli.callback import sockets
from procore_cli.callback.pending import Failure
from procore_cli.callback.server import Connections, Limits
from tests.callback.listener_stand import CALLBACK, HOME, Reply, is_safe, read_all, read_reply
from tests.callback.odd_requests import KIB, odd_requests

pytestmark = pytest.mark.usefixtures("silence")
GET = "GET / HTTP/1.1"


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_an_odd_request_is_refused_with_every_header_and_no_echo(stand):
    wrong = [
        (raw[:100], status, reply)
        for raw, status in odd_requests(stand.port, "ours")
        if not is_refused(reply := read_reply(stand.send(raw)), status)
    ]
    assert not wrong, wrong
    assert stand.pending.wait(0) is None


def is_refused(reply: Reply, status: int) -> bool:
    allowed = "GET, HEAD" if status == 405 else None
    seen = (reply.status, is_safe(reply), reply.headers.get("allow"), "evil" in reply.text)
    return seen == (status, True, allowed, False)


def test_what_is_odd_but_valid_passes(stand):
    casual = f"GET / HTTP/1.1\r\nhOST:  localhost:{stand.port} \t\r\nCookie: caf\xe9\r\n\r\n"
    # A header block may have 64 KiB and no more.
    fits = "A: " + "x" * (64 * KIB - len(stand.head(GET, "A: ")) + len(GET + "\r\n"))
    hosts = ("localhost", "LocalHost", "127.0.0.1", "[::1]")
    for raw, status in (
        *((stand.head(GET, host=f"{host}:{stand.port}"), 200) for host in hosts),
        (casual.encode("latin-1"), 200),
        (casual.replace("\r\n", "\n").encode("latin-1"), 200),
        (stand.head(GET, "Cookie: " + "x" * 60 * KIB), 200),
        (stand.head(GET, *[f"X-{number}: y" for number in range(1000)]), 200),
        (stand.head(GET, fits), 200),
        (stand.head(GET, fits + "x"), 431),
    ):
        assert read_reply(stand.send(raw)).status == status, raw[:100]


def test_a_code_of_60_kib_arrives_whole(stand):
    waiting = stand.arrive(f"/callback?code={'x' * 60 * KIB}&state=ours")
    assert stand.pending.wait(0) == [("code", "x" * 60 * KIB), ("state", "ours")]
    stand.pending.finish(HOME)
    assert waiting.result(5).status == 303


def test_a_bad_head_request_gets_headers_alone_too(stand):
    for target, header, status in (
        ("/", "Cookie: " + "x" * 70 * KIB, 431),
        ("/" + "x" * 70 * KIB, "A: b", 414),
        ("/", "nonsense", 400),
        ("/ /", "A: b", 400),
    ):
        reply = stand.ask(target, header, method="HEAD")
        assert (reply.status, reply.text) == (status, "")


def test_a_request_may_arrive_in_small_pieces(stand):
    with stand.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in stand.head(GET):
            client.send(bytes([byte]))
        assert read_reply(read_all(client)).status == 200


def test_the_browsers_idle_second_connection_blocks_nothing_and_resets_are_survived(stand):
    with stand.connect(), stand.connect():
        # A tab that is closed while it waits does not lose its callback.
        for sent in (b"", b"GET / HT", stand.head(GET), stand.head(f"GET {CALLBACK} HTTP/1.1")):
            gone = stand.connect()
            gone.sendall(sent)
            if b"c0de" in sent:
                assert stand.pending.wait(5) is not None
            reset(gone)
        assert stand.come_back().status == 303


def test_one_who_is_too_slow_is_hung_up_on_even_if_he_goes_on_sending(new_stand):
    stand = new_stand(limits=Limits(request_s=0.1, farewell_s=0.1))
    with stand.connect() as silent, stand.connect() as slow:
        slow.settimeout(0.02)
        while True:
            try:
                slow.send(b"G")
                received = slow.recv(1)
            except TimeoutError:
                continue
            except ConnectionError:
                received = b""
            break
        assert received == silent.recv(1) == b""


def test_one_who_does_not_hang_up_is_left_after_a_while(new_stand):
    # Another test's may still wait for somebody.
    former = threading.enumerate()
    stand = new_stand(limits=Limits(farewell_s=0.05))
    with stand.connect() as client:
        client.sendall(stand.head(GET))
        read_all(client)
        threads = [each for each in threading.enumerate() if "process_request_thread" in each.name]
        threads = [each for each in threads if each not in former]
        for thread in threads:
            thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


def test_one_who_was_gone_before_it_was_asked_whose_he_is_brings_no_callback(stand, monkeypatch):
    sent, asked = threading.Event(), threading.Event()

    def admit_too_late(*_: object) -> sockets.Peer:
        if not asked.is_set():
            assert sent.wait(5)
            reset(gone)
            asked.set()
        return sockets.Peer(sockets.Standing.ADMITTED)

    monkeypatch.setattr(sockets, "judge", admit_too_late)
    gone = stand.connect()
    gone.sendall(stand.head("GET /callback?code=evil&state=ours HTTP/1.1"))
    sent.set()
    assert asked.wait(5)
    assert stand.come_back().status == 303
    assert stand.pending.wait(0) == [("code", "c0de"), ("state", "ours")]


def test_one_who_ends_his_sending_half_is_answered_if_the_request_was_whole_and_else_forgotten(stand):
    whole = stand.head(f"GET {CALLBACK} HTTP/1.1", "Accept: */*")
    cuts = [whole.index(b" HTTP"), whole.index(b"\n") + 1, whole.index(b"Accept"), len(whole) - 2]
    for raw, answer in (*((whole[:cut], b"") for cut in cuts), (stand.head(GET), b"HTTP/1.1 200")):
        with stand.connect() as client:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client)[:12] == answer
    assert stand.pending.wait(0) is None


def test_a_body_that_nobody_wants_may_be_sent_to_its_end(new_stand):
    # Larger than what the system keeps of it: somebody has to take it.
    stand = new_stand(limits=Limits(farewell_s=60))
    body = b"x" * 16_000_000
    raw = stand.send(stand.head("POST / HTTP/1.1", f"Content-Length: {len(body)}") + body)
    assert read_reply(raw).status == 405


def test_a_full_house_of_answers_turns_newcomers_away_and_recovers(new_stand):
    stand = new_stand(limits=Limits(connections=1))
    waiting = stand.arrive()
    with stand.connect() as newcomer:
        assert newcomer.recv(1) == b""
    stand.pending.finish(Failure("Denied", "No.", "Nothing."))
    assert waiting.result(5).status == 200
    assert stand.ask("/").status == 200


def test_a_flood_costs_the_oldest_connection_and_never_a_tab_that_waits(new_stand):
    stand = new_stand(limits=Limits(connections=2))
    waiting = stand.arrive()
    with stand.connect() as oldest, stand.connect() as newest:
        assert oldest.recv(1) == b""
        newest.sendall(stand.head(GET))
        assert read_reply(read_all(newest)).status == 200
    stand.pending.finish(HOME)
    assert waiting.result(5).status == 303


def test_a_connection_that_the_system_has_ended_already_can_be_dropped():
    connections = Connections(1)
    with socket.socket() as gone, socket.socket() as new:
        assert connections.add(gone)
        assert connections.add(new)


def test_where_no_thread_can_start_one_connection_is_answered_after_the_other(stand, monkeypatch):
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert [stand.ask("/").status for _ in range(3)] == [200, 200, 200]
    assert stand.ask("/").status == 200


def test_running_out_of_file_descriptors_passes(stand):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as client:
        client.settimeout(0.1)
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno(), hard))
        try:
            client.connect(("127.0.0.1", stand.port))
            client.sendall(stand.head(GET))
            with pytest.raises(TimeoutError):
                client.recv(1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.settimeout(5)
        assert read_reply(read_all(client)).status == 200
