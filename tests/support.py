"""How tests use tokenvault: as its users do, through the command line, the sandbox's state and real sockets."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tokenvault.sandbox import open_sandbox

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
EXAMPLE_VARIABLES = {
    name: value
    for provider in ("LINEAR", "LOGIN", "FILES")
    for name, value in {
        f"{provider}_CLIENT_ID": f"{provider.lower()}-client",
        f"{provider}_CLIENT_SECRET": f"canary-{provider.lower()}-secret",
    }.items()
}
TOKEN_VAULT_GRANT = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
CONNECTED_ACCOUNTS = {"create:me:connected_accounts", "read:me:connected_accounts", "delete:me:connected_accounts"}


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def cli(*arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
    """Runs a command in this process, without a terminal."""
    from tokenvault.cli.app import run

    out, err = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(contextlib.chdir(cwd or Path.cwd()))
        stack.enter_context(_variables(env or {}))
        stack.enter_context(_stdin(stdin))
        code = run([str(argument) for argument in arguments])
    return Result(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _stdin(text: str) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


def process(*arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Runs a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tokenvault", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def served(state: Path, *options: object) -> Iterator[str]:
    """The sandbox in another process, on a free port; its `host:port`."""
    command = [sys.executable, "-m", "tokenvault", "sandbox", "serve", "--port", "0", "--state", state, *options]
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().rsplit("//", 1)[-1].strip()
        finally:
            server.terminate()
            server.stdout.close()
            server.wait(10)


Objects = dict[str, dict[str, Any]]


def tenant(state: Path) -> dict[str, Objects]:
    """Everything that the sandbox holds, by collection and id."""
    sandbox = open_sandbox(state)
    try:
        objects: dict[str, Objects] = sandbox.export_state()["objects"]
        return objects
    finally:
        sandbox.close()


def by_name(objects: Objects, name: str) -> dict[str, Any]:
    """The one object of this name."""
    found = [item for item in objects.values() if item.get("name") == name]
    assert len(found) == 1, f"{len(found)} objects are named {name}"
    return found[0]


def requests_of(result: Result, *methods: str) -> list[str]:
    """The requests that a `--debug` run shows, of these methods (default: all)."""
    lines = [line for line in result.err.splitlines() if " /api/v2/" in line]
    return [line for line in lines if not methods or line.split()[0] in methods]


WRITES = ("POST", "PATCH", "PUT", "DELETE")


def write_spec(folder: Path, spec: Any, name: str = "spec.yaml") -> Path:
    """A spec file, from data or text, with a worker's public key beside it."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    for key in (ROOT / "examples" / "keys").glob("*.pem"):
        (folder / "keys" / key.name).write_bytes(key.read_bytes())
    path = folder / name
    path.write_text(spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False))
    return path


def my_env(**more: str) -> dict[str, str]:
    """This process's environment without what would change how tokenvault behaves."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AUTH0_", "TOKENVAULT_", "PYTHONPATH"))}
    return {**kept, **more}
