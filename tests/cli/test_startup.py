"""What answers at once must not load what talks to tenants."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT

HEAVY = ("auth0", "httpx", "deepdiff", "pydantic", "starlette", "keyring", "questionary")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["plan", "--help"], ["validate", str(ROOT / "examples/quickstart.yaml")]]
)
def test_help_and_validate_load_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from tokenvault.cli.app import run; code = run(sys.argv[1:]);"
        f"loaded = [m for m in {HEAVY!r} if m in sys.modules]; print('LOADED', loaded, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "LOADED []"


def test_every_command_has_help_that_says_what_it_does() -> None:
    from tests.support import cli
    from tokenvault.cli.app import COMMANDS

    for name in COMMANDS:
        result = cli(name, "--help")
        assert result.code == 0, name
        assert len(result.out.splitlines()) > 5, name
