"""What `doctor` judges: the preconditions of each flavor at run time, from the tables that it reads itself."""

from __future__ import annotations

from tokenvault.flavors import Flavor, flavors
from tokenvault.reference.table import code, table


def preconditions_chapter() -> str:
    """One row for each precondition, with the flavors that have it."""
    rows = {row.id: row for flavor in flavors().values() for row in flavor.runtime.preconditions}
    cells = [(code(name), row.means, row.step.value, code(row.error), _flavors(name)) for name, row in rows.items()]
    head = (
        "## What doctor judges\n\nEach for every application × connection × flavor of the spec; the error is the one that "
        "users meet when it does not hold, where Auth0 documents one."
    )
    return f"{head}\n\n{table(('Precondition', 'What it means', 'Shows at', 'As the error', 'Flavors'), cells)}"


def _flavors(name: str) -> str:
    return " ".join(code(flavor.name) for flavor in flavors().values() if _has(flavor, name))


def _has(flavor: Flavor, name: str) -> bool:
    return any(row.id == name for row in flavor.runtime.preconditions)
