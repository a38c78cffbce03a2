"""A simulated tenant on a socket for each file of tests; what a test made there is gone before the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.operator.memory import CREDENTIALS, Memory, Operator
from tests.support import served
from tests.tenant.tenant import Tenant


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    with served(tmp_path_factory.mktemp("tenant") / "tenant.db") as host:
        yield Tenant(host)


@pytest.fixture
def tenant(_served: Tenant) -> Iterator[Tenant]:
    """The tenant, without faults and without requests so far."""
    before = {client["client_id"] for client in _served.api("GET", "clients")}
    connections = {connection["id"] for connection in _served.api("GET", "connections")}
    _served.faults()
    _served.forget_requests()
    yield _served
    _served.faults()
    for client in _served.api("GET", "clients"):
        if client["client_id"] not in before:
            _served.api("DELETE", f"clients/{client['client_id']}")
    for connection in _served.api("GET", "connections"):
        if connection["id"] not in connections:
            _served.api("DELETE", f"connections/{connection['id']}")


@pytest.fixture
def cluster(tenant: Tenant) -> Memory:
    """A cluster with the credentials for the tenant."""
    cluster = Memory()
    cluster.put_secret("auth0", **CREDENTIALS)
    return cluster


@pytest.fixture
def operator(cluster: Memory) -> Operator:
    return Operator(cluster)
