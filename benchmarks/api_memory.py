"""Time and peak memory of `procore-login api` on large answers; run by hand: python benchmarks/api_memory.py

Serves the answers itself on loopback, and runs each command in a process of its own with a home of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import parse_qs, urlsplit

MIB = 1024 * 1024
# Linux counts a parent's memory as its child's too, so the process asks about itself.
PROGRAM = """
import resource, sys
from procore_cli.cli import main as cli
code = cli.run(sys.argv[1:])
try:
    with open("/proc/self/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
except OSError:
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print("peak", kib, file=sys.stderr)
sys.exit(code)
"""
ITEM = b'{"id": 11111, "name": "Joe Contractor", "note": "' + b"x" * 60 + b'"}'
PAGE = b"[" + b", ".join([ITEM] * 100) + b"]"


class Handler(BaseHTTPRequestHandler):
    """`/file?size=BYTES`, `/text?size=BYTES` (a list of one text), `/pages?page=N&pages=M`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Send what the path asks for."""
        parts = urlsplit(self.path)
        numbers = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        if parts.path == "/rest/v1.0/pages":
            self._send_page(numbers["page"], numbers["pages"])
        elif parts.path == "/rest/v1.0/text":
            self._send(b'[{"a": "', b"x", numbers["size"], b'"}]', {})
        else:
            self._send(b"", b"\1", numbers["size"], b"", {})

    def _send_page(self, page: int, pages: int) -> None:
        links = {"Link": f'</rest/v1.0/pages?page={page + 1}&pages={pages}>; rel="next"'}
        self._send(PAGE, b"", 0, b"", links if page < pages else {})

    def _send(self, before: bytes, piece: bytes, count: int, after: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(before) + len(piece) * count + len(after)))
        self.end_headers()
        self.wfile.write(before)
        for start in range(0, count, MIB):
            self.wfile.write(piece * min(MIB, count - start))
        self.wfile.write(after)

    def log_message(self, *_: object) -> None:
        """Say nothing about each request."""


def measure(url: str, home: Path, arguments: list[str]) -> tuple[float, float, int]:
    """Run one command; returns seconds, MiB at its peak, bytes on standard output."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "PROCORE_ACCESS_TOKEN": "benchmark",
        "PROCORE_API_URL": url,
        "PROCORE_LOGIN_URL": url,
        "PROCORE_CLIENT_ID": "benchmark",
        "PROCORE_CLIENT_SECRET": "benchmark",
    }
    started = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, "api", *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        out, err = cast(BinaryIO, running.stdout), cast(BinaryIO, running.stderr)
        printed = 0
        while chunk := out.read(MIB):
            printed += len(chunk)
        said = err.read().decode()
    peak = re.search(r"peak (\d+)", said)
    if running.returncode or peak is None:
        raise SystemExit(f"{arguments} ended with {running.returncode}: {said}")
    return time.monotonic() - started, int(peak[1]) / 1024, printed


def serve() -> None:
    """Serve until somebody ends the process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


def main() -> None:
    """Measure each, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="of the file")
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--serve", action="store_true", help="serve the answers alone, and say where")
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    pages = f"pages?page=1&pages={given.pages}"
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        runs = {
            "nothing to speak of": ["file?size=1"],
            f"{given.megabytes} MB --output": [
                f"file?size={given.megabytes * 1_000_000}",
                "--output",
                f"{folder}/file",
            ],
            f"{given.pages} pages --paginate": [pages, "--paginate"],
            f"{given.pages} pages --jsonl": [pages, "--paginate", "--jsonl"],
            f"{given.pages} pages --slurp": [pages, "--paginate", "--slurp"],
            "2 MB text --jsonl": ["text?size=2000000", "--jsonl"],
            "2 MB text --slurp": ["text?size=2000000", "--paginate", "--slurp"],
        }
        sys.stdout.write(f"{'':28}{'seconds':>9}{'peak MiB':>10}{'MB printed':>12}\n")
        for name, arguments in runs.items():
            took_s, peak_mib, printed = measure(url, Path(folder), arguments)
            sys.stdout.write(f"{name:28}{took_s:9.1f}{peak_mib:10.0f}{printed / 1e6:12.1f}\n")
            sys.stdout.flush()
        server.shutdown()


if __name__ == "__main__":
    main()
