"""`tokenvault show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokenvault.cli.console import Console
from tokenvault.cli.options import Format
from tokenvault.cli.plan import Full, Summary, drawn


def show(
    file: Annotated[
        Path, typer.Argument(metavar="PLANFILE", help="A plan that `plan --out` saved.", show_default=False)
    ],
    form: Annotated[Format, typer.Option("--format", help="How to show the plan.")] = "text",
    summary: Summary = False,
    full: Full = False,
) -> None:
    """Show a saved plan again, in any form. Sends nothing.

    The plan is checked as an apply checks it: a file that was changed, or that another version made, is refused.
    """
    from tokenvault.plan.file import public_part, read_document

    console = Console()
    console.out(drawn(console, public_part(read_document(file)), form, summary=summary, full=full))
