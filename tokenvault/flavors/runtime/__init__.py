"""What a flavor needs at run time, as data: preconditions in the tenant, the exchange request, and how to recognise its use.

`doctor` judges the preconditions, `usage` prints the request, `exchange` performs it and explains its errors. All three
read the flavors (`flavors()[…].runtime`) and know none by name.

    tenant_view.py    what was read of a tenant, and one case: application × connection × flavor
    precondition.py   a row of the tables: what must hold, how it is checked, what happens otherwise, who can mend it
    client.py  connection.py  providers.py  my_account.py  api.py  worker.py      the tables
    errors.py         the errors of the token endpoint and what causes them
    request.py        the exchange request
    detection.py      who uses a flavor, told from a tenant alone
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tokenvault.flavors.runtime.precondition import Precondition
from tokenvault.flavors.runtime.request import ExchangeRequest
from tokenvault.flavors.runtime.tenant_view import DetectedUse, TenantView


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A flavor at run time. `exchange` is None for a flavor that exchanges nothing."""

    preconditions: tuple[Precondition, ...] = ()
    detections: Callable[[TenantView], Iterable[DetectedUse]] = lambda tenant_view: ()
    exchange: ExchangeRequest | None = None
