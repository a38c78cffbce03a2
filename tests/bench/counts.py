"""Requests, which are the currency: what a plan and an apply send, by the sandbox's own log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure
from tests.bench.lab import Lab
from tokenvault.sandbox import open_sandbox

CROWD, KNOWN = 10_000, 20


def terraform(applications: int, connections: int) -> str:
    """What `terraform plan` reads with its provider for the same: without and with auth0_connection_clients."""
    pages = -(-applications // 50)
    each = 1 + connections + 3 * applications
    return f"Terraform {each + applications * connections * (pages + 1):,}, or {each + connections * (pages + 1):,}"


SMALL = Figure(name="plan, 20 applications × 5 connections", unit="requests", at_most=12, remark=terraform(20, 5))
LARGE = Figure(name="plan, 100 × 10", unit="requests", at_most=25, remark=terraform(100, 10))
BESIDE = Figure(name="plan, 100 × 10 over 10 × 10, pages of lists apart", unit="more", at_most=0)
WRITES = Figure(name="apply, 20 × 5 from nothing", unit="writes per object", at_most=1)
CHECKS = Figure(name="apply, 20 × 5: reading back over planning", unit="×", at_most=1)
AGAIN = Figure(name="apply, 20 × 5, a second time", unit="writes", at_most=0)
KNOWN_ONES = Figure(
    name=f"plan, {KNOWN} applications known by id of {CROWD:,}",
    unit="requests",
    at_most=40,
    remark="listing them all takes 101 more",
)


def measure(lab: Lab) -> dict[Figure, float]:
    """One run of everything about requests."""
    small, large = _plan(lab, 20, 5), _plan(lab, 100, 10)
    beside = _beside_pages(large) - _beside_pages(_plan(lab, 10, 10))
    found = {SMALL: len(small), LARGE: len(large), BESIDE: beside}
    return {**found, **_apply(lab, 20, 5, planned=len(small)), KNOWN_ONES: _known(lab)}


def _plan(lab: Lab, applications: int, connections: int) -> list[dict[str, Any]]:
    """What an empty plan sends."""
    spec, state = lab.spec(applications, connections), lab.settled(applications, connections)
    with lab.serve(state) as tenant:
        lab.well("plan", spec, "--detailed-exitcode", env=tenant.env)
        return tenant.requests()


def _beside_pages(requests: list[dict[str, Any]]) -> int:
    lists = ("clients", "connections", "client-grants", "resource-servers")
    return sum(
        request["path"].rsplit("/", 1)[-1] not in lists or "/connections/" in request["path"] for request in requests
    )


def _apply(lab: Lab, applications: int, connections: int, *, planned: int) -> dict[Figure, float]:
    spec = lab.spec(applications, connections)
    with lab.serve(lab.folder / f"new-{id(spec)}.db", "--empty") as tenant:
        changes = json.loads(lab.well("plan", spec, "--format", "json", env=tenant.env).out)["changes"]
        tenant.requests()
        lab.well("apply", spec, "-y", env=tenant.env)
        first = tenant.requests()
        lab.well("apply", spec, "-y", env=tenant.env)
        second = tenant.requests()
    last = max(number for number, request in enumerate(first) if _writes(request))
    return {
        WRITES: sum(map(_writes, first)) / len(changes),
        CHECKS: (len(first) - 1 - last) / planned,
        AGAIN: sum(map(_writes, second)),
    }


def _writes(request: dict[str, Any]) -> bool:
    return bool(request["method"] != "GET")


def _known(lab: Lab) -> int:
    """What a plan sends in a tenant of very many applications, of which the spec names its own by id."""
    spec, state = lab.folder / "known.yaml", lab.settled(KNOWN, 5)
    ids = _crowded(state)
    text = lab.spec(KNOWN, 5).read_text()
    for key, client_id in ids.items():
        text = text.replace(f"  {key}:\n", f"  {key}:\n    client_id: {client_id}\n")
    spec.write_text(text)
    with lab.serve(state) as tenant:
        lab.well("plan", spec, "--detailed-exitcode", env=tenant.env)
        return len(tenant.requests())


def _crowded(state: Path) -> dict[str, str]:
    """Puts very many applications of others before the spec's own; the client ids of these, by key."""
    sandbox = open_sandbox(state)
    document = sandbox.export_state()
    own = document["objects"]["clients"]
    sample = next(client for client in own.values() if _mark(client))
    crowd = {f"crowd{number:027d}": f"Other {number}" for number in range(CROWD)}
    others = {key: {**sample, "client_id": key, "name": name, "client_metadata": {}} for key, name in crowd.items()}
    document["objects"]["clients"] = {**others, **own}
    sandbox.load_state(document)
    sandbox.close()
    return {_mark(client).split()[0].removeprefix("bench/"): key for key, client in own.items() if _mark(client)}


def _mark(client: dict[str, Any]) -> str:
    return str(client.get("client_metadata", {}).get("tokenvault", ""))
