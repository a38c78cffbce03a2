"""Where a case happens: a folder with spec files, the tenant, and the people who change it beside tokenvault."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.reliability.sequences.facts import ME, OFFLINE_SCOPE, Fact, Spec
from tests.reliability.sequences.tenant import Refused, State, Tenant
from tokenvault.flavors.public_keys import read_public_key

Step = dict[str, Any]
KEYS = ("a", "b", "c", "d")
ENV = {
    "CRM_ID": "crm-client",
    "CRM_SECRET": "canary-crm-secret",
    "CRM_NOTE": "canary-note",
    "CRM_HOST": "crm.example.com",
    "FRONT_HOST": "front.example.com",
    "SANDBOX_DOMAIN": "sandbox.localhost",
}
OPPOSITES = {"first_party": {"is_first_party": False}, "secret": {"token_endpoint_auth_method": "none"}}
FILES = {"values/region.txt": "eu-west", "values/secret.txt": "canary-file-secret"}
_REFERENCE = re.compile(r"\$\{(env|file):([^}:]+)(?::-([^}]*))?\}")


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """The private key of this name, the same for as long as the process runs."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def public_key(name: str) -> str:
    """Its public half."""
    return private_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def kids() -> Mapping[str, str]:
    """How Auth0 names each key, by the file that a spec names."""
    return {f"keys/{name}.pub.pem": read_public_key(public_key(name)).kid for name in KEYS}


def resolved(value: Any, env: Mapping[str, str]) -> Any:
    """A value of a spec, with what its references stand for."""
    if isinstance(value, dict):
        return {key: resolved(item, env) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, env) for item in value]
    return _REFERENCE.sub(lambda m: _referred(m, env), value) if isinstance(value, str) else value


def _referred(found: re.Match[str], env: Mapping[str, str]) -> str:
    how, name, default = found.groups()
    return FILES[name] if how == "file" else env.get(name, default or "")


class World:
    """One folder, one tenant, two specs."""

    def __init__(self, folder: Path, tenant: Tenant) -> None:
        self.folder, self.tenant = folder, tenant
        self._named: dict[str, str] = {}
        for name in KEYS:
            _write(folder / f"keys/{name}.pub.pem", public_key(name))
        for name, text in FILES.items():
            _write(folder / name, text)

    # ---- specs

    def variables(self) -> dict[str, str]:
        """The environment: `ID_<NAME>` is the client id of whatever application first had that name."""
        for client_id, client in self.tenant.state()["clients"].items():
            self._named.setdefault(f"ID_{re.sub('[^A-Z0-9]', '_', str(client['name']).upper())}", client_id)
        return {**ENV, "ID_OLD_PORTAL": "gone", "ID_OLD_JOB": "gone", **self._named}

    def write(self, spec: Spec, layout: str, prefix: str) -> list[str]:
        """Writes a spec in one file or several, and answers the files in the order in which they are given."""
        first, *more = {"one": _one, "split": _split, "overlay": _overlay}[layout](spec)
        parts = [{**first, "variables": VARIABLES}, *more]
        names = [f"{prefix}{number}.yaml" for number in range(len(parts))]
        for name, part in zip(names, parts, strict=True):
            (self.folder / name).write_text(yaml.dump(part, Dumper=_Dumper, sort_keys=False))
        return names

    def ids(self, spec: Spec, state: State, env: Mapping[str, str]) -> dict[str, str]:
        """The client id of each application of a spec that is in the tenant: given, marked, or of its name."""
        return {
            key: found
            for key, app in resolved(spec.get("applications", {}), env).items()
            if (found := _find(state, str(spec["name"]), key, app or {}))
        }

    # ---- other people

    def hand(self, step: Step) -> None:
        """Somebody changes the tenant through the Management API; `Refused` where it does not take that."""
        getattr(self, f"_{step['act']}")(step)

    def _application(self, step: Step) -> None:
        client_id = self.tenant.ask("POST", "clients", {"name": step["name"], **step["body"]})["client_id"]
        for audience, scopes in step.get("grants", {}).items():
            body = {"client_id": client_id, "audience": audience, "scope": scopes, "subject_type": "user"}
            self.tenant.ask("POST", "client-grants", body)
        for connection in step.get("connections", ()):
            self._enablement(connection, client_id, True)
        if worker := step.get("worker"):
            self._make_worker(client_id, worker)

    def _make_worker(self, client_id: str, worker: Mapping[str, Any]) -> None:
        key = {"name": "by hand", "credential_type": "public_key", "pem": public_key(worker["key"]), "alg": "RS256"}
        slot = [{"id": self.tenant.ask("POST", f"clients/{client_id}/credentials", key)["id"]}]
        access = {"credentials": slot, "ip_allowlist": worker["addresses"], "grants": worker["grants"]}
        methods = {"private_key_jwt": {"credentials": slot}}
        body = {"client_authentication_methods": methods, "token_endpoint_auth_method": None}
        self.tenant.ask("PATCH", f"clients/{client_id}", {**body, "token_vault_privileged_access": access})

    def _my_account(self, step: Step) -> None:
        api = self.tenant.ask("POST", "resource-servers", {"identifier": ME})
        self.tenant.ask("PATCH", f"resource-servers/{api['id']}", step["body"])

    def _api(self, step: Step) -> None:
        self.tenant.ask("POST", "resource-servers", step["body"])
        if client := step.get("client"):
            self.tenant.ask("POST", "clients", client)

    def _new_connection(self, step: Step) -> None:
        self.tenant.ask("POST", "connections", step["body"])

    def _connection(self, step: Step) -> None:
        """Some options of a connection, or anything else of it."""
        connection, body = self.connection(step["name"]), dict(step["body"])
        if "options" in body:
            body["options"] = {**connection["options"], **body["options"]}
        if "metadata" in body:
            body["metadata"] = {**connection.get("metadata", {}), **body["metadata"]}
        self.tenant.ask("PATCH", f"connections/{connection['id']}", body)

    def _domain(self, step: Step) -> None:
        self.tenant.ask("POST", "custom-domains", {"domain": step["domain"], "type": "auth0_managed_certs"})

    def _mfa(self, step: Step) -> None:
        self.tenant.ask("PUT", "guardian/policies", step["body"])

    def _client(self, step: Step) -> None:
        self.tenant.ask("PATCH", f"clients/{self._whom(step)}", step["body"])

    def _delete_client(self, step: Step) -> None:
        self.tenant.ask("DELETE", f"clients/{self._whom(step)}")

    def _wipe(self, step: Step) -> None:
        """Takes every key out of an application's metadata."""
        client_id = self._whom(step)
        present = self.tenant.state()["clients"][client_id].get("client_metadata", {})
        self.tenant.ask("PATCH", f"clients/{client_id}", {"client_metadata": dict.fromkeys(present)})

    def _wipe_connection(self, step: Step) -> None:
        self.tenant.ask("PATCH", f"connections/{self.connection(step['name'])['id']}", {"metadata": {}})

    def _fill(self, step: Step) -> None:
        """Fills an application's metadata to its ten keys."""
        client_id = self._whom(step)
        present = self.tenant.state()["clients"][client_id].get("client_metadata", {})
        more = {f"fill-{number}": "x" for number in range(10 - len(present))}
        self.tenant.ask("PATCH", f"clients/{client_id}", {"client_metadata": more})

    def _delete_api(self, step: Step) -> None:
        self.tenant.ask("DELETE", f"resource-servers/{self._api_id(step['identifier'])}")

    def _patch_api(self, step: Step) -> None:
        self.tenant.ask("PATCH", f"resource-servers/{self._api_id(step['identifier'])}", step["body"])

    def _enable(self, step: Step) -> None:
        self._enablement(step["connection"], self._whom(step), step["status"])

    # ---- taking one fact away

    def take(self, fact: Fact) -> None:
        """Somebody takes exactly this away."""
        {
            "enabled": lambda: self._enablement(fact[1], fact[2], False),
            "grant": lambda: self._take_grant(fact),
            "policy": lambda: self._take_policy(fact),
            "address": lambda: self._take_privileged(fact),
            "worker_grant": lambda: self._take_privileged(fact),
            "api_scope": lambda: self._take_api_scope(fact),
            "api_client": lambda: self._take_api_client(fact),
            "accounts": lambda: self._take_accounts(fact),
            "scope": lambda: self._take_scope(fact),
            "option": lambda: self._take_option(fact),
            "setting": lambda: self.tenant.ask("PATCH", f"clients/{fact[1]}", OPPOSITES[fact[2]]),
            "client": lambda: self.tenant.ask("DELETE", f"clients/{fact[1]}"),
        }.get(fact[0], lambda: self._take_listed(fact))()

    def _take_listed(self, fact: Fact) -> None:
        attribute = {"logout_urls": "allowed_logout_urls"}.get(fact[0], fact[0])
        present = self.tenant.state()["clients"][fact[1]].get(attribute) or []
        self.tenant.ask("PATCH", f"clients/{fact[1]}", {attribute: [item for item in present if item != fact[2]]})

    def _take_grant(self, fact: Fact) -> None:
        grants = self.tenant.state()["client_grants"].values()
        wanted = (fact[1], fact[2], fact[3])
        grant = next(g for g in grants if (g["client_id"], g["audience"], g.get("subject_type")) == wanted)
        if fact[4]:
            rest = [scope for scope in grant["scope"] if scope != fact[4]]
            self.tenant.ask("PATCH", f"client-grants/{grant['id']}", {"scope": rest})
        else:
            self.tenant.ask("DELETE", f"client-grants/{grant['id']}")

    def _take_policy(self, fact: Fact) -> None:
        refresh = deepcopy(self.tenant.state()["clients"][fact[1]]["refresh_token"])
        kept = []
        for policy in refresh["policies"]:
            rest = [scope for scope in policy.get("scope") or () if scope != fact[3]]
            if policy["audience"] != fact[2]:
                kept.append(policy)
            elif fact[3] and rest:
                kept.append({**policy, "scope": rest})
        self.tenant.ask("PATCH", f"clients/{fact[1]}", {"refresh_token": {**refresh, "policies": kept}})

    def _take_privileged(self, fact: Fact) -> None:
        access = deepcopy(self.tenant.state()["clients"][fact[1]]["token_vault_privileged_access"])
        if fact[0] == "address":
            access["ip_allowlist"].remove(fact[2])
        elif fact[3]:
            grant = next(grant for grant in access["grants"] if grant["connection"] == fact[2])
            grant["scopes"].remove(fact[3])
        else:
            access["grants"] = [grant for grant in access["grants"] if grant["connection"] != fact[2]]
        self.tenant.ask("PATCH", f"clients/{fact[1]}", {"token_vault_privileged_access": access})

    def _take_api_scope(self, fact: Fact) -> None:
        api = next(a for a in self.tenant.state()["resource_servers"].values() if a["identifier"] == fact[1])
        rest = [scope for scope in api["scopes"] if scope["value"] != fact[2]]
        self.tenant.ask("PATCH", f"resource-servers/{api['id']}", {"scopes": rest})

    def _take_api_client(self, fact: Fact) -> None:
        clients = self.tenant.state()["clients"].values()
        found = next(c for c in clients if c.get("resource_server_identifier") == fact[1])
        self.tenant.ask("DELETE", f"clients/{found['client_id']}")

    def _take_accounts(self, fact: Fact) -> None:
        connection = self.connection(fact[1])
        self.tenant.ask("PATCH", f"connections/{connection['id']}", {"connected_accounts": {"active": False}})

    def _take_scope(self, fact: Fact) -> None:
        connection = self.connection(fact[1])
        options = dict(connection["options"])
        for name in ("scope", "freeform_scopes"):
            if isinstance(options.get(name), str):
                options[name] = " ".join(word for word in options[name].split() if word != fact[2])
            elif options.get(name):
                options[name] = [word for word in options[name] if word != fact[2]]
        booleans = {"user:email": "email", "read:user": "read_user"}
        if connection["strategy"] not in OFFLINE_SCOPE:
            options.pop(booleans.get(fact[2], fact[2]), None)
        self.tenant.ask("PATCH", f"connections/{connection['id']}", {"options": options})

    def _take_option(self, fact: Fact) -> None:
        connection = self.connection(fact[1])
        holder, dot, setting = fact[2].partition(".")
        if dot:
            rest = {name: value for name, value in (connection.get(holder) or {}).items() if name != setting}
            self.tenant.ask("PATCH", f"connections/{connection['id']}", {holder: rest or None})
            return
        options = {name: value for name, value in connection["options"].items() if name != fact[2]}
        self.tenant.ask("PATCH", f"connections/{connection['id']}", {"options": options})

    # ---- finding

    def connection(self, name: str) -> dict[str, Any]:
        """The connection of this name."""
        found = [c for c in self.tenant.state()["connections"].values() if c["name"] == name]
        if not found:
            raise Refused(f"no connection {name}")
        return found[0]

    def _whom(self, step: Step) -> str:
        clients = self.tenant.state()["clients"].values()
        for client in clients:
            mark = str(client.get("client_metadata", {}).get("tokenvault", "")).partition(" ")[0]
            if step["whom"] in (client["name"], mark.partition("/")[2]):
                return str(client["client_id"])
        raise Refused(f"no application {step['whom']}")

    def _api_id(self, identifier: str) -> str:
        found = [a for a in self.tenant.state()["resource_servers"].values() if a["identifier"] == identifier]
        if not found:
            raise Refused(f"no API {identifier}")
        return str(found[0]["id"])

    def _enablement(self, connection: str, client_id: str, status: bool) -> None:
        body = [{"client_id": client_id, "status": status}]
        self.tenant.ask("PATCH", f"connections/{self.connection(connection)['id']}/clients", body)


def _find(state: State, spec_name: str, key: str, app: Mapping[str, Any]) -> str | None:
    if given := app.get("client_id"):
        return str(given) if given in state["clients"] else None
    named = []
    for client_id, client in state["clients"].items():
        mark = str(client.get("client_metadata", {}).get("tokenvault", "")).partition(" ")[0]
        if mark == f"{spec_name}/{key}":
            return client_id
        if client["name"] == app.get("name", key) and not client.get("resource_server_identifier"):
            named.append(client_id)
    return named[0] if len(named) == 1 else None


# ---- layouts

VARIABLES = [
    "FRONT_HOST", "CRM_HOST", "CRM_ID", "ID_OLD_PORTAL", "ID_OLD_JOB", "SANDBOX_DOMAIN", {"name": "CRM_NOTE", "sensitive": True}
]  # fmt: skip
"""What every spec lets be shown, and the one that is a secret among its options."""


class _Dumper(yaml.SafeDumper):
    """Writes no aliases: a spec that repeats a value says it twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _one(spec: Spec) -> list[Spec]:
    return [spec]


def _split(spec: Spec) -> list[Spec]:
    """Applications in a file of their own."""
    rest = {key: value for key, value in spec.items() if key != "applications"}
    head = {key: spec[key] for key in ("version", "name")}
    return [rest, {**head, "applications": spec.get("applications", {})}]


def _overlay(spec: Spec) -> list[Spec]:
    """A base, and a file that says its connections once more, over it."""
    head = {key: spec[key] for key in ("version", "name")}
    return [spec, {**head, "overlay": True, "connections": spec.get("connections", {})}]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def shown(value: Any) -> str:
    """A value as one line of JSON."""
    return json.dumps(value, sort_keys=True, default=str)
