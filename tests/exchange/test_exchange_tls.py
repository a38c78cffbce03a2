"""An exchange over https: through a proxy, as in a company, and only with a certificate that can be trusted."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.support import cli
from tests.tls import write_certificate
from tests.world import ASSISTANT, World
from tokenvault.sandbox import open_sandbox

HOST, GOOGLE, USER = "acme.test", "google-oauth2", "auth0|alice"


class Proxy(socketserver.StreamRequestHandler):
    """Answers CONNECT by connecting to the one server behind it, whatever the name."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.server.behind)) as behind:  # type: ignore[attr-defined]
            pair = {self.connection: behind, behind: self.connection}
            while True:
                for ready in select.select(list(pair), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[ready].sendall(data)


@contextmanager
def serving(state: Path, certificate: Path, key: Path) -> Iterator[int]:
    """The sandbox as HOST under TLS; its port."""
    sandbox = open_sandbox(state, domain=HOST)
    config = uvicorn.Config(
        sandbox.app, port=0, log_level="error", lifespan="off", ssl_certfile=str(certificate), ssl_keyfile=str(key)
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        sandbox.close()


@contextmanager
def proxied(behind: int) -> Iterator[str]:
    """A proxy in front of that port; its URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.daemon_threads = True
        proxy.behind = behind  # type: ignore[attr-defined]
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()


def test_an_exchange_over_https_trusts_only_what_it_is_told_to(world: World, tmp_path: Path) -> None:
    client_id = world.client(ASSISTANT)["client_id"]
    world.sandbox.connect(USER, GOOGLE, client_id=client_id)
    env = {
        "AUTH0_DOMAIN": HOST,
        "AUTH0_SUBJECT_TOKEN": world.sandbox.issue_refresh_token(USER, client_id),
        "ASSISTANT_CLIENT_ID": client_id,
        "ASSISTANT_CLIENT_SECRET": world.secret(ASSISTANT),
        "PROVIDER_SECRET": "x",
        "NO_PROXY": "",
    }
    world.close()
    certificate, key = write_certificate(tmp_path, HOST)
    arguments = ("exchange", ASSISTANT, GOOGLE, "--spec", "spec.yaml")
    with serving(world.folder / "tenant.db", certificate, key) as port, proxied(port) as proxy:
        env["HTTPS_PROXY"] = proxy
        distrusted = cli(*arguments, cwd=world.folder, env=env)
        assert distrusted.code == 1 and "cannot be trusted" in distrusted.err
        trusted = cli(*arguments, cwd=world.folder, env={**env, "SSL_CERT_FILE": str(certificate)})
        assert trusted.code == 0, trusted.err
