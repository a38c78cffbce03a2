"""Where things are measured: commands as processes of their own, tenants settled once, the sandbox served on a port."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.many import ENVIRONMENT, write_spec
from tests.support import my_env, served

TOKEN = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a command cost: seconds by the clock and of the processor, memory at its highest, and what it said."""

    code: int
    seconds: float
    cpu: float
    megabytes: float
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Served:
    """A sandbox on a port, and its log of requests."""

    host: str

    @property
    def env(self) -> dict[str, str]:
        """What makes a command talk to it."""
        return {"AUTH0_DOMAIN": self.host, "AUTH0_API_TOKEN": TOKEN}

    def get(self, path: str) -> Any:
        """One request of the Management API, by itself."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with urllib.request.urlopen(
            urllib.request.Request(f"http://{self.host}/api/v2/{path}", headers=headers)
        ) as answer:
            return json.load(answer)

    def requests(self) -> list[dict[str, Any]]:
        """The requests since the last time, each with method, path, status and the moment of its answer."""
        address, headers = f"http://{self.host}/sandbox/requests", {"Authorization": f"Bearer {TOKEN}"}
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            log: list[dict[str, Any]] = json.load(answer)
        urllib.request.urlopen(urllib.request.Request(address, headers=headers, method="DELETE")).close()
        return log


class Lab:
    """A folder for one benchmark. Processes that it starts end with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: object, env: Mapping[str, str] | None = None, program: str = "") -> Run:
        """Runs tokenvault, or a Python `program`, to its end."""
        what = ["-c", program] if program else ["-m", "tokenvault", *map(str, arguments)]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *what],
                cwd=self.folder,
                env=my_env(**ENVIRONMENT, **(env or {})),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.perf_counter() - start
            said = [_text(stream) for stream in (out, err)]
        megabytes = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
        cpu = used.ru_utime + used.ru_stime
        return Run(code=process.returncode, seconds=seconds, cpu=cpu, megabytes=megabytes, out=said[0], err=said[1])

    def well(self, *arguments: object, env: Mapping[str, str] | None = None, program: str = "") -> Run:
        """The same; whatever fails ends the benchmark."""
        run = self.run(*arguments, env=env, program=program)
        if run.code != 0:
            raise SystemExit(f"tokenvault {' '.join(map(str, arguments))} ended with {run.code}:\n{run.err}{run.out}")
        return run

    def spec(self, applications: int, connections: int) -> Path:
        """A spec of this size."""
        return write_spec(self.folder, applications, connections)

    def settled(self, applications: int, connections: int) -> Path:
        """A copy of a tenant that is as the spec of this size asks for."""
        original = self.folder / f"settled-{applications}x{connections}.db"
        if not original.exists():
            spec = self.spec(applications, connections)
            self.well("apply", spec, "-y", f"--sandbox={original}")
        return self.copy(original)

    def copy(self, original: Path) -> Path:
        """A copy of a tenant, to be changed."""
        copy = original.with_name(f"copy-{time.monotonic_ns()}.db")
        shutil.copy(original, copy)
        return copy

    @contextlib.contextmanager
    def serve(self, state: Path, *options: object) -> Iterator[Served]:
        """The tenant in this file on a port, with latency or a rate limit."""
        with served(state, *options) as host:
            yield Served(host)


def _text(stream: Any) -> str:
    stream.seek(0)
    return str(stream.read(), "utf-8", "replace")
