"""How far reading a tenant has come, for people who wait: a line that is redrawn, or one every ten seconds in a log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tokenvault.text import safe

if TYPE_CHECKING:
    from tokenvault.cli.console import Console
    from tokenvault.tenant.client import Tenant

PATIENCE = 1.0
REDRAWN = 0.25
EVERY = 10.0


@asynccontextmanager
async def shown_reading(console: Console, tenant: Tenant) -> AsyncIterator[None]:
    """While the context lasts, says how many requests were answered, how many wait, and about how long they will take."""
    telling = asyncio.create_task(_tell(console, tenant))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        console.status("")


async def _tell(console: Console, tenant: Tenant) -> None:
    begun, before = time.monotonic(), tenant.answered
    if not console.is_watched:
        while True:
            await asyncio.sleep(EVERY)
            console.err(f"{_line(tenant, before, time.monotonic() - begun)}\n")
    await asyncio.sleep(PATIENCE)
    while True:
        console.status(_line(tenant, before, time.monotonic() - begun))
        await asyncio.sleep(REDRAWN)


def _line(tenant: Tenant, before: int, elapsed: float) -> str:
    """The line. How many requests there will be, nobody knows: more may follow from what is read."""
    from tokenvault.cli.progress import roughly

    waiting = tenant.asked - tenant.answered
    line = f"Reading {safe(tenant.domain)}: [{tenant.answered}/{tenant.asked}]"
    if tenant.answered > before and waiting:
        line += f", about {roughly(waiting * elapsed / (tenant.answered - before))} left"
    return line + (" (rate limit)" if tenant.pacer.limited and waiting else "")
