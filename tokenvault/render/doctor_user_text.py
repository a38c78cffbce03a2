"""What doctor says of one user, in the terminal, drawn from its JSON form: the verdict, each connection, what failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokenvault.render.doctor_text import wrapped
from tokenvault.render.style import PLAIN, Painter
from tokenvault.render.words import counted
from tokenvault.text import safe

Document = dict[str, Any]
COLOURS = {"ready": "green", "unknown": "yellow"}
REFRESH = {
    True: "yes, the last exchange worked",
    False: "no, or none that the provider takes",
    None: "not told by the API",
}


def user_text(document: Document, paint: Painter = PLAIN, *, width: int = 80) -> str:
    """Every user who was asked for."""
    blocks = [_user(user, document, paint, width) for user in document["users"]]
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _user(user: Document, document: Document, paint: Painter, width: int) -> list[str]:
    states = [connection["state"] for connection in user["connections"]]
    ready = states.count("ready")
    word = "Ready." if states and ready == len(states) else "Not ready."
    told = f"{word} {user['user_id']} on {document['tenant']}: {ready} of {counted(len(states), 'connection')} ready."
    first, *rest = wrapped("", told, width)
    lines = [paint(word, "bold", "green" if word == "Ready." else "red") + first.removeprefix(word), *rest]
    for connection in user["connections"]:
        lines += _connection(connection, paint, width)
    if not states:
        lines += ["", *wrapped("", "No application uses Token Vault, and the user has connected no account.", width)]
    return [*lines, *_failures(user, paint, width)]


def _connection(connection: Document, paint: Painter, width: int) -> Iterator[str]:
    state = connection["state"]
    yield ""
    yield f"{paint(safe(connection['connection']), 'bold')}: {paint(state, COLOURS.get(state, 'red'))}"
    for reason in connection["because"]:
        yield from wrapped("  - ", reason, width)
    for account in connection["accounts"]:
        yield from _account(account, width)
    if connection["tell"]:
        yield from wrapped(paint("  tell them: ", "dim"), connection["tell"], width, hanging=13)


def _account(account: Document, width: int) -> Iterator[str]:
    organization = f", in {account['organization']}" if account["organization"] else ""
    yield from wrapped(
        "  account ", f"{account['id']}, connected {account['created_at']}{organization}", width, hanging=4
    )
    expires = account["expires_at"] or "does not expire, as far as the API tells"
    rows = {
        "scopes": "not told by the API" if account["scopes"] is None else " ".join(account["scopes"]) or "(none)",
        "lacks": " ".join(account["lacks"]),
        "expires": f"{expires}{' (over)' if account['expired'] else ''}",
        "refresh token": REFRESH[account["refresh_token"]],
    }
    for label, text in rows.items():
        if text:
            yield from wrapped(f"    {label.ljust(15)}", text, width)


def _failures(user: Document, paint: Painter, width: int) -> Iterator[str]:
    yield ""
    if user["logs_unread"]:
        yield from wrapped("", f"What failed for them is not known: {user['logs_unread']}.", width)
        return
    if not user["failures"]:
        yield "The tenant's logs have no failed exchange of theirs."
        return
    yield paint("What failed for them, the latest first:", "bold")
    for failure in user["failures"]:
        what = " × ".join(str(failure[key]) for key in ("application", "connection") if failure[key])
        told = f"{failure['code'] or failure['says'] or failure['type']}{f' ({what})' if what else ''}"
        yield from wrapped(f"  {safe(failure['date'] or '')}  ", told, width, hanging=4)
        if failure["means"]:
            yield from wrapped("    ", f"{failure['means']}  [{failure['type']}]", width)
