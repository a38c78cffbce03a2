"""A tenant that answers without end: a proxy in front of a sandbox that misbehaves at one path, byte by byte."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, urlsplit

Send = Callable[[bytes], None]
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Asked:
    """One request, the how manieth at this path. `page` is what the sandbox answers to it, `first` to the first."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    nth: int
    page: bytes
    first: bytes

    @property
    def cursor(self) -> str | None:
        """The checkpoint that the request goes on from."""
        return next(iter(self.query.get("from", ())), None)


Behaviour = Callable[[Asked, Send], None]
Edit = Callable[[str, bytes], bytes]


@dataclass
class HostileTenant:
    """Where it listens, and how it misbehaves at which path. `edit` changes what the sandbox answers elsewhere: path, body."""

    domain: str
    behave: Behaviour | None = None
    edit: Edit | None = None
    path: str = ""
    method: str = "GET"
    seen: dict[str, int] = field(default_factory=dict)
    sound: dict[str, bytes] = field(default_factory=dict)

    def misbehave(self, path: str, behave: Behaviour, method: str = "GET") -> None:
        """From now on, at this path (a glob)."""
        self.path, self.behave, self.method = path, behave, method
        self.seen.clear()

    def be_good(self) -> None:
        """From now on the sandbox answers everything, as it is."""
        self.behave = self.edit = None


@contextlib.contextmanager
def hostile(sandbox: str) -> Iterator[HostileTenant]:
    """The proxy in front of the sandbox at `host:port`, on a free port."""
    tenant = HostileTenant("")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _answer(self.request, sandbox, tenant)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        tenant.domain = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield tenant
        finally:
            server.shutdown()


def _answer(sock: socket.socket, sandbox: str, tenant: HostileTenant) -> None:
    head, body = _request(sock)
    if not head:
        return
    method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    parts = urlsplit(target)
    behave = tenant.behave
    hit = behave and method == tenant.method and fnmatchcase(parts.path, f"/api/v2/{tenant.path}")
    if parts.path == f"/{tenant.path}":
        hit = bool(behave)
    sound = _from_sandbox(sandbox, tenant.domain, method, target, headers, body)
    if hit and behave:
        nth = tenant.seen[parts.path] = tenant.seen.get(parts.path, 0) + 1
        if sound[0] == 200 and nth == 1:
            tenant.sound[parts.path] = sound[2]
        page = sound[2] if sound[0] < 300 else tenant.sound.get(parts.path, sound[2])  # it knows no invented cursor
        first = tenant.sound.get(parts.path, page)
        behave(Asked(method, parts.path, parse_qs(parts.query), nth, page, first), sock.sendall)
    else:
        status, told, content = sound
        changed = tenant.edit(parts.path, content) if tenant.edit and content and status < 300 else content
        sock.sendall(_response(status, told, changed))


def _request(sock: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(CHUNK)
        if not more:
            return "", b""
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    text = head.decode("latin-1")
    length = next(
        (int(line.split(":")[1]) for line in text.split("\r\n") if line.lower().startswith("content-length")), 0
    )
    while len(body) < length:
        body += sock.recv(CHUNK)
    return text, body


def _from_sandbox(
    host: str, domain: str, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(host, timeout=20)
    kept = {k: v for k, v in headers.items() if k.lower() in ("authorization", "content-type")}
    kept["Host"] = domain  # a sandbox is the tenant that it is called
    try:
        connection.request(method, target, body=body or None, headers=kept)
        answer = connection.getresponse()
        content = answer.read()
        told = {k: v for k, v in answer.getheaders() if k.lower().startswith(("content-type", "x-rate", "retry"))}
        return answer.status, told, content
    finally:
        connection.close()


def _response(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items())]
    lines += [f"content-length: {len(body)}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + (b"" if status == 204 else body)


def answer(send: Send, body: Any, status: int = 200, **headers: str) -> None:
    """A whole answer of JSON, or of these bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    send(_response(status, told, content))


# ---- lists without end


def _items(asked: Asked) -> tuple[str, list[Any]]:
    page = json.loads(asked.first)
    if isinstance(page, list):
        return asked.path.split("/")[-1].replace("-", "_"), page
    return next((k, v) for k, v in page.items() if isinstance(v, list))


def cyclic(asked: Asked, send: Send) -> None:
    """Cursors A, B, A, B, each with a page of the list."""
    key, items = _items(asked)
    answer(send, {key: items, "next": {None: "A", "A": "B"}.get(asked.cursor, "A")})


def cyclic_and_empty(asked: Asked, send: Send) -> None:
    """Cursors A, B, A, B with nothing on their pages."""
    answer(send, {_items(asked)[0]: [], "next": {None: "A", "A": "B"}.get(asked.cursor, "A")})


def new_cursors_empty_pages(asked: Asked, send: Send) -> None:
    """A new cursor each time, and never an item."""
    answer(send, {_items(asked)[0]: [], "next": f"cursor-{asked.nth}"})


def new_cursors_same_items(asked: Asked, send: Send) -> None:
    """A new cursor each time, and always the same items."""
    key, items = _items(asked)
    answer(send, {key: items, "next": f"cursor-{asked.nth}"})


def new_cursors_new_items(asked: Asked, send: Send) -> None:
    """A new cursor each time, and each time items that nobody has seen, each a large one."""
    key, items = _items(asked)
    name = "client_id" if key == "clients" else "id"
    fresh = [
        {**item, name: f"made-{asked.nth}-{n}", "description": "x" * 80_000}
        for n, item in enumerate((items * 100)[:100])
    ]
    answer(send, {key: fresh, "next": f"cursor-{asked.nth}"})


def new_items_of_many_small(asked: Asked, send: Send) -> None:
    """A new cursor each time, and one new item each time, with four million empty lists in it."""
    _new_item_of_small(asked, send, 4_000_000)


def new_items_of_small(asked: Asked, send: Send) -> None:
    """The same with as many as one answer may have."""
    _new_item_of_small(asked, send, 400_000)


def _new_item_of_small(asked: Asked, send: Send, count: int) -> None:
    key, items = _items(asked)
    item = json.dumps({**(items or [{}])[0], "client_id" if key == "clients" else "id": f"made-{asked.nth}"})
    many = b"[" + b"[]," * count + b"[]]"
    page = b'{"%s": [%s, "more": %s}], "next": "cursor-%d"}'
    answer(send, page % (key.encode(), item[:-1].encode(), many, asked.nth))


def long_cursors(asked: Asked, send: Send) -> None:
    """A cursor of a megabyte."""
    answer(send, {_items(asked)[0]: [], "next": f"{asked.nth}" * 1_000_000})


def total_without_end(asked: Asked, send: Send) -> None:
    """A total of 10^30, and the same page whatever is asked for."""
    key, items = _items(asked)
    answer(send, {key: items, "start": 0, "limit": 100, "total": 10**30, "next": f"cursor-{asked.nth}"})


def total_null(asked: Asked, send: Send) -> None:
    """No total, and the same page whatever is asked for."""
    key, items = _items(asked)
    answer(send, {key: items, "total": None})


def bare_list(asked: Asked, send: Send) -> None:
    """An empty array in place of a page."""
    answer(send, [])


# ---- bytes without end


def endless_body(asked: Asked, send: Send) -> None:
    """Three gigabytes of JSON."""
    send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3221225472\r\n\r\n[")
    for _ in range(3221225472 // CHUNK):
        send(b" " * CHUNK)


def endless_chunks(asked: Asked, send: Send) -> None:
    """Chunks without a last one."""
    send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        send(b"%x\r\n%s\r\n" % (CHUNK, b'"' * CHUNK))


def _bomb(asked: Asked, send: Send, encoding: str, content: bytes) -> None:
    answer(send, content, content_encoding=encoding)


def _gigabyte() -> bytes:
    """A gigabyte of spaces as a megabyte of gzip: one packed megabyte, a thousand times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    megabyte = packer.compress(b" " * 1024 * 1024) + packer.flush(zlib.Z_FULL_FLUSH)
    return bytes.fromhex("1f8b08000000000000ff") + megabyte * 1024 + packer.flush() + bytes(8)


def gzip_bomb(asked: Asked, send: Send) -> None:
    """A megabyte of gzip that is a gigabyte of JSON."""
    _bomb(asked, send, "gzip", _gigabyte())


def gzip_of_gzip(asked: Asked, send: Send) -> None:
    """The same, packed once more."""
    _bomb(asked, send, "gzip, gzip", gzip.compress(_gigabyte()))


def unknown_encoding(asked: Asked, send: Send) -> None:
    """A body in an encoding that nobody asked for."""
    _bomb(asked, send, "br", b"\x8b\x00\x80\x03" * 100)


def broken_gzip(asked: Asked, send: Send) -> None:
    """Gzip that is cut off."""
    _bomb(asked, send, "gzip", gzip.compress(asked.page)[:-12])


def many_small(asked: Asked, send: Send) -> None:
    """Five million empty lists: few bytes, much memory."""
    answer(send, b"[" + b"[]," * 5_000_000 + b"[]]")


def deep(asked: Asked, send: Send) -> None:
    """A list in a list in a list, a million deep."""
    answer(send, b"[" * 1_000_000 + b"]" * 1_000_000)


def huge_number(asked: Asked, send: Send) -> None:
    """A number of a million digits."""
    key = _items(asked)[0]
    answer(send, b'{"total": ' + b"9" * 1_000_000 + b', "' + key.encode() + b'": []}')


# ---- time without end


def drip(asked: Asked, send: Send) -> None:
    """A body, a byte every half second."""
    send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        send(b" ")
        time.sleep(0.5)


def drip_of_headers(asked: Asked, send: Send) -> None:
    """Headers, a byte every half second."""
    send(b"HTTP/1.1 200 OK\r\n")
    while True:
        send(b"x: y\r\n")
        time.sleep(0.5)


def early_answers(asked: Asked, send: Send) -> None:
    """`100 Continue`, again and again."""
    while True:
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


def silence(asked: Asked, send: Send) -> None:
    """Nothing."""
    time.sleep(60)


def huge_headers(asked: Asked, send: Send) -> None:
    """Headers of a gigabyte."""
    send(b"HTTP/1.1 200 OK\r\n")
    for _ in range(16 * 1024):
        send(b"x: " + b"y" * CHUNK + b"\r\n")


# ---- waits without end


def _refused(value: str, status: int = 429) -> Behaviour:
    def behave(asked: Asked, send: Send) -> None:
        answer(send, {"statusCode": status, "message": "wait"}, status, retry_after=value)

    behave.__doc__ = f"{status}, with Retry-After: {value[:40]}"
    return behave


def reset_in_milliseconds(asked: Asked, send: Send) -> None:
    """429 with a reset in the wrong unit."""
    reset = str(int(time.time() * 1000))
    answer(send, {}, 429, x_ratelimit_limit="10", x_ratelimit_remaining="0", x_ratelimit_reset=reset)


def absurd_limits(asked: Asked, send: Send) -> None:
    """Numbers that are none of a limit, on every answer."""
    numbers = {"x_ratelimit_limit": "-7", "x_ratelimit_remaining": "-1e308", "x_ratelimit_reset": "-1"}
    answer(send, asked.page, **numbers)


def moved(asked: Asked, send: Send) -> None:
    """A redirect to itself."""
    answer(send, {}, 307, location=asked.path)


RETRY_AFTER = ("1", "0", "-1", "1e9", "nan", "inf", "soon", "9" * 400, "", "Fri, 31 Dec 9999 23:59:59 GMT",
               formatdate(1, usegmt=True), "Wed, 99 Foo 2026", "1, 2")  # fmt: skip
UNBOUNDED: dict[str, Behaviour] = {
    **{
        behave.__name__: behave
        for behave in (
            cyclic, cyclic_and_empty, new_cursors_empty_pages, new_cursors_same_items, new_cursors_new_items, long_cursors,
            new_items_of_many_small, new_items_of_small,
            total_without_end, total_null, bare_list, endless_body, endless_chunks, gzip_bomb, gzip_of_gzip,
            unknown_encoding, broken_gzip, many_small, deep, huge_number, drip, drip_of_headers, early_answers, silence,
            huge_headers, reset_in_milliseconds, absurd_limits, moved,
        )
    },
    **{f"retry_after {value[:30]!r}": _refused(value) for value in RETRY_AFTER},
    **{f"503 retry_after {value[:30]!r}": _refused(value, 503) for value in RETRY_AFTER[:4]},
}  # fmt: skip
