"""Answers without a key that may be missing: each key of each kind of object, one at a time, in every answer of a tenant.

    python -m tests.reliability.optional [--only TEXT] [--null] [--jobs N]

The API requires next to nothing of what it answers. The keys are those that the sandbox gives for a tenant to which the
example with all flavors was applied, nested ones and those of the envelopes among them. Without each, every command that
reads that tenant, and apply and destroy, must end soon with a result or an error: no traceback, nothing unexpected.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.reliability.answers import PATIENCE
from tests.reliability.bench import QUICKSTART, Bench, Rule, bench
from tests.support import Result, cli
from tests.tenant.hostile import HostileTenant, hostile
from tokenvault.sandbox import open_sandbox

SLOW = 20.0
BUG = re.compile(r"failed unexpectedly \(([\w.]+ at [\w.:]+)\)|Unexpected: (\S+ at \S+)|Traceback")
KINDS: Mapping[str, str] = {
    "oauth/token": "token",
    "api/v2/clients": "clients",
    "api/v2/clients/*/credentials": "credentials",
    "api/v2/connections": "connections",
    "api/v2/connections/*/clients": "enabled clients",
    "api/v2/resource-servers": "resource servers",
    "api/v2/client-grants": "client grants",
    "api/v2/custom-domains": "custom domains",
    "api/v2/guardian/policies": "policies",
}
ENVELOPE = ("start", "limit", "total", "length", "next")
READS: tuple[tuple[str, ...], ...] = (
    ("plan", "SPEC"),
    ("plan", "SPEC", "--prune", "--format", "markdown"),
    ("drift", "SPEC"),
    ("doctor", "SPEC"),
    ("doctor",),
    ("export",),
    ("snapshot",),
    ("usage", "SPEC"),
    ("output", "SPEC"),
    ("auth", "status"),
)


@dataclass(frozen=True, order=True)
class Key:
    """One key of one kind of object; `[]` stands for each element of a list."""

    kind: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {'.'.join(self.path)}"


@dataclass
class Tally:
    """What came of a run."""

    runs: int = 0
    done: int = 0
    longest: float = 0.0
    bugs: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Takes in what came of another part of the run."""
        self.runs, self.done = self.runs + other.runs, self.done + other.done
        self.longest = max(self.longest, other.longest)
        self.bugs = {**other.bugs, **self.bugs}
        self.refused.update(other.refused)


# ---- keys


def kind_of(path: str) -> str:
    """The kind of object that the path answers; empty for those that nobody reads."""
    parts = path.strip("/")
    found = [
        kind for pattern, kind in KINDS.items() if _same_length(parts, pattern) or _same_length(parts, pattern + "/*")
    ]
    return found[0] if found else ""


def _same_length(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def objects_of(path: str, answer: Any) -> list[Any]:
    """The objects of an answer, in a list or a page or alone."""
    if isinstance(answer, list):
        return answer
    if not isinstance(answer, dict):
        return []
    listed = answer.get(path.strip("/").split("/")[-1].replace("-", "_"))
    return listed if isinstance(listed, list) else [answer]


def keys_of(kind: str, item: Any, path: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every key of the object, at whatever depth."""
    if isinstance(item, dict):
        for name, value in item.items():
            yield Key(kind, (*path, name))
            yield from keys_of(kind, value, (*path, name))
    if isinstance(item, list):
        for value in item:
            yield from keys_of(kind, value, (*path, "[]"))


def without(item: Any, path: Sequence[str], *, null: bool = False) -> Any:
    """The object without that key, or with null for its value."""
    if isinstance(item, list) and path[0] == "[]":
        return [without(value, path[1:], null=null) for value in item]
    if not isinstance(item, dict) or path[0] not in item:
        return item
    if len(path) > 1:
        return {**item, path[0]: without(item[path[0]], path[1:], null=null)}
    rest = {name: value for name, value in item.items() if name != path[0]}
    return {**rest, path[0]: None} if null else rest


def removing(key: Key, *, null: bool) -> Any:
    """An edit of answers that leaves the key out, or gives null for it."""

    def edit(path: str, content: bytes) -> bytes:
        if kind_of(path) != key.kind:
            return content
        answer = json.loads(content)
        if key.path[0] in ENVELOPE:
            return json.dumps(without(answer, key.path, null=null)).encode()
        gone = [without(item, key.path, null=null) for item in objects_of(path, answer)]
        if isinstance(answer, list):
            return json.dumps(gone).encode()
        name = next((name for name, value in answer.items() if value is objects_of(path, answer)), "")
        return json.dumps({**answer, name: gone} if name else gone[0]).encode()

    return edit


# ---- runs


class Optional:
    """A tenant with all that the examples make, through a proxy that leaves keys out."""

    def __init__(self, there: Bench, proxy: HostileTenant, folder: Path) -> None:
        self.there, self.proxy, self.tally = there, proxy, Tally()
        self.env = {**there.env, "AUTH0_DOMAIN": proxy.domain}
        self.folder = folder
        self._seen: set[Key] = set()
        self.applied = self._applied()
        self.disturbed = self._disturbed()
        self.keys = self._keys()

    def _applied(self) -> Rule:
        """The tenant after the example with all flavors."""
        self.there.reset()
        done = cli("apply", QUICKSTART, "-y", env=self.env)
        assert done.code == 0, done.err
        return self._state()

    def _disturbed(self) -> Rule:
        """The same, with something of every kind changed by hand."""
        state: Rule = json.loads(json.dumps(self.applied))
        objects = state["objects"]
        ours = {key: client for key, client in objects["clients"].items() if "tokenvault" in str(client)}
        for client in ours.values():
            client.update(grant_types=[], callbacks=[])
        for connection in objects["connections"].values():
            connection["connected_accounts"] = {"active": False}
        for grant in objects["client_grants"].values():
            grant["scope"] = grant["scope"][:1] if grant["client_id"] in ours else grant["scope"]
        for api in objects["resource_servers"].values():
            api["scopes"] = api["scopes"] if api.get("is_system") else api["scopes"][:1]
        objects["enablements"] = {}
        return state

    def _state(self) -> Rule:
        sandbox = open_sandbox(self.there.file)
        try:
            return dict(sandbox.export_state())
        finally:
            sandbox.close()

    def _keys(self) -> list[Key]:
        """Every key that any command is answered."""

        def note(path: str, content: bytes) -> bytes:
            if kind := kind_of(path):
                answer = json.loads(content)
                self._seen.update(
                    Key(kind, (name,)) for name in ENVELOPE if isinstance(answer, dict) and name in answer
                )
                for item in objects_of(path, answer):
                    self._seen.update(keys_of(kind, item))
            return content

        self.proxy.edit = note
        for _, result, _ in self._runs():
            assert result.code in (0, 2), result.err
        self.proxy.be_good()
        return sorted(self._seen)

    def case(self, key: Key, *, null: bool = False) -> None:
        """Every command without this key, or with null for it."""
        self.proxy.edit = removing(key, null=null)
        for command, result, seconds in self._runs():
            self.tally.runs += 1
            self.tally.done += result.code in (0, 2)
            self.tally.longest = max(self.tally.longest, seconds)
            if wrong := _wrong(result, seconds):
                self.tally.bugs.setdefault(wrong, f"{key}: {' '.join(command)}")
            if "[api-bad-answer]" in result.err + result.out:
                self.tally.refused[str(key)] += 1
        self.proxy.be_good()

    def _runs(self) -> Iterator[tuple[tuple[str, ...], Result, float]]:
        self.there.load(self.applied)
        for command in READS:
            yield command, *self._timed(*command)
        yield ("destroy",), *self._timed("destroy", "SPEC", "-y")
        self.there.load(self.disturbed)
        yield ("apply", "(disturbed)"), *self._timed("apply", "SPEC", "-y")
        self.there.load(self.there.start)
        yield ("apply",), *self._timed("apply", "SPEC", "-y")

    def _timed(self, *command: str) -> tuple[Result, float]:
        started = time.monotonic()
        arguments = [QUICKSTART if part == "SPEC" else part for part in command]
        result = cli(*arguments, *PATIENCE, env=self.env, cwd=self.folder)
        assert not result.err.startswith("Usage:"), result.err
        return result, time.monotonic() - started


def _wrong(result: Result, seconds: float) -> str:
    if found := BUG.search(result.out + result.err):
        return found[0]
    if result.code not in (0, 1, 2):
        return f"exit {result.code}"
    if result.code == 1 and "[" not in result.err + result.out:
        return "no code"
    return f"{seconds:.0f} s" if seconds > SLOW else ""


@contextmanager
def optional(folder: Path) -> Iterator[Optional]:
    """The tenant, for as long as the context lasts."""
    with bench(folder) as there, hostile(there.host) as proxy:
        yield Optional(there, proxy, folder)


def run(only: str, null: bool, shard: int, shards: int) -> tuple[Tally, int]:
    """This worker's share of the keys."""
    with tempfile.TemporaryDirectory() as folder, optional(Path(folder)) as there:
        chosen = [key for key in there.keys if only in str(key)][shard::shards]
        for key in chosen:
            there.case(key, null=null)
            sys.stderr.write(".")
            sys.stderr.flush()
        return there.tally, len(chosen)


def main() -> int:
    """Prints the figures and each bug with the first key that shows it; 1 when there is any."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", default="", help="keys whose name holds this, e.g. 'client grants'")
    options.add_argument("--null", action="store_true", help="give null for each key in place of leaving it out")
    options.add_argument("--jobs", type=int, default=2)
    given = options.parse_args()
    tally, keys = Tally(), 0
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        shards = [pool.submit(run, given.only, given.null, shard, given.jobs) for shard in range(given.jobs)]
        for shard in shards:
            found, count = shard.result()
            tally.add(found)
            keys += count
    sys.stderr.write("\n")
    for bug, first in tally.bugs.items():
        print(f"FAILED {bug}: {first}")
    for key, count in sorted(tally.refused.items()):
        print(f"refused as no answer of Auth0 ({count} commands): {key}")
    print(f"optional: {keys} keys, {tally.runs} runs, {tally.done} as if nothing were missing, "
          f"{len(tally.bugs)} kinds of failure, longest {tally.longest:.1f} s")  # fmt: skip
    return bool(tally.bugs)


if __name__ == "__main__":
    sys.exit(main())
