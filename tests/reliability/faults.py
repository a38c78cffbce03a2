"""Everything that may happen to one request, and whether an apply must get over it by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.reliability.bench import Endpoint, Rule

Judge = Callable[[Endpoint], bool]
Hope = Callable[[Endpoint], bool | None]
PATIENCE = ("--max-wait", "3")


def _always(endpoint: Endpoint) -> bool:
    return True


def _never(endpoint: Endpoint) -> bool:
    return False


def _is_write(endpoint: Endpoint) -> bool:
    return endpoint.phase == "write"


def _is_create(endpoint: Endpoint) -> bool:
    return endpoint.phase == "write" and endpoint.method == "POST"


def _is_list(endpoint: Endpoint) -> bool:
    return endpoint.method == "GET"


def _not_token(endpoint: Endpoint) -> bool:
    return endpoint.phase != "token"


def _optional(endpoint: Endpoint) -> bool:
    """The tenant's policies and settings are only looked at: what the token may not read of them is unknown, not an error."""
    return endpoint.pattern.endswith(("/guardian/policies", "/tenants/settings"))


def _may_have_another_form(endpoint: Endpoint) -> bool | None:
    """Once a write is refused as invalid, some are sent otherwise: a worker's settings in parts, an API with less in it.

    Which of several applications or APIs a request is for is not known before.
    """
    written = (endpoint.method, endpoint.pattern.removeprefix("/api/v2"))
    return None if written in (("PATCH", "/clients/*"), ("POST", "/clients"), ("POST", "/resource-servers")) else False


@dataclass(frozen=True)
class Fault:
    """One accident. `survives` says where an apply must still end with 0 (None: it may), `meets` which requests can have it."""

    name: str
    rule: Rule
    survives: Hope = _always
    meets: Judge = _always
    options: tuple[str, ...] = ()


def _once() -> list[Fault]:
    """Once, and gone when the request is sent again."""
    return [
        Fault("429, reset in 1 s", {"fault": 429, "reset": 1}),
        Fault("429, no reset", {"fault": 429, "reset": None}),
        Fault("429 twice", {"fault": 429, "reset": 0, "times": 2}),
        *(Fault(f"{status} before", {"fault": status}) for status in (500, 502, 503)),
        *(Fault(f"{status} after", {"fault": status, "when": "after"}, meets=_is_write) for status in (500, 502, 503)),
        Fault("503 twice", {"fault": 503, "times": 2}),
        *(Fault(f"{name} before", {"fault": name}) for name in ("reset", "close", "hang")),
        *(Fault(f"{name} after", {"fault": name, "when": "after"}) for name in ("reset", "close", "hang", "truncate")),
        Fault("slow", {"fault": "slow", "seconds": 0.5}),
        *(Fault(f"{name} for 200", {"fault": name}) for name in ("html", "empty", "malformed")),
        *(Fault(f"{name} after", {"fault": name, "when": "after"}) for name in ("html", "empty", "malformed")),
        Fault("html for 502", {"fault": "html", "status": 502}),
        Fault("401 expired", {"fault": 401, "body": "expired"}, survives=_not_token),
        Fault("stale reads", {"fault": "stale", "seconds": 1}, meets=_is_write),
        Fault("409 after", {"fault": 409, "when": "after"}, meets=_is_create),
    ]


def _refused() -> list[Fault]:
    """A no that stays a no: the command fails, and says why."""
    return [
        Fault("400", {"fault": 400}, survives=_may_have_another_form),
        Fault("403 scope", {"fault": 403, "body": "scope"}, survives=_optional),
        Fault("403 entitlement", {"fault": 403, "body": "entitlement"}, survives=_optional),
        Fault("404", {"fault": 404}, survives=_never),
        Fault("409", {"fault": 409}, survives=_never),
        Fault("401 always", {"fault": 401, "times": None}, survives=_never),
    ]


def _lasting() -> list[Fault]:
    """As long as the command lasts."""
    return [
        Fault("429 always", {"fault": 429, "reset": 1, "times": None}, survives=_never, options=PATIENCE),
        Fault("503 always", {"fault": 503, "times": None}, survives=_never, options=PATIENCE),
        Fault("503 always, after", {"fault": 503, "times": None, "when": "after"}, _is_create, _is_write, PATIENCE),
        Fault("reset always", {"fault": "reset", "times": None}, survives=_never, options=PATIENCE),
        Fault("hang always", {"fault": "hang", "times": None}, survives=_never, options=PATIENCE),
        Fault("html always", {"fault": "html", "times": None}, survives=_never, options=PATIENCE),
        Fault("a list that fails", {"fault": 500, "times": None}, _never, _is_list, PATIENCE),
    ]


FAULTS = (*_once(), *_refused(), *_lasting())
