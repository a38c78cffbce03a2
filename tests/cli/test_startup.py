"""What answers at once must not load what talks to tenants."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT

HEAVY = ("auth0", "httpx", "deepdiff", "pydantic", "starlette", "keyring", "questionary")


TABLES = ("tokenvault.kinds", "tokenvault.flavors", "tokenvault.plan", "tokenvault.exchange", "tokenvault.spec")


def loaded(arguments: list[str], modules: tuple[str, ...]) -> list[str]:
    """Those of the modules that a command loads."""
    program = (
        "import sys; from tokenvault.cli.app import run; code = run(sys.argv[1:]);"
        f"print(*(m for m in {modules!r} if m in sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1].split()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plan", "--help"], ["exchange", "--help"]])
def test_help_and_version_load_nothing_that_they_do_not_show(arguments: list[str]) -> None:
    assert loaded(arguments, (*HEAVY, *TABLES)) == []


def test_validate_loads_nothing_heavy() -> None:
    assert loaded(["validate", str(ROOT / "examples/quickstart.yaml")], HEAVY) == []


def test_every_command_has_help_that_says_what_it_does() -> None:
    from tests.support import cli
    from tokenvault.cli.app import COMMANDS

    for name in COMMANDS:
        result = cli(name, "--help")
        assert result.code == 0, name
        assert len(result.out.splitlines()) > 5, name
