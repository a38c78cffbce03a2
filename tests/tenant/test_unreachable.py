"""A tenant that cannot be reached is told with its cause, over real sockets; and a domain that is none is answered."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import ROOT, Result, cli, process, served
from tests.tls import write_certificate

QUICKSTART = ROOT / "examples" / "quickstart.yaml"
Serve = Callable[[socket.socket], None]


def plan(domain: str, **env: str) -> Result:
    """A plan with a token, on that domain; what proxies the surroundings have is left out."""
    clean = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"), "")
    token = {"AUTH0_DOMAIN": domain, "AUTH0_API_TOKEN": "canary-token", "TOKENVAULT_TIMEOUT": "2", "NO_COLOR": "1"}
    run = process if domain.startswith("https://") else cli  # asyncio leaves what did not shake hands to the gc
    return run("plan", QUICKSTART, "--max-wait", "1", env={**clean, **token, **env})


def told(result: Result, code: str, *words: str) -> None:
    """The command failed with this code and these words, and without the token."""
    said = " ".join(result.err.split())
    assert result.code == 1 and f"[{code}]" in said, result.err
    assert [word for word in words if word not in said] == [], result.err
    assert "canary-token" not in result.err and "unexpectedly" not in result.err


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """A server that hands each connection to `serve`; its port."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    over = threading.Event()

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                threading.Thread(target=_served, args=(serve, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        over.set()
        thread.join(5)
        server.close()


def _served(serve: Serve, connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        serve(connection)


def tls_alone(certificate: Path, key: Path) -> Serve:
    """Speaks TLS, and ends what does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b"HTTP/1.1 401 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

    return serve


def says_https(connection: socket.socket) -> None:
    """Answers plain HTTP as Go and nginx do on a port of TLS."""
    connection.recv(65536)
    text = b"Client sent an HTTP request to an HTTPS server.\n"
    connection.sendall(b"HTTP/1.0 400 Bad Request\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))


def test_a_port_at_which_nobody_listens_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told(plan(f"127.0.0.1:{port}"), "api-unreachable", f"127.0.0.1:{port} cannot be reached: it refuses connections")


def test_a_name_that_nobody_knows_is_told_as_such() -> None:
    result = plan("acme.us.auth0.invalid")
    told(result, "api-unreachable")
    assert (
        "There is no host named acme.us.auth0.invalid" in result.err
        or "The address of acme.us.auth0.invalid cannot be looked up" in result.err
    )


def test_a_connection_that_does_not_come_about_in_time_is_told_as_such() -> None:
    with socket.socket() as deaf, contextlib.ExitStack() as stack:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # those who wait in front of it leave no room for another
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        time.sleep(0.1)
        started = time.monotonic()
        result = plan(f"127.0.0.1:{deaf.getsockname()[1]}", TOKENVAULT_TIMEOUT="1")
    told(result, "api-unreachable", "no connection came about in time")
    assert time.monotonic() - started < 12


@pytest.mark.parametrize(
    ("host", "days", "trusted", "reason"),
    [
        ("localhost", 1, False, "self-signed certificate"),
        ("localhost", -1, True, "certificate has expired"),
        ("other.example", 1, True, "Hostname mismatch"),
    ],
)
def test_a_certificate_that_cannot_be_trusted_is_told_with_the_reason(
    tmp_path: Path, host: str, days: int, trusted: bool, reason: str
) -> None:
    certificate, key = write_certificate(tmp_path, host, days)
    env = {"SSL_CERT_FILE": str(certificate)} if trusted else {}
    with listening(tls_alone(certificate, key)) as port:
        result = plan(f"https://localhost:{port}", **env)
    told(result, "api-tls", f"The certificate of localhost:{port} cannot be trusted:", reason)


def test_tls_to_a_server_that_speaks_none_is_told_at_once(tmp_path: Path) -> None:
    with served(tmp_path / "t.db") as host:
        started = time.monotonic()
        result = plan(f"https://{host}")
    told(result, "api-tls", f"{host} does not speak TLS", f"AUTH0_DOMAIN={host}")
    assert time.monotonic() - started < 5


def test_plain_http_to_a_server_that_says_that_it_speaks_tls() -> None:
    with listening(says_https) as port:
        started = time.monotonic()
        result = plan(f"localhost:{port}")
    told(result, "api-tls", f"localhost:{port} speaks TLS alone", f"AUTH0_DOMAIN=https://localhost:{port}")
    assert time.monotonic() - started < 2


def test_plain_http_to_a_server_that_ends_the_connection_names_the_likely_cause(tmp_path: Path) -> None:
    with listening(tls_alone(*write_certificate(tmp_path, "localhost"))) as port:
        result = plan(f"localhost:{port}")
    assert result.code == 1 and f"AUTH0_DOMAIN=https://localhost:{port}" in result.err, result.err


def test_https_to_this_machine_is_spoken_where_it_is_asked_for_and_past_every_proxy(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, "localhost")
    with listening(tls_alone(certificate, key)) as port:
        proxy = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
        result = plan(f"https://localhost:{port}", SSL_CERT_FILE=str(certificate), **proxy)
    told(result, "auth-refused", f"localhost:{port} refused the credentials")


def test_a_proxy_that_does_not_answer_is_named_in_place_of_the_tenant() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    proxy = f"http://user:canary-token@127.0.0.1:{port}"
    told(
        plan("acme.us.auth0.com", HTTPS_PROXY=proxy, https_proxy=proxy),
        "api-unreachable",
        f"The proxy 127.0.0.1:{port} (for acme.us.auth0.com) cannot be reached: it refuses connections",
    )


def test_a_proxy_that_refuses_is_told_as_such() -> None:
    def forbid(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

    with listening(forbid) as port:
        proxy = f"http://127.0.0.1:{port}"
        result = plan("acme.us.auth0.com", HTTPS_PROXY=proxy, https_proxy=proxy)
    told(
        result, "api-unreachable", f"The proxy 127.0.0.1:{port} (for acme.us.auth0.com) does not connect: 403 Forbidden"
    )


@pytest.mark.parametrize("domain", ["acme", "https://acme/", "ACME"])
def test_a_name_in_place_of_a_domain_is_answered_with_what_one_looks_like(domain: str) -> None:
    name = domain.removeprefix("https://").rstrip("/")
    told(plan(domain), "auth-tenant", f"{name}.us.auth0.com, {name}.eu.auth0.com")


@pytest.mark.parametrize(
    "domain",
    ["http://acme.us.auth0.com", "acme.us.auth0.com/api/v2", "acme corp.us.auth0.com", "me@acme.us.auth0.com", "acme..com",
     "acme.us.auth0.com:0", "acme.us.auth0.com:65536", "acme.us.auth0.com:x", "acme.us.auth0.com?x", "ächme.us.auth0.com",
     "[::2]", ":3000", "\x1b[31macme.com"],
)  # fmt: skip
def test_what_is_no_domain_is_refused_before_any_request(domain: str) -> None:
    result = plan(domain)
    told(result, "auth-tenant", "acme.us.auth0.com")
    assert "\x1b" not in result.err


def not_auth0(connection: socket.socket) -> None:
    """A web server of something else."""
    connection.recv(4096)
    body = b"<h1>Not Found</h1>"
    head = (
        f"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    connection.sendall(head.encode() + body)


def test_what_is_not_auth0_is_told_as_that_and_not_as_something_deleted() -> None:
    with listening(not_auth0) as port:
        result = plan(f"localhost:{port}")
    told(result, "api-bad-answer", "What answered 404 to GET", "is not Auth0", "Check the domain")
