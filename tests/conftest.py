"""One profile for all property tests: what they find must be the same on every machine, and they must not be timed."""

import os

import pytest
from hypothesis import HealthCheck, settings

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
