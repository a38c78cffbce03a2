"""`/sandbox/…`: what a test asks of the sandbox itself, with its own bearer token. No tenant has this."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .faults import parse_rules
from .management import Message
from .routing import Reply

if TYPE_CHECKING:
    from .core import Sandbox

PREFIX = "/sandbox/"


def answer(sandbox: Sandbox, message: Message) -> Reply:
    """The reply to a request below /sandbox/."""
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
    return Reply(404, {"error": "Not Found", "message": "known: requests, faults, state"})


def _put_faults(sandbox: Sandbox, body: str) -> Reply:
    try:
        rules = parse_rules(json.loads(body))
    except (ValueError, RecursionError) as problem:
        return Reply(400, {"error": "Bad Request", "message": str(problem)})
    sandbox.traffic.faults.replace(rules)
    return Reply(200, {"rules": len(rules)})
