"""What a spec brought about, exported: the same spec again, as far as a tenant can tell, and an empty plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import EXAMPLE_VARIABLES, EXAMPLES, TOKEN_VAULT_GRANT, cli, tenant, write_spec

FLAVORS_INSIDE = {"refresh_token_exchange", "access_token_exchange"}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An example that was applied to the sandbox in `tenant.db`."""
    path = write_spec(tmp_path, request.param.read_text())
    applied = cli("apply", path.name, "-y", "--sandbox", "tenant.db", cwd=tmp_path, env=EXAMPLE_VARIABLES)
    assert applied.code == 0, applied.err
    return path


def test_every_example_comes_back_and_a_plan_of_it_is_empty(example: Path) -> None:
    folder = example.parent
    before = tenant(folder / "tenant.db")
    result = cli("export", "--sandbox", "tenant.db", "--output", "again.yaml", cwd=folder)
    assert result.code == 0, result.err
    assert "Not in the spec" not in result.err
    original, again = read(example), read(folder / "again.yaml")
    assert again["name"] == original["name"]
    assert "tenant" not in again, "it names no object of this tenant, so it is good for others too"
    assert applications(again) == applications(original)
    assert apis(again) == apis(original)
    assert again["connections"].keys() == original["connections"].keys()
    plan = cli("plan", "again.yaml", "--sandbox", "tenant.db", "--format", "json", cwd=folder)
    assert plan.code == 0, plan.err
    assert (plan.json["changes"], plan.json["orphans"], plan.json["warnings"]) == ([], [], [])
    assert plan.json["summary"]["unchanged"] > 0
    assert tenant(folder / "tenant.db") == before


def test_an_exported_example_makes_another_tenant_like_the_first(example: Path) -> None:
    """Where it lets itself be created: what Auth0 never tells (secrets, options) is added by hand."""
    folder = example.parent
    assert cli("export", "--sandbox", "tenant.db", "--output", "again.yaml", cwd=folder).code == 0
    spec = read(folder / "again.yaml")
    given = read(example)["connections"]
    for name, connection in spec["connections"].items():
        connection.update(
            {key: given[name][key] for key in ("strategy", "credentials", "options") if key in given[name]}
        )
    (folder / "again.yaml").write_text(yaml.safe_dump(spec))
    applied = cli("apply", "again.yaml", "-y", "--sandbox", "other.db", cwd=folder, env=EXAMPLE_VARIABLES)
    assert applied.code == 0, applied.err
    first, other = tenant(folder / "tenant.db"), tenant(folder / "other.db")
    assert holders(other) == holders(first)
    plan = cli("plan", example.name, "--sandbox", "other.db", "--detailed-exitcode", cwd=folder, env=EXAMPLE_VARIABLES)
    assert plan.code == 0, plan.out


def read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(path.read_text())
    return data


def holders(objects: dict[str, Any]) -> set[str]:
    return {c["name"] for c in objects["clients"].values() if TOKEN_VAULT_GRANT in c.get("grant_types", ())}


def applications(spec: dict[str, Any]) -> dict[str, Any]:
    """The applications with what is implied written out."""
    every = list(spec["connections"])
    return {
        key: {
            **entry,
            "name": entry.get("name", key),
            "connections": sorted(entry.get("connections", every)),
            "flavors": flavors(entry["flavors"]),
        }
        for key, entry in spec["applications"].items()
    }


def flavors(listed: list[Any]) -> dict[str, Any]:
    found = {}
    for item in listed:
        found.update(dict(item) if isinstance(item, dict) else {item: {}})
    if FLAVORS_INSIDE & found.keys():
        found.pop("connected_accounts", None)
    return found


def apis(spec: dict[str, Any]) -> dict[str, Any]:
    """The identifier of an example may come from the environment, with a default."""
    return {
        key: {**api, "identifier": api["identifier"].split(":-")[-1].rstrip("}")}
        for key, api in spec.get("apis", {}).items()
    }
