"""What the Python API costs a call, and how long it holds up an event loop; run by benchmarks.report.

Refuses the network where it is not what is measured: the calls end in a transport that answers at once.
"""

from __future__ import annotations

from benchmarks.stand import Stand
from benchmarks.table import Table
from benchmarks.throughput import serving_pages

# In a process of its own, signed in, with `PAGES_URL` the server of benchmarks/api_memory.py.
PROGRAM = """
import asyncio, gc, os, resource, sys, time
import httpx, requests
from procore_cli import ProcoreAuth, pages

CALLS, PAGES = int(sys.argv[1]), int(sys.argv[2])
auth = ProcoreAuth()
url = auth.api_url + "/rest/v1.0/me"


def per_call(work):
    work(1000)
    began = time.perf_counter()
    work(CALLS)
    return (time.perf_counter() - began) / CALLS * 1e6


def by_requests(count):
    request = requests.Request("GET", url).prepare()
    for _ in range(count):
        request.hooks["response"].clear()
        auth(request)


def by_httpx(count):
    request = httpx.Request("GET", url)
    for _ in range(count):
        flow = auth.sync_auth_flow(request)
        next(flow)
        flow.close()


async def by_async_httpx(count):
    request = httpx.Request("GET", url)
    for _ in range(count):
        flow = auth.async_auth_flow(request)
        await flow.__anext__()
        await flow.aclose()


class Answers(httpx.AsyncBaseTransport):
    calls = 0

    async def handle_async_request(self, request):
        Answers.calls += 1
        await asyncio.sleep(0)
        return httpx.Response(401 if Answers.calls == 500 else 200, request=request)


async def find_lateness(is_ours):
    late, ended = [0.0], asyncio.Event()

    async def watch():
        while not ended.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - began - 0.001)

    Answers.calls = 0 if is_ours else 1000
    options = {"auth": ProcoreAuth()} if is_ours else {"headers": {"Authorization": "Bearer x"}}
    async with httpx.AsyncClient(transport=Answers(), **options) as client:
        watching = asyncio.ensure_future(watch())
        await asyncio.gather(*(client.get(url) for _ in range(20)))
        for _ in range(49):
            await asyncio.gather(*(client.get(url) for _ in range(20)))
        ended.set()
        await watching
    return max(late) * 1000


def loop(session, address):
    count = 0
    while address:
        answer = session.get(address, timeout=60)
        answer.raise_for_status()
        count += len(answer.json())
        following = answer.links.get("next", {}).get("url")
        address = following and requests.compat.urljoin(address, following)
    return count


def rate(work):
    began = time.perf_counter()
    work()
    return PAGES / (time.perf_counter() - began)


print("requests", per_call(by_requests))
print("httpx", per_call(by_httpx))
print("async", per_call(lambda count: asyncio.run(by_async_httpx(count))))
print("late-without", asyncio.run(find_lateness(False)))
print("late", asyncio.run(find_lateness(True)))
gc.collect()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
by_requests(100_000), by_httpx(100_000)
print("growth", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
address = f"{os.environ['PAGES_URL']}/rest/v1.0/pages?page=1&pages={PAGES}"
with requests.Session() as session:
    session.headers["Authorization"] = "Bearer x"
    print("loop", max(rate(lambda: loop(session, address)) for _ in range(3)))
    print("pages", max(rate(lambda: sum(1 for _ in pages(session, address))) for _ in range(3)))
"""


def measure(stand: Stand, calls: int, pages: int) -> Table:
    """The table of the Python API; needs httpx in the stand's environment."""
    with serving_pages(stand) as url:
        there = stand.having(PAGES_URL=url)
        printed = there.call(str(stand.python), "-c", PROGRAM, str(calls), str(pages))
    found = {name: float(value) for name, value in map(str.split, printed.splitlines())}
    return Table(
        f"The Python API, {calls} calls",
        ("what", "here", "goal"),
        [
            ("a call with requests, µs", f"{found['requests']:.1f}", "20"),
            ("a call with httpx, µs", f"{found['httpx']:.1f}", "20"),
            ("a call with httpx, async, µs", f"{found['async']:.1f}", "20"),
            ("an event loop held up at most, 1,000 calls and one refresh, ms", f"{found['late']:.1f}", ""),
            ("the same 1,000 calls with a fixed header, ms", f"{found['late-without']:.1f}", ""),
            ("growth over 200,000 calls, KiB", f"{found['growth']:.0f}", "0"),
            (f"`pages`, {pages} pages, of a bare loop", f"{found['pages'] / found['loop']:.2f}", "0.9"),
        ],
    )
