"""One profile for all property tests: what they find must be the same on every machine, and they must not be timed."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.wording import faults
from tokenvault.errors import Diagnostic

settings.register_profile(
    "tokenvault",
    deadline=None,
    max_examples=int(os.environ.get("TOKENVAULT_EXAMPLES", "15")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    derandomize=True,
)
settings.load_profile("tokenvault")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Goldens are rewritten on demand only; look at each before committing it."""
    parser.addoption("--update-golden", action="store_true", help="Rewrite tests/plan/golden from what comes out now.")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test depends on who runs it: no credentials, no login of the Auth0 CLI, no sandbox, no colours from outside."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))
    for name in list(os.environ):
        if (name.startswith(("AUTH0_", "TOKENVAULT_")) and name != "TOKENVAULT_EXAMPLES") or name in ("NO_COLOR", "CI"):
            monkeypatch.delenv(name)


HOSTILE = ("tests/render/", "tests/reliability/", "tests/cli/test_hostile_outputs.py", "tests/plan/test_document.py")
"""Where the texts of problems are made to harm; that they are shown harmlessly is tested there."""


@pytest.fixture(autouse=True)
def _problems_read_well(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every problem that a test provokes in this process reads well in a terminal, whatever else the test is about."""
    provoked: dict[Diagnostic, None] = {}
    make = Diagnostic.__init__

    def note(problem: Diagnostic, **values: Any) -> None:
        make(problem, **values)
        provoked[problem] = None

    monkeypatch.setattr(Diagnostic, "__init__", note)
    yield
    if not request.node.nodeid.startswith(HOSTILE):
        found = [f"[{problem.code}] {fault}" for problem in provoked for fault in faults(problem)]
        assert not found, found
