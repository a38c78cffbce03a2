"""The CustomResourceDefinition: generated from the spec's schema, in what Kubernetes calls a structural schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT, cli
from tokenvault.spec.schema import spec_schema

FORBIDDEN = {
    "$schema",
    "$id",
    "const",
    "uniqueItems",
    "examples",
    "writeOnly",
    "propertyNames",
    "x-confidential",
    "$ref",
}


def definition() -> dict[str, Any]:
    shown = cli("operator", "crd")
    assert shown.code == 0
    found: dict[str, Any] = yaml.safe_load(shown.out)
    return found


def schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and all in it that describe a value."""
    yield schema
    for inside in schema.get("properties", {}).values():
        yield from schemas(inside)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from schemas(schema[name])


def test_every_schema_is_structural() -> None:
    version = definition()["spec"]["versions"][0]
    for schema in schemas(version["schema"]["openAPIV3Schema"]):
        assert not FORBIDDEN & schema.keys()
        assert "type" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
        assert not ("properties" in schema and "additionalProperties" in schema)


@pytest.mark.parametrize("copy", ["install/crd.yaml", "chart/crds/crd.yaml"])
def test_the_manifests_hold_the_definition_as_it_is_now(copy: str) -> None:
    kept = (ROOT / "examples" / "kubernetes" / copy).read_text()
    assert kept == cli("operator", "crd").out, f"run: tokenvault operator crd > examples/kubernetes/{copy}"


def test_the_configuration_has_every_section_of_a_spec() -> None:
    spec = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    configuration = spec["properties"]["configuration"]
    assert configuration["properties"].keys() == spec_schema()["properties"].keys()
    assert configuration["required"] == ["version", "name"]
    assert configuration["properties"]["version"]["enum"] == [1]


def test_the_defaults_write_nothing_and_delete_nothing() -> None:
    spec = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    defaults = {name: schema["default"] for name, schema in spec.items() if "default" in schema}
    assert defaults == {
        "mode": "Observe",
        "onDrift": "Report",
        "interval": "10m",
        "suspend": False,
        "prune": False,
        "maxDestroy": 0,
        "deletionPolicy": "Retain",
    }


def test_a_kubeconfig_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    pytest.importorskip("kopf", reason="the extra `operator` is not installed")
    broken = tmp_path / "broken"
    broken.write_text("a: [")
    for path in (broken, tmp_path / "absent"):
        told = cli("operator", "run", "--kubeconfig", path, "--listen", "127.0.0.1:0", env={"KUBECONFIG": ""})
        assert told.code == 1 and "operator-cluster" in told.err


@pytest.mark.parametrize("listen", ["8080", ":8080", "host:port", "127.0.0.1:70000"])
def test_where_to_listen_is_a_host_and_a_port(listen: str) -> None:
    told = cli("operator", "run", "--listen", listen)
    assert told.code == 1 and "operator-port" in told.err
