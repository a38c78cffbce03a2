"""Who asked: each member of a list is put down to the lines that asked for it, whether its object exists yet or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.applier.test_stale import disable
from tests.plan.tenants import edit, run
from tests.support import by_name, tenant, write_spec

SPEC = """\
version: 1
name: acme
connections:
  google-oauth2: {}
applications:
  web: {type: regular_web, callbacks: [https://w.example.com/cb], flavors: [connected_accounts]}
  job:
    type: regular_web
    callbacks: [https://j.example.com/cb]
    flavors: [refresh_token_exchange]
  sync:
    type: m2m
    flavors:
      - privileged_worker:
          public_keys: [{file: keys/nightly-sync.pub.pem}]
          ip_allowlist: [192.0.2.1]
          grants: {google-oauth2: [email]}
"""
LINES = {"web": {6}, "job": {10}, "sync": {14}}


@pytest.fixture
def applied(tmp_path: Path) -> Path:
    write_spec(tmp_path, SPEC)
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    return tmp_path


def lines(folder: Path, command: str, address: str) -> dict[str, set[int]]:
    """The lines that asked for each value of an object's list that is to change."""
    changes = run(folder, command, "spec.yaml", "--format", "json").json["changes"]
    attributes: list[dict[str, Any]] = next(c for c in changes if c["address"] == address)["attributes"]
    return {str(a["after"] or a["before"]): {why["at"]["line"] for why in a["why"]} for a in attributes}


@pytest.mark.parametrize("name", LINES)
def test_an_application_that_lost_a_connection_is_put_down_to_its_own_line(applied: Path, name: str) -> None:
    edit(applied / "tenant.db", lambda objects: disable(objects, "google-oauth2", name))
    client_id = by_name(tenant(applied / "tenant.db")["clients"], name)["client_id"]
    for command in ("plan", "drift"):
        assert lines(applied, command, "connection_clients.google-oauth2") == {client_id: LINES[name]}


def test_an_application_that_is_yet_to_come_is_put_down_to_its_own_line(applied: Path) -> None:
    later = (
        SPEC + "  later: {type: regular_web, callbacks: [https://l.example.com/cb], flavors: [connected_accounts]}\n"
    )
    write_spec(applied, later)
    changes = run(applied, "plan", "spec.yaml", "--format", "json").json["changes"]
    (asked,) = next(c for c in changes if c["address"] == "connection_clients.google-oauth2")["attributes"]
    assert {why["at"]["line"] for why in asked["why"]} == {18}


def test_a_key_that_was_detached_is_put_down_to_the_worker(applied: Path) -> None:
    def detach(objects: dict[str, Any]) -> None:
        by_name(objects["clients"], "sync")["token_vault_privileged_access"]["credentials"] = []

    edit(applied / "tenant.db", detach)
    assert set().union(*lines(applied, "plan", "application.sync").values()) == LINES["sync"]
