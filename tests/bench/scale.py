"""Scale: what one more application costs among many, from ten to a thousand on ten connections."""

from __future__ import annotations

from tests.bench.figures import Figure
from tests.bench.lab import Lab, Run

SIZES = (10, 100, 1000)
CONNECTIONS = 10
COMMANDS = ("validate", "first plan", "apply", "empty plan")
GROWTH = {
    command: Figure(name=f"{command}, one more among 1,000 over one among 100", unit="× CPU", at_most=2)
    for command in COMMANDS
}
COST = {
    (command, size): Figure(name=f"{command}, {size:,} × {CONNECTIONS}", unit="s CPU")
    for command in COMMANDS
    for size in SIZES
}
MEMORY = Figure(name="first plan, 1,000 × 10, memory", unit="MB", at_most=300)
LINES = Figure(name="apply, 1,000 × 10, lines for each object", unit="lines", at_most=3.1)


def measure(lab: Lab) -> dict[Figure, float]:
    """One run of everything about scale."""
    runs = {size: _runs(lab, size) for size in SIZES}
    found = {COST[command, size]: runs[size][command].cpu for command in COMMANDS for size in SIZES}
    for command in COMMANDS:
        ten, hundred, thousand = (runs[size][command].cpu for size in SIZES)
        found[GROWTH[command]] = ((thousand - hundred) / 900) / max(0.0005, (hundred - ten) / 90)
    largest = runs[SIZES[-1]]
    objects = largest["first plan"].out.count("\n  # ")
    found[MEMORY] = largest["first plan"].megabytes
    found[LINES] = _lines(largest["apply"]) / objects
    return found


def _runs(lab: Lab, size: int) -> dict[str, Run]:
    spec = lab.spec(size, CONNECTIONS)
    state = f"--sandbox={lab.folder / f'scale-{size}-{id(spec)}.db'}"
    return {
        "validate": lab.well("validate", spec),
        "first plan": lab.well("plan", spec, state),
        "apply": lab.well("apply", spec, state, "-y"),
        "empty plan": lab.well("plan", spec, state, "--detailed-exitcode"),
    }


def _lines(run: Run) -> int:
    return run.out.count("\n") + run.err.count("\n")
