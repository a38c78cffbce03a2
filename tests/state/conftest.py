"""A world of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.state.world import World, world


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[World]:
    """The sample company's tenant."""
    with world(tmp_path) as found:
        yield found
