"""What an application needs to know of what was applied: client ids, and for a private file its secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.exchange import variables
from tokenvault.flavors.provisions import KEYS_SLOT, PRIVILEGED_SLOT, attached_ids, keys_are_separate
from tokenvault.kinds.base import Object
from tokenvault.model.desired import Graph
from tokenvault.model.spec import Spec
from tokenvault.secrets import Secret
from tokenvault.state.desired import build_graph
from tokenvault.state.live import matched
from tokenvault.state.reading import read_applications
from tokenvault.text import safe

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant

SCOPE = "read:client_keys"
FORMAT, VERSION = "tokenvault-output", "1.0"
SECRET, KEYS, NOTHING = "client_secret", "private_key", "none"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One application: where it stands in the spec, its name and id in the tenant, and how it proves who it is.

    With `has_separate_keys` it does so with another key than it signs requests with.
    """

    address: str
    name: str
    client_id: str
    proof: str
    prefix: str
    has_separate_keys: bool = False

    @property
    def names(self) -> Mapping[str, str]:
        """The environment variables for what it needs."""
        found = {"client_id": variables.client_id(self.prefix)}
        match self.proof:
            case "client_secret":
                found["client_secret"] = variables.client_secret(self.prefix)
            case "private_key":
                found["private_key_file"] = variables.private_key_file(self.prefix)
        if self.has_separate_keys:
            found["authentication_key_file"] = variables.authentication_key_file(self.prefix)
        return found


def outputs(graph: Graph, objects: Mapping[str, Object]) -> list[Output]:
    """Every application of the spec; `RefusedError` names those that do not exist yet."""
    addresses = [node.address for node in graph.of_kind("application")]
    missing = [address for address in addresses if address not in objects]
    if missing:
        summary = f"{graph.domain} does not hold {', '.join(missing)} yet"
        hint = "Run `tokenvault apply` first."
        raise RefusedError(Diagnostic(code="output-missing", summary=summary, hint=hint))
    prefixes = variables.prefixes(addresses)
    return [_output(address, objects[address], prefixes[address]) for address in addresses]


def _output(address: str, client: Object, prefix: str) -> Output:
    name, client_id = str(client.get("name", "")), str(client["client_id"])
    return Output(
        address=address,
        name=name,
        client_id=client_id,
        proof=_proof(client),
        prefix=prefix,
        has_separate_keys=keys_are_separate(attached_ids(client, PRIVILEGED_SLOT), attached_ids(client, KEYS_SLOT)),
    )


def _proof(client: Object) -> str:
    if client.get("client_authentication_methods"):
        return KEYS
    return NOTHING if client.get("token_endpoint_auth_method") == "none" else SECRET


def output_document(tenant: str, found: Iterable[Output]) -> dict[str, Any]:
    """The ids as public data: no secret, but the variables in which applications find theirs."""
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "tenant": tenant,
        "applications": [
            {
                "address": one.address,
                "name": one.name,
                "client_id": one.client_id,
                "proof": one.proof,
                "variables": dict(one.names),
            }
            for one in found
        ],
    }


def env_lines(tenant: str, found: Sequence[Output], secrets: Mapping[str, Secret], comment: str) -> Iterator[str]:
    """The lines of a `.env` file, secrets in clear: only for a file that nobody else may read."""
    yield f"# {safe(comment)}"
    yield _line(variables.DOMAIN, tenant)
    for one in found:
        yield ""
        yield f"# {safe(_one_line(one.name))} ({safe(one.address)})"
        yield _line(one.names["client_id"], one.client_id)
        if one.address in secrets:
            yield _line(one.names["client_secret"], secrets[one.address].reveal())
        if "private_key_file" in one.names:
            yield f"# {one.names['private_key_file']}=  the path of its private key, which Auth0 does not have"
        if "authentication_key_file" in one.names:
            yield f"# {one.names['authentication_key_file']}=  the path of the private key that it authenticates with"


def _line(name: str, value: str) -> str:
    if not value.isprintable():
        summary = f"The value for {name} holds characters that cannot be seen"
        hint = "No real tenant gives such a value: look at what answers under this domain. Nothing was written."
        raise RefusedError(Diagnostic(code="output-value", summary=summary, hint=hint))
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    return "{}='{}'".format(name, value.replace("\\", "\\\\").replace("'", "\\'"))


def _one_line(text: str) -> str:
    return " ".join(text.split())


async def found_outputs(tenant: Tenant, spec: Spec) -> list[Output]:
    """The spec's applications as the tenant has them."""
    graph = build_graph(spec, tenant.domain)
    return outputs(graph, matched(graph, await read_applications(tenant)))


async def client_secrets(tenant: Tenant, found: Iterable[Output]) -> Mapping[str, Secret]:
    """The secrets of those that have one, by address; `RefusedError` names every one that the token may not read."""
    params = {"fields": "client_id,client_secret", "include_fields": True}
    wanted = [one for one in found if one.proof == SECRET]
    answers = {one.address: await tenant.get(f"clients/{quote(one.client_id, safe='')}", params) for one in wanted}
    hidden = [address for address, answer in answers.items() if not answer.get("client_secret")]
    if hidden:
        raise RefusedError(_hidden(hidden))
    return {address: Secret(str(answer["client_secret"]), "tenant") for address, answer in answers.items()}


def _hidden(addresses: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        code="output-scope",
        summary=f"The token may not read the client secrets of {', '.join(addresses)}",
        detail="Nothing was written.",
        hint=f"Grant {SCOPE} to the application that the token comes from, or copy the secrets from the dashboard "
        "(https://manage.auth0.com/#/applications). Without --out the ids alone are shown.",
    )
