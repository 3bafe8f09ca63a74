"""What goes wrong on purpose: faults, delays, rate limits, short lives; and what was called."""

from __future__ import annotations

import http.client
import threading
from urllib.parse import quote

import pytest

from procore_cli.demo.exchange import Call
from procore_cli.demo.responses import (
    HOUR_S,
    Conditions,
    Fault,
    Latency,
    Limit,
    RateLimit,
    Target,
    read_fault,
    read_latency,
    read_limit,
)
from procore_cli.demo.server import DemoServer
from procore_cli.errors import UsageMistakeError

PROJECTS = "/rest/v1.0/projects"


@pytest.fixture
def conditions(server):
    return server.conditions


def statuses(program, count: int, target: str = PROJECTS) -> list[int]:
    return [program.get(target).status for _ in range(count)]


def test_faults_come_in_the_order_in_which_they_were_set(program, conditions):
    for fault in ("503:1", "drop:1", "429:2"):
        conditions.add_fault(read_fault(f"{PROJECTS}={fault}"))

    assert statuses(program, 1) == [503]
    with pytest.raises(http.client.RemoteDisconnected):
        program.get(PROJECTS)
    assert statuses(program, 3) == [429, 429, 200]


def test_a_fault_can_mean_a_method_and_all_that_begins_so(program, conditions):
    conditions.add_fault(read_fault("POST /rest/*=500"))

    assert program.get(PROJECTS).status == 200
    assert program.send("POST", PROJECTS, {"name": "N"}).status == 500
    assert program.names(PROJECTS) == ["Pretend Library", "Pretend School", "Pretend Station"]


def test_a_fault_that_passes_says_when_to_try_again(program, conditions):
    for status, header in ((429, "1"), (503, "1"), (500, None)):
        conditions.add_fault(Fault(Target(PROJECTS), status, 1))

        assert program.get(PROJECTS).headers["Retry-After"] == header


def test_a_fault_at_the_token_endpoint_has_oauths_shape(client, conditions):
    for status, error in ((400, "invalid_grant"), (401, "invalid_client"), (500, "server_error")):
        conditions.add_fault(Fault(Target("/oauth/token"), status, 1))
        reply = client.refresh("x")

        assert (reply.status, reply.json()["error"]) == (status, error)


def test_a_fault_leaves_the_refresh_token_unused(client, conditions):
    tokens = client.new_tokens()
    conditions.add_fault(read_fault("/oauth/token=500:1"))

    assert client.refresh(tokens["refresh_token"]).status == 500
    assert client.refresh(tokens["refresh_token"]).status == 200


def test_what_is_no_fault_is_said():
    for text in (
        "",
        PROJECTS,
        "/a=",
        "/a=200",
        "/a=503:0",
        "rest=503",
        "/a=600",
        "/a=503:x",
        "get /a=500",
        "FETCH /a=500",
        "/a?page=500",
        "/a*b=500",
        "/a#b=500",
    ):
        with pytest.raises(UsageMistakeError, match="is not a fault"):
            read_fault(text)


def test_a_delay_is_everywhere_or_at_a_path():
    for text, latency in (
        ("2", Latency(2.0)),
        (".5", Latency(0.5)),
        ("/oauth/token=0.25", Latency(0.25, Target("/oauth/token"))),
        ("GET /rest/*=1", Latency(1.0, Target("/rest/*", "GET"))),
    ):
        assert read_latency(text) == latency


def test_what_is_no_delay_is_said():
    for text in ("", "-1", "x", "/a", "/a=", "nan", "inf", "601", "1e3", "/a?b=1"):
        with pytest.raises(UsageMistakeError, match="is not a delay"):
            read_latency(text)


def test_the_last_delay_that_means_a_call_counts(data_folder, clock, client):
    waited = []
    conditions = Conditions(clock, latencies=map(read_latency, ["2", "/oauth/token=7"]), wait=waited.append)
    with DemoServer(data_folder, clock, conditions=conditions) as server:
        client.url = server.url
        client.get("/rest/v1.0/me")
        client.refresh("x")
        client.get("/demo/calls")

    assert waited == [2.0, 7.0]


def test_whoever_is_delayed_is_let_go_when_the_server_ends(data_folder, clock, client):
    with DemoServer(data_folder, clock, conditions=Conditions(clock, latencies=[Latency(600)])) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/rest/v1.0/me")
    connection.close()


def test_a_rate_limit_counts_down_and_resets(program, conditions, clock):
    conditions.set_limits([Limit(2, 10)])
    first, second, third = (program.get(PROJECTS) for _ in range(3))

    assert [reply.status for reply in (first, second, third)] == [200, 200, 429]
    assert [reply.headers["X-Rate-Limit-Remaining"] for reply in (first, second, third)] == ["1", "0", "0"]
    assert {reply.headers["X-Rate-Limit-Limit"] for reply in (first, second, third)} == {"2"}
    assert {reply.headers["X-Rate-Limit-Reset"] for reply in (first, third)} == {str(clock.now + 10)}
    assert (first.headers["Retry-After"], third.headers["Retry-After"]) == (None, "10")
    clock.now += 10
    assert program.get(PROJECTS).status == 200


def test_threads_that_come_at_once_share_one_window(conditions, monkeypatch):
    makers = []

    class Watched(RateLimit):
        def __init__(self, *values):
            makers.append(threading.current_thread())
            super().__init__(*values)

    monkeypatch.setattr("procore_cli.demo.responses.RateLimit", Watched)
    conditions.set_limits([Limit(1)])
    start, passes = threading.Barrier(4), []

    def come():
        start.wait(timeout=10)
        passes.append(conditions.take_pass(Call(path=PROJECTS)))

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert makers == [threading.current_thread()]
    assert sorted(taken.allowed for taken in passes) == [False, False, False, True]


def test_whoever_waited_for_another_call_does_not_set_the_clock_back():
    in_first, second_is_on_its_way, times = threading.Event(), threading.Event(), iter([1000, 1001])

    def read() -> float:
        now = next(times)
        if now == 1000:
            in_first.set()
            second_is_on_its_way.wait(timeout=0.2)
        return now

    rate, passes = RateLimit([Limit(1)], read), []
    first = threading.Thread(target=lambda: passes.append(rate.take()))
    first.start()
    assert in_first.wait(timeout=10)
    second = threading.Thread(target=lambda: (passes.append(rate.take()), second_is_on_its_way.set()))
    second.start()
    first.join()
    second.join()

    assert [taken.allowed for taken in passes] == [True, False]


def test_what_is_used_up_is_not_kept(program, conditions):
    for _ in range(3):
        conditions.add_fault(read_fault(f"{PROJECTS}=503:1"))
        conditions.add_latency(read_latency(f"{PROJECTS}=0"))
    conditions.add_fault(read_fault("/other=500"))
    first = statuses(program, 1), len(conditions.faults)
    rest = statuses(program, 3), len(conditions.faults)
    one = conditions.latencies
    conditions.add_latency(Latency(0))

    assert (first, rest) == (([503], 3), ([503, 503, 200], 1))
    assert one == (Latency(0.0, Target(PROJECTS)),)
    assert conditions.latencies == (Latency(0),)


def test_signing_in_is_not_limited(client, program, conditions):
    conditions.set_limits([Limit(0)])

    assert client.new_tokens()["access_token"]
    assert program.get("/rest/v1.0/me").status == 429


def test_of_two_limits_the_nearest_is_shown(clock):
    rate = RateLimit([Limit(3, HOUR_S), Limit(2, 10)], clock)
    shown = [dict(rate.take().headers)["X-Rate-Limit-Limit"] for _ in range(3)]
    clock.now += 10
    after = rate.take()

    assert shown == ["2", "2", "2"]
    assert (after.allowed, dict(after.headers)["X-Rate-Limit-Remaining"]) == (True, "0")
    assert dict(after.headers)["X-Rate-Limit-Limit"] == "3"
    assert rate.take().wait_s == HOUR_S - 10


def test_a_clock_that_was_set_back_keeps_no_window_open(clock):
    rate = RateLimit([Limit(1, 10)], clock)
    rate.take()
    clock.now -= 1000

    assert rate.take().allowed


def test_a_limit_is_an_hours_unless_it_is_said():
    for text, limit in (
        ("3600", Limit(3600, 3600)),
        ("20/10s", Limit(20, 10)),
        ("5/m", Limit(5, 60)),
        ("9/2h", Limit(9, 7200)),
    ):
        assert read_limit(text) == limit


def test_what_is_no_limit_is_said():
    for text in ("", "x", "-1", "5/", "5/10", "5/0s", "1.5"):
        with pytest.raises(UsageMistakeError, match="is not a rate limit"):
            read_limit(text)


def test_what_was_called_can_be_looked_at_and_emptied(program, client):
    program.get(f"{PROJECTS}?page=1&per_page=2&page=3")
    client.post("/oauth/token", code="secret-code")
    seen = client.get("/demo/calls").json()

    assert seen == {
        "total": 2,
        "calls": [
            {
                "method": "GET",
                "path": PROJECTS,
                "query": ["page", "per_page"],
                "status": 200,
                "company": 22222,
                "bearer": True,
            },
            {
                "method": "POST",
                "path": "/oauth/token",
                "query": [],
                "status": 400,
                "company": None,
                "bearer": False,
            },
        ],
    }
    assert client.send("DELETE", "/demo/calls").status == 204
    assert client.get("/demo/calls").json() == {"total": 0, "calls": []}


def test_what_was_called_holds_neither_token_nor_code(client, new_client):
    tokens, code = client.new_tokens(), new_client().new_code()
    client.exchange(code)
    client.me(tokens["access_token"])
    client.get(f"/rest/v1.0/me?access_token={tokens['access_token']}")
    seen = client.get("/demo/calls").text

    assert "access_token" in seen
    assert not [secret for secret in (code, *map(str, tokens.values())) if len(secret) > 9 and secret in seen]


SECRET = "aB3_-" * 9


def test_a_secret_in_the_wrong_place_is_not_noted(server, speak):
    for target in (
        f"/oauth/authorize?code={SECRET}",
        f"/rest/v1.0/me?{SECRET}",
        f"/rest/v1.0/me?code=&{SECRET}=",
        "/rest/v1.0/me?code%3Dshort-secret",
        f"/rest/v1.0/me?a=1;code={SECRET}",
        "/oauth/authorize%3Fcode=short-secret",
        "/oauth/authorize;code=short-secret",
        "/oauth/authorize#code=short-secret",
        "/oauth/authorize&code=short-secret",
        f"/oauth/authorize/{SECRET}",
        f"/oauth/authorize/{quote(SECRET.encode().hex())}",
        "/oauth/authorize/" + "".join(f"%{ord(letter):02x}" for letter in SECRET),
        "http://me:short-secret@host/rest/v1.0/me",
        f"/{'x/' * 990}{SECRET}",
    ):
        for method in ("GET", "POST"):
            speak(
                f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n"
                f"Procore-Company-Id: {SECRET}\r\nCookie: {SECRET}\r\n"
                f"Content-Length: 45\r\n\r\n{SECRET}".encode()
            )
        seen = server.calls.list()
        server.calls.clear()

        assert [(call.method, call.company) for call in seen] == [("GET", None), ("POST", None)]
        for secret in (SECRET[:20], SECRET.encode().hex()[:20], "short-secret", "%61%42%33"):
            assert secret not in repr(seen)


def test_a_path_and_names_that_hold_no_secret_are_noted_as_they_came(server, client):
    client.get("/rest/v1.0/projects/7/a%20b.pdf?filters[vendor_id]=1&filters%5Bid%5D=2&view&page=")
    call = server.calls.list()[-1]

    assert call.path == "/rest/v1.0/projects/7/a%20b.pdf"
    assert call.query == ("filters[vendor_id]", "filters[id]", "view", "page")
