"""Which web pages may call the tenant from a browser: those of the origins that its applications name."""

from __future__ import annotations

from urllib.parse import urlsplit

from .management import Message
from .store import Document, Transaction

LISTS = ("web_origins", "allowed_origins", "callbacks")


def headers(tx: Transaction, message: Message) -> dict[str, str]:
    """What lets the page that asks read the answer; nothing when no application is served from its origin."""
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
    return {_origin(address) for name in LISTS for address in client.get(name) or []}


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"
