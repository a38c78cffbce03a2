"""What an operator tells of its work: logs, as one JSON object a line or as text, and metrics for Prometheus.

Only what is known to be safe is in them. No secret and no value of a query is in a log; a metric's labels are names of objects,
codes and methods, never a value of a spec or a tenant.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from tokenvault.errors import place_of
from tokenvault.operator.resource import Resource
from tokenvault.operator.status import Outcome
from tokenvault.text import safe, safe_json

if TYPE_CHECKING:
    from tokenvault.tenant.client import Exchange

FIELDS = ("object", "tenant", "generation", "reason", "seconds", "reads", "writes", "error", "identity")
_TALKATIVE = ("httpx", "httpcore", "kopf", "aiohttp", "asyncio", "auth0")
"""They log URLs with their queries, or whole objects, below this level."""


class Structured(logging.Formatter):
    """Formats a record: `text` for people, else JSON."""

    def __init__(self, *, text: bool = False) -> None:
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        """One line. An exception is named with its place, not quoted: its text may hold anything."""
        own = record.name.startswith("tokenvault")
        message = record.getMessage() if own else safe(record.getMessage())
        fields = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1]:
            fields["error"] = place_of(record.exc_info[1])
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        if self._text:
            pairs = " ".join(f"{name}={safe(value)}" for name, value in fields.items())
            return f"{time} {record.levelname} {safe(message)} {pairs}".rstrip()
        level = record.levelname.lower()
        return safe_json({"time": time, "level": level, "logger": record.name, "message": message, **fields})


def configure(*, text: bool = False) -> None:
    """Sends all logs to stderr in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Structured(text=text))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


# ---- metrics


log = logging.getLogger("tokenvault.operator")
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The counters of one operator; `resources` are its objects when they are asked for, `age` is that of the watch."""

    def __init__(
        self, resources: Callable[[], Iterable[Resource]], leads: Callable[[], bool], age: Callable[[], float]
    ) -> None:
        self.registry = CollectorRegistry()
        self._resources = resources
        self._reconciliations = Counter(
            "tokenvault_operator_reconciliations",
            "Reconciliations, by what came of them.",
            ["reason"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "tokenvault_operator_reconciliation_seconds", "How long they took.", buckets=BUCKETS, registry=self.registry
        )
        self._requests = Counter(
            "tokenvault_operator_tenant_requests",
            "Requests to the Management API.",
            ["method", "status"],
            registry=self.registry,
        )
        self._changes = Counter(
            "tokenvault_operator_changes", "Objects of tenants that were changed.", ["action"], registry=self.registry
        )
        leader = Gauge("tokenvault_operator_leader", "Whether this replica works.", registry=self.registry)
        leader.set_function(lambda: float(leads()))
        watch = Gauge(
            "tokenvault_operator_watch_age_seconds",
            "Since when the watch is not known to live.",
            registry=self.registry,
        )
        watch.set_function(age)
        self.registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The conditions of the objects, as their status says."""
        found = GaugeMetricFamily(
            "tokenvault_operator_objects", "Objects by condition and its status.", labels=["condition", "status"]
        )
        tally = Tally(
            (one.get("type", ""), one.get("status", ""))
            for resource in self._resources()
            for one in (resource.status or {}).get("conditions", ())
        )
        for (condition, status), number in sorted(tally.items()):
            found.add_metric([condition, status], number)
        yield found

    def requested(self, exchange: Exchange) -> None:
        """A request to a tenant was answered, or not (status 0)."""
        self._requests.labels(exchange.method, str(exchange.status)).inc()

    def reconciled(self, resource: Resource, outcome: Outcome, seconds: float) -> None:
        """A reconciliation ended: counted, and logged in one line."""
        self._reconciliations.labels(outcome.reason).inc()
        self._seconds.observe(seconds)
        for action, number in ((outcome.applied or {}).get("counts") or {}).items():
            self._changes.labels(action).inc(number)
        reads, writes = outcome.requests or (0, 0)
        log.log(
            logging.WARNING if outcome.failed else logging.INFO,
            "reconciled",
            extra={
                "object": str(resource.key),
                "tenant": resource.tenant,
                "generation": resource.generation,
                "reason": outcome.reason,
                "seconds": round(seconds, 3),
                "reads": reads,
                "writes": writes,
            },
        )

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return bytes(generate_latest(self.registry))
