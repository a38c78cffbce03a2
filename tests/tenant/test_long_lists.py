"""Tenants with more applications than Auth0 lists by page number: everything is found, and what is known is not searched for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import cli, requests_of, write_spec
from tokenvault.sandbox import open_sandbox

OTHERS = 1_150
PAGES = 1 + 12
APPLICATION = {"type": "regular_web", "flavors": ["refresh_token_exchange"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a spec of two applications, and a tenant in which they stand behind very many others."""
    write_spec(tmp_path, _spec({"one": APPLICATION, "two": APPLICATION}))
    assert cli("apply", "spec.yaml", "--sandbox=t.db", "-y", cwd=tmp_path).code == 0
    sandbox = open_sandbox(tmp_path / "t.db")
    document = sandbox.export_state()
    own = document["objects"]["clients"]
    sample = next(client for client in own.values() if client.get("app_type") == "regular_web")
    others = {f"crowd{n:027d}": {**sample, "name": f"Other {n}", "client_metadata": {}} for n in range(OTHERS)}
    for client_id, client in others.items():
        client["client_id"] = client_id
    document["objects"]["clients"] = {**others, **own}
    sandbox.load_state(document)
    sandbox.close()
    return tmp_path


def test_applications_are_found_by_mark_behind_a_thousand_others(folder: Path) -> None:
    result = _plan(folder)
    assert result.code == 0, result.out
    assert len(_client_lists(result)) == PAGES


def test_applications_known_by_id_are_read_one_by_one(folder: Path) -> None:
    _name_by_id(folder, "one", "two")
    result = _plan(folder)
    assert result.code == 0, result.out
    assert len(_client_lists(result)) == 1
    assert "Not looked for: applications that this spec left behind" in result.out


def test_one_application_without_an_id_has_the_list_read(folder: Path) -> None:
    _name_by_id(folder, "one")
    result = _plan(folder)
    assert result.code == 0, result.out
    assert len(_client_lists(result)) == PAGES
    assert "Not looked for" not in result.out


def test_an_id_that_does_not_exist_is_an_error(folder: Path) -> None:
    write_spec(folder, _spec({"one": {**APPLICATION, "client_id": "nobody"}}))
    result = _plan(folder)
    assert result.code == 1
    assert "no application with the client id nobody" in result.err


def test_what_the_spec_left_behind_is_found_when_it_is_to_be_pruned(folder: Path) -> None:
    _name_by_id(folder, "one", "two")
    kept = (folder / "spec.yaml").read_text().split("  two:\n")[0]
    write_spec(folder, kept)
    assert "application.two" not in _plan(folder).out
    pruned = _plan(folder, "--prune", "--summary")
    assert pruned.code == 2
    assert "- application.two" in pruned.out
    assert "Not looked for" not in pruned.out


def _plan(folder: Path, *options: str) -> Any:
    return cli("plan", "spec.yaml", "--sandbox=t.db", "--debug", "--detailed-exitcode", *options, cwd=folder)


def _client_lists(result: Any) -> list[str]:
    return [line for line in requests_of(result, "GET") if line.split()[1] == "/api/v2/clients"]


def _spec(applications: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "name": "long", "connections": {"google-oauth2": {}}, "applications": applications}


def _name_by_id(folder: Path, *keys: str) -> None:
    sandbox = open_sandbox(folder / "t.db")
    clients = sandbox.export_state()["objects"]["clients"].values()
    sandbox.close()
    ids = {client["name"]: client["client_id"] for client in clients}
    named = {key: {**APPLICATION, "client_id": ids[key]} if key in keys else APPLICATION for key in ("one", "two")}
    write_spec(folder, _spec(named))
