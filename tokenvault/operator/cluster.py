"""What a reconciliation asks of the cluster, as a protocol: `kubernetes` fulfils it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tokenvault.operator.resource import Key, Resource

OWNER_LABEL = "app.kubernetes.io/managed-by"
OWNER_ANNOTATION = "tokenvault.dev/written-for"
FIELD_MANAGER = "tokenvault-operator"
Document = Mapping[str, Any]


class ClusterError(Exception):
    """The API server refused a request or did not answer it. The text is safe to show; `status` is 0 without an answer."""

    def __init__(self, summary: str, status: int = 0) -> None:
        super().__init__(summary)
        self.status = status


class Cluster(Protocol):
    """The objects that an operator reads and writes beside the `TokenVault` itself."""

    async def secret(self, key: Key) -> Document | None:
        """The Secret, values still in base64, or None where there is none."""

    async def config_map(self, key: Key) -> Document | None:
        """The ConfigMap, or None where there is none."""

    async def apply_status(self, resource: Resource, status: Document) -> None:
        """Makes the status this one."""

    async def set_finalizer(self, resource: Resource, *, held: bool) -> None:
        """Puts the operator's finalizer on the object, or takes it away; those of others stay."""

    async def apply_secret(self, key: Key, content: Document) -> None:
        """Makes the Secret hold this."""

    async def record(self, resource: Resource, *, warning: bool, reason: str, message: str) -> None:
        """Posts an Event about the object."""
