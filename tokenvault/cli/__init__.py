"""The command line. `main` is the only place that turns errors into exit codes.

0: done, or nothing to do. 1: any error, refusal or cancel, usage errors among them. 2: there are changes, where asked for.
130: interrupted.
"""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Runs the command that `sys.argv` names and exits."""
    from tokenvault.cli.app import run

    sys.exit(run(sys.argv[1:]))
