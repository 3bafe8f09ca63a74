"""Requests that no browser of the person's makes while a sign-in waits, and the status that each gets."""

from collections.abc import Iterator

KIB = 1024
HUGE = "x" * 100 * KIB
METHODS = [
    *("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "Get", "GETS", "EVIL", "PRI"),
]
# `@` stands for the request line's target, which is our callback.
LINES = [
    *("GET @", "GET @ HTTP/0.9", "GET @ HTTP/1.10", "GET @ HTTP/11.1", "GET @ HTTP/2", "GET @ HTTP/2.0"),
    *("GET @ http/1.1", "PRI * HTTP/2.0", "GET @ HTTP/1.1 ", "GET  @ HTTP/1.1", " GET @ HTTP/1.1", "evil"),
    *("GET\t@\tHTTP/1.1", "GET @ /evil HTTP/1.1", "GET\0 @ HTTP/1.1", "GET @\0 HTTP/1.1", "GET @ HTTP/1.1\r"),
    "GET @ HTTP/1.1\rHost: evil.example",
]
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2
GARBAGE = [
    TLS_HELLO,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18,
    *(b"\x16", b"\0" * 1000, b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"\xef\xbb\xbfGET / HTTP/1.1\r\n\r\n"),
    *(b"SSH-2.0-OpenSSH_9.2\r\n", b"\x80\x2e\x01\x03\x01"),
]
# Paths that are not the callback's, and, where they do not begin with a slash, are none.
TARGETS = [
    *("//callback", "/./callback", "/callback/", "/callback/.", "/../callback", "/x/../callback"),
    *("/%63allback", "/%2563allback", "/callback;x", "/callback%00", "/callback%20", "/callback%3F"),
    *("/\\callback", "/callback\\", "/..\\callback", "/CALLBACK", "/callback.json", "/etc/passwd"),
    *("//evil.example/callback", "/../../../../etc/passwd", "/home/callback", "/<script>evil</script>"),
    *("//localhost:{port}/callback", "http://localhost:{port}/callback", "http://evil.example/callback"),
    *("https://localhost/callback", "evil.example:443", "localhost:{port}", "*", "callback", "?"),
    *("\\callback", "file:///callback", "/#evil", "/evil\x1b[31m", "/caf\xe9", "/\xa0", "/evil\x85evil"),
]
CONNECTED = ("//callback", "http://localhost:{port}/callback", "evil.example:443", "*", "?")
NO_PATHS = ("/#evil", "/evil\x1b[31m", "/caf\xe9", "/\xa0", "/evil\x85evil")
HEADERS = [
    *("no colon", "Cookie : a=b", ": nameless", " folded: yes", "\tfolded", "A: b\r\n folded", "A: b\0c"),
    *("A: b\rHost: evil.example", "A: b\r\r\nHost: evil.example", "A: b\r", "\xe9: b"),
]
HOSTS = [
    *("127.0.0.2", "localhost.evil.example", "evil.localhost", "127.0.0.1.nip.io", "localhost.", "0.0.0.0"),
    *("[::]", "::1", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "2130706433", "127.1"),
]
HOST_BLOCKS = [
    *("", "Host:\r\n", "Host: localhost\r\n", "Host: localhost:1\r\n", "Host: evil.example\r\n"),
    *("Host: evil@{own}\r\n", "Host: {own}, {own}\r\n", "Host: {own}, evil.example\r\n", "Host : {own}\r\n"),
    *("Host: {own}\r\nHost: {own}\r\n", "Host: {own}\r\nHost: evil.example\r\n"),
    *("host: evil.example\r\nHost: {own}\r\n", "Host: evil.example\r\nX-Forwarded-Host: {own}\r\n"),
    "Host: loc\xe0lhost:{port}\r\n",
]
# `@` stands for the state of the sign-in that waits.
QUERIES = [
    *("code=evil", "code", "state=@", "code=evil&state=wrong", "code=evil&state=", "code=&state=@"),
    *("code&state=@", "utm=1", "&", "%", "code=c\xf6de&state=@", "code=evil&state=\xe9", "\xff"),
    *("code=evil&state=@x", "code=evil&state=%20@", "code=evil&state=@%00", "code=evil&state=%EF%BB%BF@"),
    *("code=evil&state=@&state=@", "code=evil&state=@&state=wrong", "code=evil&state=wrong&state=@"),
    *("code=evil&code=evil&state=@", "code=evil&code=&state=@", "code=evil&State=@", "code=evil;state=@"),
    *("code=evil&amp;state=@", "code=evil%26state=@", "code=evil&state[]=@", "code=evil&state=%D9%A0%D9%A1"),
    *("code=evil&state=%C3%A9%F0%9F%92%A9%FF", f"code=evil&state={'x' * 60 * KIB}"),
    f"code=evil&{'a&' * 10_000}state=wrong",
]
STRAY_ERRORS = [
    *("error=access_denied", "error=access_denied&state=wrong", "error=", "error=&state=@"),
    *("error=%1B%5B31m%5Bred%5D%3Cscript%3Eevil(1)%3C/script%3E&state=wrong", "error=a&error=b&state=@"),
    *("error=access_denied&code=evil&state=@", "error=access_denied&state=@&state=@"),
    "error=%F0%9F%92%A9%E2%80%AE&error_description=%0D%0Aevil",
]


def odd_requests(port: int, state: str) -> Iterator[tuple[bytes, int]]:
    """Each request, and the status of its answer."""
    own = f"localhost:{port}"
    target = f"/callback?code=evil&state={state}"

    def raw(line: str, *headers: str, body: bytes = b"") -> bytes:
        return "\r\n".join([line, f"Host: {own}", *headers, "", ""]).encode("latin-1") + body

    def get(target: str, *headers: str, body: bytes = b"") -> bytes:
        return raw(f"GET {target} HTTP/1.1", *headers, body=body)

    yield from ((each, 400) for each in GARBAGE)
    yield from ((raw(line.replace("@", target)), 400) for line in LINES)
    yield from ((raw(f"{method} {target} HTTP/1.1"), 405) for method in METHODS)
    for each in TARGETS:
        other = each.format(port=port) + target.removeprefix("/callback")
        yield get(other), 400 if each in NO_PATHS or not each.startswith("/") else 404
        if each in CONNECTED:
            yield raw(f"CONNECT {other} HTTP/1.1"), 405
    yield from ((get(target, header), 400) for header in HEADERS)
    for block in (*HOST_BLOCKS, *(f"Host: {host}:{{port}}\r\n" for host in HOSTS)):
        headers = block.format(own=own, port=port)
        yield f"GET {target} HTTP/1.1\r\n{headers}\r\n".encode("latin-1"), 400
    yield from ((get(f"/callback?{query.replace('@', state)}"), 400) for query in QUERIES)
    yield from ((get(f"/callback?code=evil&state={each}"), 400) for each in (state[:-1], state.swapcase()))
    for flood in (["A: b"] * 20_000, [f"Cookie: {'x' * 20 * KIB}"] * 4, [f"Cookie: {HUGE}"], [f"{HUGE}: y"]):
        yield get("/", *flood), 431
    for long in (f"{target}{HUGE}", f"/callback?code={HUGE}&state={state}", f"/{HUGE}?{target}"):
        yield get(long), 414
    form = f"code=evil&state={state}".encode()
    for headers, body in (
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(form), form)),
        (f"Content-Length: {len(form)}", form),
        (f"Content-Length: {2 * KIB * KIB}", b"x" * 2 * KIB * KIB),
        ("Content-Length: 99999999999999999999", b""),
    ):
        yield raw("POST /callback HTTP/1.1", headers, body=body), 405
        yield get("/callback?state=wrong", headers, body=body), 400
