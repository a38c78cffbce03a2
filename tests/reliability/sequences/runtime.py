"""What works at run time: each exchange that doctor judges is tried at the sandbox."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt

from tests.reliability.sequences.tenant import State, Tenant
from tests.reliability.sequences.world import KEYS, kids, private_key
from tokenvault.sandbox import DOMAIN
from tokenvault.sandbox.errors import OAuthError

EXCHANGE = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
TYPE = "urn:ietf:params:oauth:token-type:"
FEDERATED = "http://auth0.com/oauth/token-type/federated-connection-access-token"
TOKEN_VAULT = "http://auth0.com/oauth/token-type/token-vault-access-token"
LOGIN = ("authorization_code", "refresh_token")
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAY_STOP = frozenset({"connection-offline-access", "api-client-enabled"})
"""What doctor asks a person to look at, and the sandbox may refuse an exchange for: here it knows of no provider that issues
refresh tokens unasked, and it takes Auth0's documents at their word that a Custom API Client must be enabled."""

SPEC_ALONE = frozenset({"worker-authentication", "worker-ip-allowlist", "worker-key", "worker-scopes"})
"""What doctor compares with the keys, addresses and scopes that a spec lists by now: here a worker is tried with those it has."""


def disagreements(tenant: Tenant, doctor: dict[str, Any], *, looks_at_mfa: bool) -> Iterator[tuple[str, Any]]:
    """Cases that doctor calls ready and that do not work, and the other way round.

    Without `looks_at_mfa` the spec tells doctor not to look at the MFA policy (`mfa_policy: ignore`), so nothing is tried
    under it: that policy is taken to be met, and all the rest has to agree.
    """
    before = tenant.state()
    try:
        if not looks_at_mfa:
            tenant.ask("PUT", "guardian/policies", [])
        for case in doctor["cases"]:
            if case["state"] not in ("ready", "not ready") or not case["connection"]:
                continue
            refusal = _tried(tenant, case)
            if (case["state"] == "ready") == (refusal is None):
                continue
            looks = {name for name, state in case["preconditions"].items() if state == "check"}
            if case["state"] == "ready" and (looks & MAY_STOP or _asks_by_parameter(before, case["connection"])):
                continue
            doubts = sorted(name for name, state in case["preconditions"].items() if state == case["state"])
            if case["state"] == "not ready" and set(doubts) <= SPEC_ALONE:
                continue
            because = f": {', '.join(doubts[:3])}" if case["state"] == "not ready" else f": {_plain(refusal)}"
            yield f"{case['flavor']} is {case['state']}{because}", {"case": case, "refusal": refusal}
    finally:
        tenant.load(before)


def _asks_by_parameter(state: State, name: str) -> bool:
    """Whether the login request asks for offline access, and the option for it does not: whether that is enough at Auth0 no
    document says, doctor takes it for enough, and the sandbox does not.
    """
    options = next((c.get("options") or {} for c in state["connections"].values() if c["name"] == name), {})
    parameters = options.get("upstream_params") or {}
    return parameters.get("access_type") == {"value": "offline"} and not options.get("offline_access")


def _plain(refusal: str | None) -> str:
    return " ".join(word for word in (refusal or "works").split() if len(word) < 30)[:90]


def _tried(tenant: Tenant, case: dict[str, Any]) -> str | None:
    """Why a new user of the application gets no token, or None."""
    user = f"auth0|{uuid.uuid4().hex}"
    try:
        return _USES[case["flavor"]](tenant, case, user)
    except OAuthError as refusal:
        return f"{refusal.body()}"


def _connect(tenant: Tenant, case: dict[str, Any], user: str) -> str | None:
    """A user connects an account; what is kept of it is good for something when a backend can exchange it."""
    if not case["client_id"]:
        return "no application"
    tenant.sandbox.connect(user, case["connection"], client_id=case["client_id"])
    tokens = {"rotation_type": "non-rotating", "expiration_type": "non-expiring"}
    backend = _somebody(tenant, case, grant_types=[*LOGIN, EXCHANGE], refresh_token=tokens)
    token = tenant.sandbox.issue_refresh_token(user, backend)
    form = {"subject_token": token, "subject_token_type": f"{TYPE}refresh_token", "requested_token_type": FEDERATED}
    return _exchanged(tenant, {**case, "client_id": backend, "exchanging_client_id": None}, form)


def _somebody(tenant: Tenant, case: dict[str, Any], **settings: Any) -> str:
    """Another application that is as Token Vault wants it, with the connection enabled; its client id."""
    body = {"name": "Somebody", "app_type": "regular_web", "oidc_conformant": True, "callbacks": ["https://a.example"]}
    body |= {"jwt_configuration": {"alg": "RS256"}, "token_endpoint_auth_method": "client_secret_post", **settings}
    client_id = str(tenant.ask("POST", "clients", body)["client_id"])
    connection = next(c for c in tenant.state()["connections"].values() if c["name"] == case["connection"])
    enabled = [{"client_id": client_id, "status": True}]
    tenant.ask("PATCH", f"connections/{connection['id']}/clients", enabled)
    return client_id


def _by_refresh_token(tenant: Tenant, case: dict[str, Any], user: str) -> str | None:
    if not case["client_id"]:
        return "no application"
    tenant.sandbox.connect(user, case["connection"], client_id=case["client_id"])
    token = tenant.sandbox.issue_refresh_token(user, case["client_id"])
    form = {"subject_token": token, "subject_token_type": f"{TYPE}refresh_token", "requested_token_type": FEDERATED}
    return _exchanged(tenant, case, form)


def _by_access_token(tenant: Tenant, case: dict[str, Any], user: str) -> str | None:
    client = tenant.state()["clients"].get(case["exchanging_client_id"] or "")
    if client is None:
        return "no Custom API Client"
    if case["preconditions"].get("application-exists") == "not ready":
        return "no application"
    audience = client["resource_server_identifier"]
    if case["client_id"] in (None, client["client_id"]):
        return _for_anybody(tenant, case, user, audience)
    tenant.sandbox.connect(user, case["connection"], client_id=case["client_id"])
    tenant.sandbox.issue_refresh_token(user, case["client_id"], audience=audience)
    return _exchanged_for_caller(tenant, case, user, case["client_id"], audience)


def _for_anybody(tenant: Tenant, case: dict[str, Any], user: str, audience: str) -> str | None:
    """An API that exchanges for callers which no spec knows: one comes, whose user has connected the account elsewhere."""
    tenant.sandbox.connect(user, case["connection"])
    body = {
        "name": "A caller",
        "app_type": "regular_web",
        "grant_types": ["authorization_code"],
        "is_first_party": False,
    }
    caller = tenant.ask("POST", "clients", body)["client_id"]
    scopes = [
        scope["value"]
        for api in tenant.state()["resource_servers"].values()
        if api["identifier"] == audience
        for scope in api.get("scopes") or ()
    ]
    grant = {"client_id": caller, "audience": audience, "scope": scopes, "subject_type": "user"}
    tenant.ask("POST", "client-grants", grant)
    return _exchanged_for_caller(tenant, case, user, caller, audience)


def _exchanged_for_caller(tenant: Tenant, case: dict[str, Any], user: str, caller: str, audience: str) -> str | None:
    token = tenant.sandbox.issue_access_token(user, caller, audience)
    form = {"subject_token": token, "subject_token_type": f"{TYPE}access_token", "requested_token_type": FEDERATED}
    return _exchanged(tenant, case, form)


def _by_worker(tenant: Tenant, case: dict[str, Any], user: str) -> str | None:
    client = tenant.state()["clients"].get(case["client_id"] or "", {})
    access = client.get("token_vault_privileged_access") or {}
    addresses = access.get("ip_allowlist") or ["127.0.0.1"]
    tenant.sandbox.connect(user, case["connection"])
    refusals = []
    for entry in access.get("credentials") or ():
        key = tenant.state()["credentials"][f"{client['client_id']}/{entry['id']}"]
        signer = _signer(key)
        refusals.append(_exchanged(tenant, case, _signed(case, user, signer), addresses[0].partition("/")[0]))
    return str(refusals[:1]) if None not in refusals else None


@dataclass(frozen=True)
class Signer:
    """A private key by its name, and the algorithm that Auth0 takes it with."""

    name: str
    algorithm: str


def _signer(key: dict[str, Any]) -> Signer:
    """The private key of a credential."""
    return Signer(next(name for name in KEYS if kids()[f"keys/{name}.pub.pem"] == key["kid"]), key["alg"])


def _signed(case: dict[str, Any], user: str, signer: Signer) -> dict[str, str]:
    claims = {"sub": user, "iss": case["client_id"], "audit_context": "a test"}
    token = _jwt(claims, signer, {"typ": "token-vault-req+jwt"})
    return {"subject_token": token, "subject_token_type": f"{TYPE}jwt", "requested_token_type": TOKEN_VAULT}


def _jwt(claims: dict[str, Any], signer: Signer, header: dict[str, str]) -> str:
    now = int(time.time())
    full = {"aud": f"https://{DOMAIN}/", "iat": now, "exp": now + 60, "jti": uuid.uuid4().hex, **claims}
    kid = kids()[f"keys/{signer.name}.pub.pem"]
    return jwt.encode(full, private_key(signer.name), algorithm=signer.algorithm, headers={**header, "kid": kid})


def _exchanged(tenant: Tenant, case: dict[str, Any], form: dict[str, str], address: str = "127.0.0.1") -> str | None:
    state = tenant.state()
    client = state["clients"][case["exchanging_client_id"] or case["client_id"]]
    methods = client.get("client_authentication_methods") or {}
    slot = methods.get("private_key_jwt", {}).get("credentials", ())
    signers = [_signer(state["credentials"][f"{client['client_id']}/{entry['id']}"]) for entry in slot]
    whole = {"grant_type": EXCHANGE, "client_id": client["client_id"], "connection": case["connection"], **form}
    if signers:
        claims = {"iss": client["client_id"], "sub": client["client_id"]}
        whole |= {"client_assertion_type": ASSERTION, "client_assertion": _jwt(claims, signers[0], {"typ": "JWT"})}
    elif client.get("token_endpoint_auth_method") != "none":
        whole["client_secret"] = client.get("client_secret", "")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if client.get("token_endpoint_auth_method") == "client_secret_basic":
        headers["authorization"] = httpx.BasicAuth(client["client_id"], whole.pop("client_secret"))._auth_header
    request = httpx.Request("POST", f"http://{DOMAIN}/oauth/token", headers=headers, content=urlencode(whole))
    status, answer = tenant.send(request, address)
    return None if status == 200 else f"{status} {answer}"


_USES = {
    "connected_accounts": _connect,
    "refresh_token_exchange": _by_refresh_token,
    "access_token_exchange": _by_access_token,
    "privileged_worker": _by_worker,
}
