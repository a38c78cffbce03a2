"""What a fleet costs and bears, in figures: `python -m tests.bench.fleet [ROW …]`. The tenants are another process's."""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import yaml

from tests.fleet.conftest import BASE
from tests.fleet.lab import tenants
from tests.support import my_env
from tokenvault.sandbox import open_sandbox

WRITES = ("POST", "PATCH", "PUT", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a command cost and said."""

    code: int
    seconds: float
    cpu: float
    megabytes: float
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Fleet:
    """Tenants in another process, and a fleet file for them."""

    folder: Path
    pipe: Connection
    hosts: list[str]
    env: dict[str, str] = field(default_factory=dict)
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, *question: Any) -> Any:
        """A question to the tenants' process."""
        self.pipe.send(question)
        return self.pipe.recv()

    def write(self, names: list[str] | None = None) -> None:
        """The fleet file, of these members or of all."""
        chosen = {name: self.members[name] for name in names or self.members}
        data = {"version": 1, "fleet": "bench", "defaults": {"spec": ["spec.yaml"]}, "tenants": chosen}
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(data, sort_keys=False))

    def start(self, *arguments: object, **env: str) -> subprocess.Popen[str]:
        """A command of the fleet, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "tokenvault", "fleet", *map(str, arguments)],
            cwd=self.folder,
            env=my_env(**self.env, **env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, **env: str) -> Run:
        """A command of the fleet, to its end."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "tokenvault", "fleet", *map(str, arguments)],
                cwd=self.folder,
                env=my_env(**self.env, **env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.perf_counter() - start
            out.seek(0)
            err.seek(0)
            return Run(
                code=process.returncode,
                seconds=seconds,
                cpu=used.ru_utime + used.ru_stime,
                megabytes=used.ru_maxrss / 1024,
                out=out.read().decode(),
                err=err.read().decode(),
            )


@contextlib.contextmanager
def fleet(count: int, *, delay: float = 0.0, spec: str | None = None) -> Iterator[Fleet]:
    """So many tenants, with a member each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "spec.yaml").write_text(spec or BASE)
        (folder / "state").mkdir()
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(theirs, folder / "state", count, delay)
        )
        process.start()
        found = Fleet(folder, ours, ours.recv())
        for number, host in enumerate(found.hosts):
            found.members[f"t{number}"] = {"domain": host, "credentials": {"prefix": f"T{number}_"}}
            found.env[f"T{number}_AUTH0_API_TOKEN"] = f"token-of-tenant-{number}"
        found.write()
        try:
            yield found
        finally:
            ours.send(("end",))
            process.join()


def _serve(pipe: Connection, folder: Path, count: int, delay: float) -> None:
    with tenants(folder, count, delay=delay) as lots:
        pipe.send([lot.host for lot in lots])
        while True:
            match pipe.recv():
                case ("end",):
                    return
                case ("set", number, name, value):
                    setattr(lots[number], name, value)
                    pipe.send(None)
                case ("limit", number, text):
                    lots[number].limit(text)
                    pipe.send(None)
                case ("report",):
                    pipe.send([(list(lot.asked), list(lot.strangers)) for lot in lots])
                    for lot in lots:
                        lot.asked.clear()
                        lot.strangers.clear()
                case ("names",):
                    pipe.send([_names(lot.state) for lot in lots])


def _names(state: Path) -> list[str]:
    sandbox = open_sandbox(state)
    try:
        return sorted(str(client["name"]) for client in sandbox.export_state()["objects"]["clients"].values())
    finally:
        sandbox.close()


def cost() -> None:
    """100 and 200 members at 100 ms an answer, against one alone."""
    with fleet(200, delay=0.1) as made:
        alone = min((made.run("plan", "--only", "t0") for _ in range(3)), key=lambda run: run.seconds)
        made.ask("report")
        made.run("plan", "--only", "t0")
        each = sum(len(asked) for asked, _ in made.ask("report"))
        size = f"{alone.cpu:.2f} s of the processor, {alone.megabytes:.0f} MB"
        print(f"  one alone: {alone.seconds:.2f} s, {size}, {each} requests")
        for count, times in ((100, 1.5), (200, 2.5)):
            made.write([f"t{n}" for n in range(count)])
            run = made.run("plan", "--parallel", count)
            asked = sum(len(asked) for asked, _ in made.ask("report"))
            more = run.cpu - alone.cpu
            bound = times * alone.seconds + more
            print(
                f"  {count}: {run.seconds:.2f} s (bound {times} x {alone.seconds:.2f} + {more:.2f} = {bound:.2f}), "
                f"{1000 * more / count:.0f} ms and {(run.megabytes - alone.megabytes) / count:.2f} MB a member, "
                f"{asked} requests ({count} x {each} = {count * each}), code {run.code}"
            )


def failures() -> None:
    """Of 20 members one dead, one refused, one with an invalid spec, one hanging."""
    with fleet(20, delay=0.1) as made:
        others = [f"t{n}" for n in range(4, 20)]
        made.write(others)
        alone = made.run("plan", "--json")
        made.members["t0"]["domain"] = "127.0.0.1:1"
        made.ask("set", 1, "refuse", True)
        made.members["t2"]["spec"] = ["wrong.yaml"]
        (made.folder / "wrong.yaml").write_text(BASE.replace("type:", "typ:"))
        made.ask("set", 3, "hang", True)
        made.write()
        run = made.run("plan", "--json", TOKENVAULT_TIMEOUT="5")
        told = run.json["members"]
        slowest = max(told[name]["seconds"] for name in others)
        before = max(member["seconds"] for member in alone.json["members"].values())
        codes = {name: told[name]["error"]["code"] for name in ("t0", "t1", "t2", "t3")}
        print(
            f"  the others: {slowest:.2f} s beside {before:.2f} s without them; the whole {run.seconds:.1f} s; {codes}"
        )
        made.members["t0"]["domain"] = made.hosts[0]
        made.members["t2"]["spec"] = ["spec.yaml"]
        made.ask("set", 1, "refuse", False)
        made.ask("set", 3, "hang", False)
        made.write()
        again = made.run("plan", "--json", "--failed")
        print(f"  --failed: code {again.code}, {sorted(again.json['members'])}")


def limit() -> None:
    """Two members on one domain at 2 requests a second."""
    with fleet(1) as made:
        made.ask("limit", 0, "2")
        made.ask("set", 0, "tokens", ["one", "two"])
        host = made.hosts[0]
        made.members = {n: {"domain": host, "credentials": {"prefix": f"{n.upper()}_"}} for n in ("one", "two")}
        made.env = {"ONE_AUTH0_API_TOKEN": "one", "TWO_AUTH0_API_TOKEN": "two"}
        made.write()
        run = made.run("plan")
        ((asked, _),) = made.ask("report")
        refused = sum(status == 429 for _, _, status in asked)
        print(f"  code {run.code}: {len(asked)} requests in {run.seconds:.1f} s, {refused} refused with 429")


def interrupts() -> None:
    """Ctrl-C in wave 1; killed at 20 points; run again."""
    with fleet(6, delay=0.05) as made:
        for number in range(6):
            made.members[f"t{number}"]["wave"] = 1 + number // 3
        made.write()
        clean = made.ask("names")
        process = made.start("apply", "-y", "--json")
        _until(made, 1, process, WRITES)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
        outcomes = [member["outcome"] for member in json.loads(out)["members"].values()]
        later = sum(method in WRITES for asked, _ in made.ask("report")[3:] for method, _, _ in asked)
        print(f"  Ctrl-C in wave 1: code {process.returncode}, {outcomes}, {later} writes in wave 2")
        for point in range(20):
            process = made.start("apply", "-y")
            _until(made, 1 + 2 * point, process, (*WRITES, "GET"))
            process.kill()
            process.communicate()
            if point % 5 == 4:
                made.run("destroy", "-y")
        last = made.run("apply", "-y")
        again = made.run("plan", "--detailed-exitcode")
        twice = [names for names, before in zip(made.ask("names"), clean, strict=True) if len(names) != len(before) + 1]
        print(f"  killed at 20 points, run again: code {last.code}, then plan {again.code}")
        print(f"  tenants with anything twice: {len(twice)}")


def _until(made: Fleet, requests: int, process: subprocess.Popen[str], methods: tuple[str, ...]) -> None:
    """Waits for so many requests, or the end of the process."""
    seen = 0
    while seen < requests and process.poll() is None:
        seen += sum(method in methods for asked, _ in made.ask("report") for method, _, _ in asked)
        time.sleep(0.005)


def crosswise() -> None:
    """20 members on 20 tenants: no request carries another member's token."""
    with fleet(20) as made:
        commands = (["plan"], ["apply", "-y"], ["drift"])
        codes = [made.run(*command, AUTH0_API_TOKEN="ambient").code for command in commands]
        report = made.ask("report")
        asked, strangers = (sum(len(one[part]) for one in report) for part in (0, 1))
        print(f"  codes {codes}: {asked} requests, {strangers} with a stranger's token")


def sandboxes() -> None:
    """Opening a new sandbox from two threads at once, 500 times."""
    troubles: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(500):
            ready = threading.Barrier(2)

            def opened(path: Path = Path(folder) / f"{number}.db", ready: threading.Barrier = ready) -> None:
                ready.wait()
                try:
                    open_sandbox(path).close()
                except Exception as error:
                    troubles.append(repr(error))

            threads = [threading.Thread(target=opened) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    print(f"  2 threads x 500: {len(troubles)} errors {troubles[:1]}")


ROWS = {row.__name__: row for row in (cost, failures, limit, interrupts, crosswise, sandboxes)}


def main() -> None:
    """Prints the rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"Some of: {', '.join(ROWS)}")
    for name in parser.parse_args().rows or ROWS:
        print(f"{name}: {ROWS[name].__doc__}", flush=True)
        ROWS[name]()


if __name__ == "__main__":
    main()
