"""The two steps of an interrupt, for whatever runs in the event loop of a command: one place handles the signals."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


@contextlib.contextmanager
def interruptible(stop: asyncio.Event, told: Callable[[], None]) -> Iterator[None]:
    """The first interrupt is `told`, lets what was sent end and sends nothing else; the second is a `KeyboardInterrupt`.

    It cancels what runs within, so that requests and generators are closed in their order.
    """
    import asyncio

    task, again = asyncio.current_task(), False

    def interrupt() -> None:
        nonlocal again
        if stop.is_set() and task:
            again = True
            task.cancel()
            return
        stop.set()
        told()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupt)
    try:
        yield
    except asyncio.CancelledError:
        if again:
            raise KeyboardInterrupt from None
        raise
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)
