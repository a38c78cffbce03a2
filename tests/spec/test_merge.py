"""Several files make one spec: what is empty says nothing, what differs is told, and `1` is not `true`."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from tests.support import cli, write_spec

HEAD = "version: 1\nname: acme\n"
SECTIONS = {
    "connections": "connections: {google-oauth2: {}}\n",
    "apis": "apis: {calendar: {identifier: https://calendar.example.com}}\n",
    "applications": "applications: {a: {type: spa, flavors: [connected_accounts], connections: [c]}}\n",
    "my_account_api": "my_account_api: {domain: login.example.com}\n",
}
EMPTY = ["{section}:\n", "{section}: {{}}\n", "{section}:\n  # only a comment\n", "{section}: null\n", "{section}: ~\n"]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("first", [True, False])
def test_an_empty_section_and_a_filled_one_are_the_filled_one(
    tmp_path: Path, section: str, empty: str, first: bool
) -> None:
    files = [HEAD + empty.format(section=section), HEAD + SECTIONS[section]]
    for name, text in zip("ab", files if first else files[::-1], strict=True):
        write_spec(tmp_path, text, f"{name}.yaml")
    write_spec(tmp_path, HEAD + "connections: {c: {}}\n", "c.yaml")
    order = ["a.yaml", "b.yaml", *(["c.yaml"] if section != "connections" else [])]
    result = cli("validate", *order, cwd=tmp_path)
    assert result.code == 0, result.err
    if section == "applications":
        assert "1 application," in result.out


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("section", ["connections", "applications"])
def test_an_empty_section_of_an_overlay_changes_nothing(tmp_path: Path, section: str, empty: str) -> None:
    app = "applications: {a: {type: spa, flavors: [connected_accounts]}}\n"
    write_spec(tmp_path, HEAD + SECTIONS["connections"] + app, "base.yaml")
    write_spec(tmp_path, "overlay: true\n" + empty.format(section=section), "prod.yaml")
    result = cli("validate", "base.yaml", "prod.yaml", cwd=tmp_path)
    assert result.code == 0 and "1 application, 1 connection" in result.out, result.err


def test_an_empty_section_that_stays_empty_is_told_with_the_way_out(tmp_path: Path) -> None:
    result = cli("validate", write_spec(tmp_path, HEAD + "connections:\n"))
    assert result.code == 1 and "[spec-type]" in result.err and "{google-oauth2: {}}" in result.err


@pytest.mark.parametrize(("one", "other"), list(permutations(["1", "true", "1.5", '"1"'], 2)))
def test_values_of_different_types_are_not_the_same(tmp_path: Path, one: str, other: str) -> None:
    write_spec(tmp_path, f"version: 1\nname: acme\nmfa_policy: {one}\n", "a.yaml")
    write_spec(tmp_path, f"version: 1\nname: acme\nmfa_policy: {other}\n", "b.yaml")
    result = cli("validate", "a.yaml", "b.yaml", cwd=tmp_path)
    assert result.code == 1 and "[spec-collision]" in result.err and "b.yaml:3" in result.err, result.err


def test_a_version_that_is_true_is_no_version(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD, "a.yaml")
    write_spec(tmp_path, "version: true\nname: acme\n", "b.yaml")
    assert cli("validate", "a.yaml", "b.yaml", cwd=tmp_path).code == 1
    assert "[spec-version]" in cli("validate", "b.yaml", cwd=tmp_path).err
