"""One applied world for a module, and a copy of it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import World


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    made.make_key()
    applied = made.apply()
    assert applied.code == 0, applied.err
    return made


@pytest.fixture
def world(template: World, tmp_path: Path) -> Iterator[World]:
    copy = template.copy(tmp_path)
    yield copy
    copy.close()
