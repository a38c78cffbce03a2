"""The standard streams of a process, and what to do about those that are closed, full or gone."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

from tokenvault.errors import Diagnostic

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def open_closed_streams() -> None:
    """Gives a process that was started without stdin, stdout or stderr an empty one: nobody there, to ask or to tell.

    Before anything else is opened: a sandbox file that became number 2 would get what is meant for stderr.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _point_nowhere(number)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8"))


def abandon(stream: TextIO) -> None:
    """Sends what the stream still holds, and all that will be written to it, nowhere: the end of the process flushes it."""
    try:
        _point_nowhere(stream.fileno())
    except io.UnsupportedOperation:
        return  # a test's: nothing is flushed


def unwritable(error: OSError) -> Diagnostic | None:
    """What to say of a write to an open file that the system refused; nothing when the error is another one."""
    if error.filename is not None or error.errno not in _UNWRITABLE:
        return None
    return Diagnostic(code="output-unwritable", summary=f"The output cannot be written: {os.strerror(error.errno)}")


def _point_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
