"""The Token Vault exchange, performed: who asks, with which proof, for whose token, and what came back.

Time and unique ids come in; only `TokenEndpoint` talks to Auth0. The provider's token is a secret from the moment it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tokenvault.exchange.worker_jwt import OnBehalf, PrivateKey, client_assertion, subject_token
from tokenvault.flavors.runtime.errors import error_named, run_time_error
from tokenvault.flavors.runtime.request import ASSERTION_TYPE, ExchangeRequest
from tokenvault.secrets import Secret

if TYPE_CHECKING:
    from tokenvault.exchange.exchanger import Exchanger
    from tokenvault.tenant.token_endpoint import BasicAuth, Form, TokenEndpoint

FORMAT, VERSION = "tokenvault-exchange", "1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretProof:
    """A client secret, in the form or (`basic`) in the Authorization header."""

    secret: Secret
    basic: bool = False


Proof = SecretProof | PrivateKey
Subject = Secret | tuple[OnBehalf, PrivateKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange to perform. The subject is a token, or whom a worker asks for and the key that it signs with."""

    request: ExchangeRequest
    client_id: str
    proof: Proof
    subject: Subject
    connection: str
    login_hint: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What came back. `expires_in` is in seconds."""

    token: Secret
    token_type: str
    issued_token_type: str
    scopes: tuple[str, ...]
    expires_in: int | None


async def perform(endpoint: TokenEndpoint, exchange: Exchange, *, now: float, new_id: Callable[[], str]) -> Exchanged:
    """The provider's token; `TokenRefused` when Auth0 declines."""
    audience = f"https://{endpoint.domain}/"
    form: dict[str, str | Secret] = {
        **exchange.request.form(exchange.connection, login_hint=exchange.login_hint, scope=exchange.scope),
        "subject_token": _subject(exchange, audience, now, new_id),
    }
    proof, basic = _proof(exchange, audience, now, new_id)
    return _answer(await endpoint.request({**form, **proof}, basic))


def _subject(exchange: Exchange, audience: str, now: float, new_id: Callable[[], str]) -> Secret:
    if isinstance(exchange.subject, Secret):
        return exchange.subject
    whom, key = exchange.subject
    return subject_token(exchange.client_id, audience, whom, key, now=now, jti=new_id())


def _proof(exchange: Exchange, audience: str, now: float, new_id: Callable[[], str]) -> tuple[Form, BasicAuth | None]:
    from tokenvault.tenant.token_endpoint import BasicAuth

    match exchange.proof:
        case SecretProof(secret=secret, basic=True):
            return {}, BasicAuth(client_id=exchange.client_id, secret=secret)
        case SecretProof(secret=secret):
            return {"client_id": exchange.client_id, "client_secret": secret}, None
        case PrivateKey() as key:
            assertion = client_assertion(exchange.client_id, audience, key, now=now, jti=new_id())
            signed: Form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
            return {"client_id": exchange.client_id, **signed}, None


def _answer(answer: Mapping[str, Any]) -> Exchanged:
    expires = answer.get("expires_in")
    return Exchanged(
        token=answer["access_token"],
        token_type=str(answer.get("token_type") or "Bearer"),
        issued_token_type=str(answer.get("issued_token_type") or ""),
        scopes=tuple(str(answer.get("scope") or "").split()),
        expires_in=int(expires) if isinstance(expires, int | float) else None,
    )


# ---- as data for people and programs


def exchanged_document(
    exchanged: Exchanged,
    by: Exchanger,
    connection: str,
    provider: str | None,
    *,
    at: float,
    lacks: Sequence[str] = (),
) -> dict[str, Any]:
    """What came back, as public data; never the token. `lacks` are scopes that were asked for and did not come."""
    ends = None if exchanged.expires_in is None else datetime.fromtimestamp(at + exchanged.expires_in, UTC)
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "ok": True,
        "application": by.application,
        "client_id": by.client_id,
        "flavor": by.flavor,
        "connection": connection,
        "provider": provider,
        "token_type": exchanged.token_type,
        "issued_token_type": exchanged.issued_token_type,
        "scopes": list(exchanged.scopes),
        "lacks": list(lacks),
        "expires_in": exchanged.expires_in,
        "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ") if ends else None,
    }


def refused_document(status: int, error: str, description: str) -> dict[str, Any]:
    """A refusal, as public data: what Auth0 said, what it means, and the causes that no tenant shows."""
    known = run_time_error(status, error, description)
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "ok": False,
        "error": {
            "status": status,
            "code": error,
            "description": description,
            "id": known.id if known else None,
            "means": known.means if known else None,
            "causes": list(known.causes) if known else [],
        },
    }


def fitting_first(findings: Sequence[Mapping[str, Any]], error: str | None) -> list[dict[str, Any]]:
    """The findings with whether each explains this refusal: those that end in the very error, and else in its code.

    What explains it comes first, then what else is not ready, what the token hides, and what a person must look at.
    """
    same = [_explains(finding, lambda run_time: run_time["error"] == error) for finding in findings]
    known = error_named(error) if error else None
    codes = known.codes if known else ()
    like = [_explains(finding, lambda run_time: run_time["code"] in codes) for finding in findings]
    fits = same if any(same) else like
    marked = [{**finding, "fits": fit} for finding, fit in zip(findings, fits, strict=True)]
    order = ["not ready", "unknown", "check"]
    return sorted(marked, key=lambda finding: (not finding["fits"], order.index(finding["state"])))


def _explains(finding: Mapping[str, Any], matches: Callable[[Mapping[str, Any]], bool]) -> bool:
    return finding["state"] == "not ready" and bool(finding["at_run_time"]["error"]) and matches(finding["at_run_time"])
