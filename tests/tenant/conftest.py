"""A tenant on a socket, and a home folder in which nobody is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import served
from tests.tenant.tenant import Tenant


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's own login is looked at."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """One simulated tenant per file of tests; what a test breaks, the next finds mended."""
    with served(tmp_path_factory.mktemp("tenant") / "tenant.db") as host:
        yield Tenant(host)


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> None:
    if "tenant" in request.fixturenames:
        request.getfixturevalue("tenant").faults()
