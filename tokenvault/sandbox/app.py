"""The ASGI application: takes every request and gives it to the Management API, the login endpoints or `/sandbox/…`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import front, management, providers
from .aliases import Alias
from .errors import ApiError, OAuthError
from .faults import Rule, parse_rules, status_reply
from .management import Tenant
from .pages import Html
from .routing import Message, Reply, Visit
from .store import Document, Transaction
from .traffic import break_connection, breaks_connection, spoil

if TYPE_CHECKING:
    from .core import Sandbox

READING = ("GET", "HEAD")


def build_app(sandbox: Sandbox) -> ASGIApp:
    """The tenant as an ASGI application."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        alias = sandbox.names.alias(request.headers.get("host", ""), tls=_is_secure(request))
        try:
            message = await read_message(request, alias)
        except ClientDisconnect:  # the caller went away before it had said all: there is nobody to answer
            return
        if message.path.startswith(CONTROL_PREFIX):
            await render(answer_control(sandbox, message), alias)(scope, receive, send)
            return
        rule = sandbox.traffic.faults.meet(message.method, unquote(message.path))
        response = await answer(sandbox, message, alias, rule)
        lost = breaks_connection(rule)
        sandbox.traffic.log(message.method, message.path, message.query, None if lost else response.status_code, rule)
        if rule and lost:
            await break_connection(rule, response, scope, receive)
        else:
            await response(scope, receive, send)

    # Not wrapped by Starlette: it would answer 500 by itself before whoever serves this hears of a failure of the file.
    return application


# ---- in


def _is_secure(request: Request) -> bool:
    """Whether the caller speaks TLS, to us or to a proxy before us."""
    return "https" in (request.scope.get("scheme"), request.headers.get("x-forwarded-proto"))


async def read_message(request: Request, alias: Alias) -> Message:
    """The request in the canonical domain's terms."""
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    segments = raw.decode("latin-1").partition("?")[0].split("/")
    query = request.scope["query_string"].decode("latin-1")
    return Message(
        method=request.method,
        path="/".join(_inward_segment(alias, segment) for segment in segments),
        query="&".join(_inward_pair(alias, pair) for pair in query.split("&")) if query else "",
        headers={name.lower(): value for name, value in request.headers.items()},
        body=alias.inward_json((await request.body()).decode("utf-8", "replace")),
        client_host=request.client.host if request.client else "127.0.0.1",
    )


def _inward_segment(alias: Alias, segment: str) -> str:
    plain = unquote(segment)
    changed = alias.inward_value(plain)
    return quote(changed, safe="") if changed.startswith(f"https://{alias.canonical}/") else segment


def _inward_pair(alias: Alias, pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{name}={_inward_segment(alias, value)}"


# ---- through


async def answer(sandbox: Sandbox, message: Message, alias: Alias, rule: Rule | None) -> Response:
    """The response to a request, after latency and rate limit: that of the fault that hits it, else the tenant's answer."""
    traffic = sandbox.traffic
    if traffic.latency:
        await asyncio.sleep(traffic.latency)
    limited: Reply | None = None
    headers: dict[str, str] = {}
    if traffic.rate_limit:
        limited, headers = traffic.rate_limit.admit(message.method, message.path, sandbox.clock())
    if limited:
        return render(limited, alias)
    if rule is None:
        return _with_headers(render(serve(sandbox, message, alias), alias), headers | _for_pages(sandbox, message))
    if rule.fault == "slow":
        await asyncio.sleep(rule.duration)
    return spoil(rule, render(_faulty_reply(sandbox, message, alias, rule), alias))


def _for_pages(sandbox: Sandbox, message: Message) -> dict[str, str]:
    """The CORS headers for a web page that calls a login endpoint."""
    if "origin" not in message.headers or not front.is_endpoint(message.path):
        return {}
    with sandbox.store.read() as tx:
        return cors_headers(tx, message)


def _with_headers(response: Response, headers: dict[str, str]) -> Response:
    response.headers.update(headers)
    return response


def _faulty_reply(sandbox: Sandbox, message: Message, alias: Alias, rule: Rule) -> Reply:
    """The reply to a request that a fault hits. It changes the tenant only where the rule's `when` is "after"."""
    if rule.fault == "stale":
        sandbox.ensure_signing_key()  # so that tokens issued from now on can be read in the frozen view
        sandbox.traffic.freeze_reads(sandbox.store, rule.duration)
    if rule.fault == "meanwhile":
        serve(sandbox, _request_of_others(message, rule, sandbox.token), alias)
    if rule.fault in ("stale", "meanwhile", "slow"):
        return serve(sandbox, message, alias)
    happened = serve(sandbox, message, alias) if rule.when == "after" else Reply(rule.status or 200, {})
    return status_reply(rule, sandbox.clock()) if isinstance(rule.fault, int) else happened


def _request_of_others(message: Message, rule: Rule, token: str) -> Message:
    """The request of somebody else that a `meanwhile` rule has carried out just before this one."""
    request = rule.request or {"method": "DELETE"}
    return Message(
        method=request.get("method", "PATCH"),
        path=request.get("path", message.path),
        query="",
        headers={"authorization": f"Bearer {token}"},
        body=json.dumps(request.get("body")),
        client_host="127.0.0.1",
    )


def serve(sandbox: Sandbox, message: Message, alias: Alias) -> Reply:
    """The tenant's reply, in one transaction."""
    visited = front.is_endpoint(message.path)
    if visited or "." in message.headers.get("authorization", ""):
        sandbox.ensure_signing_key()
    try:
        if message.method not in READING or (visited and message.path not in front.PUBLIC):
            with sandbox.store.write() as tx:
                return dispatch(sandbox, tx, message, alias)
        if not visited and (stale := sandbox.traffic.stale_view()):
            return dispatch(sandbox, stale.transaction, message, alias)
        with sandbox.store.read() as tx:
            return dispatch(sandbox, tx, message, alias)
    except (ApiError, OAuthError) as refusal:
        return Reply(refusal.status, refusal.body(), refusal.headers)


def dispatch(sandbox: Sandbox, tx: Transaction, message: Message, alias: Alias) -> Reply:
    """The reply, inside a transaction that somebody else ends."""
    tenant = Tenant(domain=sandbox.canonical_domain, token=sandbox.token, scopes=sandbox.scopes, now=sandbox.clock())
    if message.path.startswith(management.PREFIX + "/"):
        return management.answer(tx, message, tenant)
    visit = Visit(tx=tx, message=message, alias=alias, domain=sandbox.canonical_domain, now=tenant.now)
    return front.answer(visit)


# ---- out


def render(reply: Reply, alias: Alias) -> Response:
    """The reply as an HTTP response in the terms of whoever asked."""
    if reply.body is None:
        return Response(status_code=reply.status, headers=dict(reply.headers))
    if isinstance(reply.body, Html):
        return Response(reply.body.encode(errors="replace"), reply.status, dict(reply.headers))
    text = alias.outward_json(json.dumps(reply.body))
    if reply.status >= 400:
        text = alias.outward_text(text)
    return Response(text, reply.status, dict(reply.headers), "application/json; charset=utf-8")


# ---- which web pages may call the tenant from a browser: those of the origins that its applications name


ORIGIN_LISTS = ("web_origins", "allowed_origins", "callbacks")


def cors_headers(tx: Transaction, message: Message) -> dict[str, str]:
    """The CORS headers that let a page read the answer; none when no application has the page's origin."""
    origin = message.headers.get("origin", "")
    if not origin or not any(origin in _origins(client) for client in tx.find("clients")):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, DELETE",
        "Access-Control-Allow-Headers": message.headers.get("access-control-request-headers", "authorization"),
        "Access-Control-Max-Age": "60",
        "Vary": "Origin",
    }


def _origins(client: Document) -> set[str]:
    return {_origin(address) for name in ORIGIN_LISTS for address in client.get(name) or []}


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


# ---- `/sandbox/…`: what a test asks of the sandbox, with its own bearer token; no tenant has this


CONTROL_PREFIX = "/sandbox/"


def answer_control(sandbox: Sandbox, message: Message) -> Reply:
    """The reply to a request below /sandbox/."""
    if message.path == providers.API_PREFIX or message.path.startswith(f"{providers.API_PREFIX}/"):
        with sandbox.store.read() as tx:
            return providers.answer_api(tx, message.path, message.headers.get("authorization"), sandbox.clock())
    if message.headers.get("authorization") != f"Bearer {sandbox.token}":
        return Reply(401, {"error": "Unauthorized", "message": f"send `Authorization: Bearer {sandbox.token}`"})
    match message.method, message.path.removeprefix(CONTROL_PREFIX):
        case "GET", "requests":
            return Reply(200, sandbox.traffic.requests)
        case "DELETE", "requests":
            sandbox.traffic.requests.clear()
            return Reply(204)
        case "PUT", "faults":
            return _put_faults(sandbox, message.body)
        case "GET", "state":
            return Reply(200, sandbox.export_state(masked=True))
    return Reply(404, {"error": "Not Found", "message": "known: requests, faults, state, provider"})


def _put_faults(sandbox: Sandbox, body: str) -> Reply:
    try:
        rules = parse_rules(json.loads(body))
    except (ValueError, RecursionError) as problem:
        return Reply(400, {"error": "Bad Request", "message": str(problem)})
    sandbox.traffic.faults.replace(rules)
    return Reply(200, {"rules": len(rules)})
