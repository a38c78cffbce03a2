"""`/sandbox/…`: what a test asks of the sandbox, with its own bearer token, and the made-up provider. No tenant has this."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import provider_api
from .faults import parse_rules
from .management import Message
from .routing import Reply

if TYPE_CHECKING:
    from .core import Sandbox

PREFIX = "/sandbox/"


def answer(sandbox: Sandbox, message: Message) -> Reply:
    """The reply to a request below /sandbox/."""
    if message.path == provider_api.PREFIX or message.path.startswith(f"{provider_api.PREFIX}/"):
        with sandbox.store.read() as tx:
            return provider_api.answer(tx, message.path, message.headers.get("authorization"), sandbox.clock())
    if message.headers.get("authorization") != f"Bearer {sandbox.token}":
        return Reply(401, {"error": "Unauthorized", "message": f"send `Authorization: Bearer {sandbox.token}`"})
    match message.method, message.path.removeprefix(PREFIX):
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
