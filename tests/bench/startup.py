"""Start-up: what a command costs before it does anything, in units of `import typer`."""

from __future__ import annotations

from tests.bench.figures import Figure
from tests.bench.lab import Lab
from tests.support import ROOT

QUICKSTART = ROOT / "examples" / "quickstart.yaml"
HELP = Figure(name="--help over `import typer`", unit="× CPU", at_most=2.5)
VALIDATE = Figure(name="validate of the quickstart over `import typer`", unit="× CPU", at_most=5)
PLAN = Figure(name="plan of the quickstart in the sandbox", unit="s CPU", at_most=1)


def measure(lab: Lab) -> dict[Figure, float]:
    """One run of everything about start-up, one beside the other: other work on the machine slows all alike."""
    typer = lab.well(program="import typer").cpu
    state = f"--sandbox={lab.folder / 'start.db'}"
    return {
        HELP: lab.well("--help").cpu / typer,
        VALIDATE: lab.well("validate", QUICKSTART).cpu / typer,
        PLAN: lab.well("plan", QUICKSTART, state).cpu,
    }
