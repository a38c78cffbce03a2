"""A plan costs a number of requests that grows with pages and connections, not with applications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import cli, requests_of, write_spec
from tokenvault.sandbox import open_sandbox


def spec(applications: int, connections: int) -> dict[str, Any]:
    names = ["google-oauth2", "github", "sign-in-with-slack", *(f"crm-{n}" for n in range(connections - 3))]
    credentials = {"client_id": "c", "client_secret": "${env:CRM_SECRET}"}
    return {
        "version": 1,
        "name": "many",
        "connections": {
            name: {"strategy": "oauth2", "credentials": credentials} if name.startswith("crm") else {} for name in names
        },
        "applications": {
            f"app-{n}": {"type": "regular_web", "flavors": ["refresh_token_exchange"]} for n in range(applications)
        },
    }


def crowd(state: Path, clients: int) -> None:
    """A tenant with many applications of others."""
    sandbox = open_sandbox(state)
    document = sandbox.export_state()
    sample = next(c for c in document["objects"]["clients"].values() if c.get("app_type") == "regular_web")
    for number in range(clients):
        client_id = f"crowd{number:027d}"
        document["objects"]["clients"][client_id] = {**sample, "client_id": client_id, "name": f"Other {number}"}
    sandbox.load_state(document)
    sandbox.close()


@pytest.mark.parametrize(("applications", "connections", "others", "most"), [(40, 5, 300, 20), (20, 5, 10, 12)])
def test_a_plan_stays_within_its_budget(
    tmp_path: Path, applications: int, connections: int, others: int, most: int
) -> None:
    write_spec(tmp_path, spec(applications, connections))
    crowd(tmp_path / "t.db", others)
    env = {"CRM_SECRET": "canary-crm-secret"}
    first = cli("plan", "spec.yaml", "--sandbox=t.db", "--debug", cwd=tmp_path, env=env)
    assert first.code == 0, first.err
    assert len(requests_of(first)) <= most
    assert cli("apply", "spec.yaml", "--sandbox=t.db", "-y", cwd=tmp_path, env=env).code == 0
    settled = cli("plan", "spec.yaml", "--sandbox=t.db", "--debug", "--detailed-exitcode", cwd=tmp_path, env=env)
    assert settled.code == 0, settled.out
    assert len(requests_of(settled)) <= most
