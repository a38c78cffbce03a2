"""The command line. `main` is the only place that turns errors into exit codes.

0: done, or nothing to do. 1: any error, refusal or cancel, usage errors among them. 2: there are changes, where asked for.
3: something will not work after the plan, where asked for (`--fail-on broken`). 130: interrupted.
"""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
BROKEN = 3
COLLECT_RARELY = (50_000, 20, 100)
"""A command ends before most garbage is worth looking for, and loading alone would have it looked for dozens of times."""


def main() -> NoReturn:
    """Runs the command that `sys.argv` names and exits."""
    gc.set_threshold(*COLLECT_RARELY)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from tokenvault.cli.console import open_closed_streams

        open_closed_streams()
        from tokenvault.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the command was being loaded, or its interrupt was being told
        sys.stderr.write("\nInterrupted.\n")
        code = INTERRUPTED
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Being asked to end is being interrupted, by whatever handles that now: an event loop ends its tasks first."""
    signal.raise_signal(signal.SIGINT)
