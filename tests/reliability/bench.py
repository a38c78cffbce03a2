"""A served sandbox that starts over in a moment, and a tenant's state in a form in which two runs can be compared."""

from __future__ import annotations

import contextlib
import json
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.support import ROOT, Objects, Result, cli, served
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET, TOKEN, open_sandbox

QUICKSTART = ROOT / "examples" / "quickstart.yaml"
TIMEOUT = 1.0
Rule = dict[str, Any]
State = dict[str, Any]


@dataclass
class Bench:
    """One served sandbox. `clean` is what an undisturbed apply makes of the sample company."""

    host: str
    file: Path
    start: dict[str, Any]
    env: dict[str, str]
    clean: State = field(default_factory=dict)
    _stale_until: float = 0.0

    def reset(self, *rules: Rule) -> None:
        """The sample company as it was, no request logged, and these faults."""
        time.sleep(max(0.0, self._stale_until - time.monotonic()))
        self.faults()
        self.load(self.start)
        self.faults(*rules)

    def load(self, state: Mapping[str, Any]) -> None:
        """Replaces the tenant, and forgets the requests."""
        sandbox = open_sandbox(self.file)
        try:
            sandbox.load_state(dict(state))
        finally:
            sandbox.close()
        self._control("DELETE", "requests")

    def faults(self, *rules: Rule) -> None:
        """What goes wrong from now on."""
        stale = [rule.get("seconds", 1.0) for rule in rules if rule["fault"] == "stale"]
        if stale:
            self._stale_until = time.monotonic() + 20 + max(stale)
        self._control("PUT", "faults", list(rules))

    def settle(self) -> None:
        """Takes the faults away; reads that lag behind writes have caught up afterwards."""
        self.faults()
        if self._stale_until:
            time.sleep(1.1)
            self._stale_until = 0.0

    def requests(self) -> list[dict[str, Any]]:
        """What was asked of the tenant since the last reset, in the order in which it came."""
        found: list[dict[str, Any]] = self._control("GET", "requests")
        return found

    def state(self) -> State:
        """The tenant, with ids as names: equal for any two runs that ended in the same tenant."""
        return normalised(self.snapshot())

    def snapshot(self) -> dict[str, Objects]:
        """The tenant as it is, ids and secrets and all."""
        objects: dict[str, Objects] = self._control("GET", "state")["objects"]
        return objects

    def apply(self, *arguments: object, **env: str) -> Result:
        """`apply -y` of the quickstart, or of what is given, in this process."""
        return cli("apply", *(arguments or (QUICKSTART,)), "-y", env={**self.env, **env})

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        address, headers = f"http://{self.host}/sandbox/{name}", {"Authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            content = answer.read()
        return json.loads(content) if content else None


@contextlib.contextmanager
def bench(folder: Path, *options: object) -> Iterator[Bench]:
    """A served sandbox with the sample company, and the credentials of its machine-to-machine application."""
    file = folder / "tenant.db"
    with served(file, *options) as host:
        env = {
            "AUTH0_DOMAIN": host,
            "AUTH0_CLIENT_ID": CLIENT_ID,
            "AUTH0_CLIENT_SECRET": CLIENT_SECRET,
            "TOKENVAULT_TIMEOUT": str(TIMEOUT),
            "NO_COLOR": "1",
        }
        sandbox = open_sandbox(file)
        try:
            start = sandbox.export_state()
        finally:
            sandbox.close()
        yield Bench(host=host, file=file, start=start, env=env)


def applied_cleanly(bench: Bench, *arguments: object) -> list[dict[str, Any]]:
    """Applies with nothing in the way, remembers the tenant that comes of it, and answers the requests that it took."""
    bench.reset()
    done = bench.apply(
        *arguments, TOKENVAULT_TIMEOUT="60"
    )  # the first answer of a process may be slow: none is asked for twice
    assert done.code == 0, done.err
    requests = bench.requests()
    bench.clean = bench.state()
    return requests


# ---- requests as endpoints


@dataclass(frozen=True)
class Endpoint:
    """One request of an apply: the `nth` of its method and path pattern, what it is for, and its path in plain words."""

    phase: str
    method: str
    pattern: str
    nth: int
    title: str

    @property
    def at(self) -> Rule:
        """The part of a fault rule that names this request."""
        return {"method": self.method, "path": self.pattern, "nth": self.nth}

    def __str__(self) -> str:
        return f"{self.phase:<9} {self.method:<5} {self.title}" + (f" ({self.nth})" if self.nth > 1 else "")


_CREATED = re.compile(r"/clients/[A-Za-z0-9]{32}|/credentials/cred_\w+")


def endpoints(there: Bench, requests: list[dict[str, Any]]) -> list[Endpoint]:
    """Every request of an undisturbed apply. Ids of what it creates are not known before, so patterns stand for them."""
    writes = [n for n, r in enumerate(requests) if r["method"] != "GET" and r["path"] != "/oauth/token"]
    names = {key: item["name"] for key, item in there.start["objects"]["connections"].items()}
    found = []
    for number, request in enumerate(requests):
        method, pattern = request["method"], _CREATED.sub(lambda m: f"/{m[0].split('/')[1]}/*", request["path"])
        same = [r for r in requests[: number + 1] if r["method"] == method and fnmatchcase(r["path"], pattern)]
        title = "/".join(names.get(part, part) for part in pattern.removeprefix("/api/v2").split("/"))
        found.append(Endpoint(_phase(request, number, writes), method, pattern, len(same), title))
    return sorted(found, key=lambda e: (PHASES.index(e.phase), e.title, e.method, e.nth))  # the same in every run


PHASES = ("token", "plan", "pre-write", "write", "confirm", "verify")


def _phase(request: Mapping[str, Any], number: int, writes: list[int]) -> str:
    if request["path"] == "/oauth/token":
        return "token"
    if request["method"] != "GET":
        return "write"
    if number < writes[0]:
        return "plan"
    if number > writes[-1]:
        return "verify"
    return "confirm" if "client_metadata" in request["query"] else "pre-write"


# ---- states that can be compared

VOLATILE = frozenset({"client_secret", "created_at", "updated_at", "signing_keys"})


NAMED = ("clients", "connections", "resource_servers", "credentials", "client_grants")


def normalised(objects: Mapping[str, Objects]) -> State:
    """The tenant with every id replaced by what the object is called, and without what is random."""
    names: dict[str, str] = {}
    for collection in NAMED:
        entries = objects.get(collection, {})
        called = {key.split("/")[-1]: _called(collection, key, item, names) for key, item in entries.items()}
        taken: Counter[str] = Counter()
        for key in sorted(called, key=lambda key: (called[key], key)):
            taken[called[key]] += 1
            names[key] = called[key] if taken[called[key]] == 1 else f"{called[key]} #{taken[called[key]]}"
    return {collection: _renamed(entries, names) for collection, entries in objects.items()}


def _called(collection: str, key: str, item: Mapping[str, Any], names: Mapping[str, str]) -> str:
    match collection:
        case "resource_servers":
            return f"api:{item.get('identifier')}"
        case "client_grants":
            return f"grant:{names.get(item['client_id'])}:{item['audience']}:{item.get('subject_type')}"
        case "credentials":
            return f"key:{names.get(key.split('/')[0])}:{item.get('kid')}"
        case _:
            return f"{collection}:{item.get('name')}"


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {_word(k, names): _renamed(v, names) for k, v in sorted(value.items()) if k not in VOLATILE}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return _word(value, names) if isinstance(value, str) else value


def _word(text: str, names: Mapping[str, str]) -> str:
    return names.get(text) or "/".join(names.get(part, part) for part in text.split("/"))


VOUCHER = "tokenvault_api"
"""The note on a Custom API Client that the spec created its API too. An apply that ends between the two leaves an API of
which nobody knows who made it, so the next one does not write the note, and `destroy` leaves that API: on the safe side.
The mark of the spec's first application says the same with `made:API`."""
MADE = re.compile(r" made:\S+")


def difference(found: Any, wanted: Any, path: str = "") -> str:
    """The first place at which two states differ, in words; nothing when they are equal."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted} - {VOUCHER}):
            if key not in found or key not in wanted:
                return f"{path}/{key} is {'missing' if key in wanted else 'too much'}"
            if text := difference(found[key], wanted[key], f"{path}/{key}"):
                return text
        return ""
    if _plain(found) == _plain(wanted):
        return ""
    return f"{path}: {json.dumps(found)[:200]} instead of {json.dumps(wanted)[:200]}"


def _plain(value: Any) -> Any:
    """Lists of a tenant are sets, and no mark says which APIs the spec created."""
    if isinstance(value, list):
        return sorted(json.dumps(_plain(item), sort_keys=True) for item in value)
    return MADE.sub("", value) if isinstance(value, str) else value
