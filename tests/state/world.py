"""A tenant with a history, and one user of tokenvault: commands go through the command line, edits through the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.export.by_hand import Hands, by_hand
from tests.support import WRITES, Result, by_name, cli, requests_of, served, tenant, write_spec
from tests.unmanaged import differing
from tokenvault.flavors.public_keys import read_public_key

Tenant = dict[str, dict[str, Any]]
Spec = dict[str, Any]
ENV = {"CRM_SECRET": "canary-crm-secret", "CRM_NOTE": "canary-crm-note"}
CALENDAR = "https://www.googleapis.com/auth/calendar.events"


class World:
    """One folder with one sandbox."""

    def __init__(self, folder: Path, hands: Hands) -> None:
        self.folder, self.hands = folder, hands

    def run(self, command: str, spec: Spec, *options: object, name: str = "spec.yaml") -> Result:
        """A command on a spec, which must not be a bug."""
        self._write(spec, name)
        done = cli(command, name, "--sandbox=t.db", *options, cwd=self.folder, env=ENV)
        assert "This is a bug" not in done.err, done.err
        return done

    def _write(self, spec: Spec, name: str) -> None:
        write_spec(self.folder, spec, name)
        for key in sorted(set(re.findall(r"keys/([a-z])\.pub\.pem", str(spec)))):
            (self.folder / "keys" / f"{key}.pub.pem").write_text(public_key(key))

    def run_into(
        self, accident: Mapping[str, Any] | Sequence[Mapping[str, Any]], command: str, spec: Spec, *options: object
    ) -> Result:
        """A command over a socket, on which one request meets an accident, or several do."""
        accidents = [accident] if isinstance(accident, Mapping) else [*accident]
        self._write(spec, "spec.yaml")
        (self.folder / "faults.json").write_text(json.dumps(accidents))
        with served(self.folder / "t.db", "--faults", self.folder / "faults.json") as host:
            env = {**ENV, "AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"}
            return cli(command, "spec.yaml", *options, cwd=self.folder, env=env)

    def plan(self, spec: Spec, *options: object) -> dict[str, Any]:
        """The plan, which must be possible."""
        done = self.run("plan", spec, "--format", "json", *options)
        assert done.code == 0, done.err
        document: dict[str, Any] = done.json
        return document

    def apply(self, spec: Spec, *options: object) -> Result:
        """An apply that must succeed."""
        done = self.run("apply", spec, "-y", "--debug", *options)
        assert done.code == 0, done.out + done.err
        return done

    def destroy(self, spec: Spec, *options: object) -> Result:
        """A destroy that must succeed."""
        done = self.run("destroy", spec, "-y", "--debug", *options)
        assert done.code == 0, done.out + done.err
        return done

    def refused(self, command: str, spec: Spec, *options: object) -> str:
        """What a command says that refuses, having changed nothing."""
        before = self.state()
        done = self.run(command, spec, *options)
        assert done.code == 1, done.out
        assert self.state() == before
        return done.err

    def state(self) -> Tenant:
        """Everything that the tenant holds."""
        return tenant(self.folder / "t.db")

    def client(self, name: str) -> dict[str, Any]:
        """The one application of this name."""
        return by_name(self.state()["clients"], name)

    def patch(self, name: str, body: Any) -> None:
        """Somebody changes an application in the dashboard."""
        self.hands.ask("PATCH", f"clients/{self.client(name)['client_id']}", body)

    def enabled(self, connection: str) -> set[str]:
        """The names of the applications that may use a connection."""
        state = self.state()
        wanted = by_name(state["connections"], connection)["id"]
        rows = [row for row in state["enablements"].values() if row["connection_id"] == wanted]
        return {state["clients"][row["client_id"]]["name"] for row in rows}

    def grants(self, name: str) -> set[str]:
        """The APIs that an application may ask for tokens for on behalf of users."""
        client_id = self.client(name)["client_id"]
        found = [grant for grant in self.state()["client_grants"].values() if grant["client_id"] == client_id]
        return {grant["audience"] for grant in found if grant["subject_type"] == "user"}

    def assert_done(self, spec: Spec, *options: object) -> None:
        """There is nothing to do, and an apply that is told to do it sends no write."""
        again = self.apply(spec, *options)
        assert again.out.startswith("No changes."), again.out
        assert writes(again) == []


@contextmanager
def world(folder: Path, *, empty: bool = False) -> Iterator[World]:
    """A tenant of the sample company, or a bare one."""
    with by_hand(folder / "t.db", empty=empty) as hands:
        yield World(folder, hands)


@cache
def public_key(name: str) -> str:
    """A public key of this name, the same for as long as the tests run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def kid(name: str) -> str:
    """How Auth0 and addresses name the key."""
    return read_public_key(public_key(name)).kid


def writes(result: Result) -> list[str]:
    """The writes of a `--debug` run: method, collection, in order."""
    return [" ".join(line.split()[:2]).replace("/api/v2/", "") for line in requests_of(result, *WRITES)]


def changes(document: Mapping[str, Any]) -> dict[str, str]:
    """What a plan does, by address."""
    return {change["address"]: change["action"] for change in document["changes"]}


def orphans(document: Mapping[str, Any]) -> set[str]:
    """The addresses of what a plan says is left behind."""
    return {orphan["address"] for orphan in document["orphans"]}


def change_of(document: Mapping[str, Any], address: str) -> dict[str, Any]:
    """The one change of an address."""
    found = [change for change in document["changes"] if change["address"] == address]
    assert len(found) == 1, changes(document)
    return dict(found[0])


def changed_paths(before: Any, after: Any) -> set[str]:
    """Dotted paths at which two objects differ."""
    return {".".join(path) for path in differing(before, after)}


def web(*flavors: Any, **more: Any) -> Spec:
    """A regular web application of a spec."""
    return {"type": "regular_web", "flavors": list(flavors or ("refresh_token_exchange",)), **more}


def worker(*keys: str, **more: Any) -> Spec:
    """A worker of a spec, with public keys of these names beside the spec."""
    settings = {
        "public_keys": [{"file": f"keys/{key}.pub.pem"} for key in keys or ("nightly-sync",)],
        "ip_allowlist": ["203.0.113.0/24"],
        "grants": {"google-oauth2": [CALENDAR]},
        **more.pop("settings", {}),
    }
    return {"type": "m2m", "flavors": [{"privileged_worker": settings}], "connections": ["google-oauth2"], **more}


def marks(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without the digests of which objects the spec had when a mark was written, and of what it asked."""
    return {key: re.sub(r" (spec|ask):[=\w-]+", "", str(value)) for key, value in metadata.items()}


def spec_of(applications: Mapping[str, Any], *connections: str, **more: Any) -> Spec:
    """A spec of the name `acme`."""
    used = {name: {} for name in connections or ("google-oauth2",)}
    return {"version": 1, "name": "acme", "connections": used, "applications": dict(applications), **more}
