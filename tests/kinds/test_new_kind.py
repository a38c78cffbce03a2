"""A kind of one's own is one file: its section is merged from several files as the sections that are there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, my_env

KIND = '''
"""Organizations: groups of users that log in together."""

from tokenvault.kinds.base import Collection, Field, Kind, Scopes, Section


async def _read(reader, nodes, before):
    return await reader.checkpoints("organizations", "organizations")


KIND = Kind(
    name="organization",
    title="organization",
    collection=Collection(name="organizations", read=_read),
    path="organizations",
    id_field="id",
    order=60,
    fields={"name": Field()},
    scopes=Scopes(read=("read:organizations",), create=("create:organizations",)),
    section=Section(
        name="organizations",
        schema={"type": "object", "additionalProperties": {"type": "object", "additionalProperties": False}},
        expand=lambda spec, domain: (),
    ),
)
'''
HEAD = "version: 1\nname: acme\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more kind, and nothing else changed."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "tokenvault", folder / "tokenvault", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tokenvault" / "kinds" / "organization.py").write_text(KIND)
    return folder


def validate(checkout: Path, folder: Path, *sections: str) -> subprocess.CompletedProcess[str]:
    """`validate` of one spec in as many files as there are texts."""
    files = [folder / f"{number}.yaml" for number in range(len(sections))]
    for file, section in zip(files, sections, strict=True):
        file.write_text(HEAD + section)
    command = [sys.executable, "-m", "tokenvault", "validate", *map(str, files)]
    return subprocess.run(command, cwd=checkout, env=my_env(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("other", ["organizations: {beta: {}}\n", "organizations:\n", "organizations: {}\n"])
def test_the_entries_of_several_files_are_joined(checkout: Path, tmp_path: Path, other: str) -> None:
    result = validate(checkout, tmp_path, "organizations: {acme: {}}\n", other)
    assert result.returncode == 0, result.stderr


def test_an_entry_that_stands_in_two_files_is_told(checkout: Path, tmp_path: Path) -> None:
    result = validate(checkout, tmp_path, "organizations: {acme: {}}\n", "organizations: {acme: {}}\n")
    assert result.returncode == 1 and '"acme" stands in two files under organizations' in result.stderr
