"""A fleet in a folder of its own, with the tenants that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet.lab import Lot, tenants
from tests.support import Result, cli

BASE = """\
version: 1
name: fleet-test
connections:
  github: {}
applications:
  assistant:
    name: Fleet Assistant
    type: regular_web
    callbacks: [https://assistant.example.com/callback]
    flavors: [connected_accounts, refresh_token_exchange]
"""


@dataclass
class Bench:
    """A folder with a fleet file, the environment of the command, and the tenants behind the members."""

    folder: Path
    lots: list[Lot] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=lambda: {"spec": ["base.yaml"]})

    def write(self) -> Path:
        """The fleet file, as the members are now."""
        data = {"version": 1, "fleet": "acme", "defaults": self.defaults, "tenants": self.members}
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
        return self.folder / "fleet.yaml"

    def run(self, command: str, *options: object, given: str = "fleet.yaml", **env: str) -> Result:
        """Runs a command of the fleet."""
        if given == "fleet.yaml":
            self.write()
        return cli("fleet", command, given, *options, cwd=self.folder, env={**self.env, **env})

    def writes(self) -> list[int]:
        """How many writes each tenant has answered."""
        return [lot.count("POST", "PATCH", "PUT", "DELETE") for lot in self.lots]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fleet without members yet."""
    (tmp_path / "base.yaml").write_text(BASE)
    return Bench(tmp_path)


@pytest.fixture
def served(bench: Bench) -> Iterator[Bench]:
    """A fleet of five tenants on ports, each with a token of its own."""
    (bench.folder / "state").mkdir()
    with tenants(bench.folder / "state", 5) as lots:
        bench.lots = lots
        for lot in lots:
            name = f"t{lot.number}"
            bench.members[name] = {"domain": lot.host, "credentials": {"prefix": f"T{lot.number}_"}}
            bench.env[f"T{lot.number}_AUTH0_API_TOKEN"] = lot.token
        yield bench


@pytest.fixture
def sandboxes(bench: Bench) -> Bench:
    """A fleet of four sandboxes, two in each of two waves."""
    for number in range(4):
        bench.members[f"t{number}"] = {"sandbox": f"t{number}.db", "wave": 1 + number // 2}
    return bench
