"""What of an application of the tenant is in a spec's way, how one is created, and what a change of it risks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.kinds.base import Object, fixed
from tokenvault.model.constraints import Default, Equals, NotIn, OneOf
from tokenvault.model.desired import DesiredObject, node_of
from tokenvault.model.marks import read_mark, value_before
from tokenvault.model.paths import get_path
from tokenvault.model.spec import PUBLIC_TYPES

LEGACY_GRANTS = "http://auth0.com/oauth/legacy/"
METHODS, METHOD = "client_authentication_methods", "token_endpoint_auth_method"
KEYS = f"{METHODS}.private_key_jwt.credentials"
CONFIDENTIAL = "the spec says that the application keeps a secret"
TYPE_NAMES = {
    "regular_web": "a regular web application",
    "non_interactive": "a machine-to-machine application",
    "spa": "a single-page application",
    "native": "a native application",
    "resource_server": "a Custom API Client",
}
OTHER_API = (
    "Auth0 links the two for good: give the API its identifier back, or list the other under another key of `apis`."
)


def refine(node: DesiredObject, live: Object | None) -> DesiredObject:
    """The node, which goes on keeping a secret while the spec gives a type that does to what was public.

    How it authenticated before is given back together with its type.
    """
    asked, mark = node.constraints.get(METHOD), read_mark((live or {}).get("client_metadata"))
    if mark is None or not isinstance(asked, Default) or asked.value == "none":
        return node
    types = [value_before(each)[1] for each in mark.provisions if (each.verb, each.slot) == ("was", "type")]
    if not PUBLIC_TYPES.intersection(types) or not isinstance(node.constraints.get("app_type"), Equals):
        return node
    keeps = NotIn(("none",), asked.value, again_with=asked.again_with)
    requirements = (replace(one, constraint=keeps) if one.path == METHOD else one for one in node.requirements)
    return node_of(node.target, tuple(requirements))


def check(node: DesiredObject, live: Object | None) -> Iterable[Diagnostic]:
    """What makes it impossible to reconcile an application, or takes a word of the spec."""
    if live is None and not node.target.creatable:
        yield Diagnostic(
            code="plan-missing-application",
            summary=f"The tenant has no application with the client id {node.target.identity['client_id']}",
            hint="Check the id and the tenant, or remove `client_id` to have the application created.",
            span=node.span,
            context=node.address,
        )
    if live is not None and live.get("is_global"):
        yield Diagnostic(
            code="plan-global-client",
            summary="The global client cannot be managed",
            hint="It is Auth0's own. Give the client id of an application of yours.",
            span=node.span,
            context=node.address,
        )
    yield from _third_party(node, live or {})
    yield from _type_problems(node, live or {})
    yield from _public_problems(node, live or {})
    yield from fixed(node, live, "resource_server_identifier", what="The API of this Custom API Client", hint=OTHER_API)


def _third_party(node: DesiredObject, live: Object) -> Iterable[Diagnostic]:
    """Taking over a third-party application makes it a first-party one: users are not asked for consent any more."""
    wanted = list(node.requirements_for("is_first_party"))
    said = any(requirement.provenance.source == "spec" for requirement in wanted)
    linked = "resource_server_identifier" in node.target.identity
    if linked or live.get("is_first_party") is not False or not wanted or said:
        return
    if read_mark(live.get("client_metadata")) is None:
        yield Diagnostic(
            code="plan-third-party",
            summary=f'"{live.get("name")}" is a third-party application, and Token Vault serves first-party ones only',
            detail="As a first-party application it asks its users for no consent, whoever runs it.",
            hint=f"If it is your own, write `first_party: true` under {node.address}; else leave it out.",
            span=node.span,
            context=node.address,
        )


def _public_problems(node: DesiredObject, live: Object) -> Iterable[Diagnostic]:
    """A public application is not made confidential in passing: whoever runs it would have to know its secret."""
    if live.get("app_type") not in PUBLIC_TYPES or live.get(METHOD) != "none" or "app_type" not in node.constraints:
        return
    for requirement in node.requirements_for(METHOD):
        leaves_type = isinstance(node.constraints["app_type"], OneOf) and not _is_confidential(node)
        if isinstance(requirement.constraint, NotIn) and leaves_type:
            yield Diagnostic(
                code="plan-public-client",
                summary=f'"{live.get("name")}" is public: it cannot use {requirement.provenance.source}',
                hint="Use access_token_exchange with a backend API. If its backend keeps a client secret, write "
                f"`confidential: true` under {node.address}.",
                span=requirement.provenance.span,
                context=node.address,
            )


def _is_confidential(node: DesiredObject) -> bool:
    return any(requirement.provenance.reason == CONFIDENTIAL for requirement in node.requirements_for(METHOD))


def _type_problems(node: DesiredObject, live: Object) -> Iterable[Diagnostic]:
    """Flavors that an application of the live type cannot hold, where the spec leaves the type to the tenant."""
    app_type = live.get("app_type")
    for requirement in node.requirements_for("app_type"):
        if (
            app_type is not None
            and isinstance(requirement.constraint, OneOf)
            and app_type not in requirement.constraint.values
        ):
            yield Diagnostic(
                code="plan-application-type",
                summary=f'"{live.get("name")}" is {TYPE_NAMES.get(app_type, app_type)}: '
                f"it cannot use {requirement.provenance.source}",
                hint=requirement.constraint.hint,
                span=requirement.provenance.span,
                context=node.address,
            )


def risks(live: Object, patch: Mapping[str, Any]) -> Iterable[str]:
    """The risks of setting these attributes, given what the application has."""
    legacy = [grant for grant in live.get("grant_types") or () if str(grant).startswith(LEGACY_GRANTS)]
    if legacy:
        yield (
            f"it has grant types that Auth0 has retired ({', '.join(legacy[:2])}{', …' * (len(legacy) > 2)}): where the "
            "tenant does not allow them any more, Auth0 refuses every change; remove them in the dashboard first"
        )
    before, after = live.get(METHOD), patch.get(METHOD)
    if before == "none" and after is not None:
        yield "it is public no longer: it must authenticate with its client secret at the token endpoint from now on"
    if METHODS in patch and live.get(METHODS):
        yield "the application can no longer authenticate with its keys, only with its client secret"
    if KEYS in patch and not live.get(METHODS) and before is not None:
        yield "its client secret stops working at the token endpoint: it must authenticate with its key from now on"
    if _ids(get_path(live, KEYS)) - _ids(patch.get(KEYS, get_path(live, KEYS))):
        yield "whoever still authenticates with a key that is removed here is refused from then on"


def _ids(slot: Any) -> set[str]:
    return {str(entry["id"]) for entry in slot or []}


LEAST = ("name", "app_type", "resource_server_identifier", "grant_types")
MARKED = (*LEAST, "client_metadata")


def advice(values: Object, message: str) -> Iterable[str]:
    """Auth0 recommends a key pair for each use; nobody knows whether it insists."""
    signing, authenticating = (values.get(path) or () for path in ("token_vault_privileged_access.credentials", KEYS))
    if any(entry in authenticating for entry in signing):
        yield (
            "If it is that one key serves two uses, give the worker a key pair of its own to authenticate with: "
            "`authentication_keys` beside `public_keys`"
        )


def bodies(body: Object) -> Sequence[Object]:
    """A Custom API Client is created with what Auth0 is known to take for one; the mark goes along where it is taken."""
    if body.get("app_type") != "resource_server":
        return (body,)
    return tuple({name: body[name] for name in names if name in body} for names in (MARKED, LEAST))
