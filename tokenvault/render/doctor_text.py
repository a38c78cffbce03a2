"""A diagnosis in the terminal, drawn from its JSON form: the verdict, the matrix, then every cause once, with its fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenvault.render.doctor_matrix import NONE, application_of, matrix
from tokenvault.render.phrases import counted
from tokenvault.render.terminal import PLAIN, Painter
from tokenvault.render.terminal import wrapped as sentences
from tokenvault.text import safe

Document = dict[str, Any]
STATES = ("ready", "not ready", "unknown")
HEADINGS = {
    "not ready": "Not ready, because",
    "unknown": "Unknown, because the token may not read it",
    "check": "To be looked at by a person (no API tells)",
}
INDENT = " " * 5
NAMED, MANY, GLANCES, SAYINGS = 3, 8, 6, 3


def doctor_text(diagnosis: Document, paint: Painter = PLAIN, *, width: int = 80) -> str:
    """The whole diagnosis."""
    if not sum(diagnosis["summary"].values()):
        return "\n".join(wrapped("", nothing_to_judge(diagnosis), width)) + "\n"
    lines = _verdict(diagnosis, paint, width)
    if diagnosis["cases"]:
        lines += matrix(diagnosis["cases"], paint, width)
    for state, heading in HEADINGS.items():
        found = [cause for cause in diagnosis["causes"] if cause["state"] == state]
        if found:
            count = f" ({len(found)})" if len(found) > 1 else ""
            lines += ["", paint(f"{heading}{count}:", "bold")]
            lines += _causes(found, diagnosis, paint, width)
    return "\n".join([*lines, *_end(diagnosis, width)]) + "\n"


def nothing_to_judge(diagnosis: Document) -> str:
    """Why there is no case."""
    tenant = safe(diagnosis["tenant"])
    if diagnosis["selection"]:
        return (
            f"Nothing on {tenant} is all of what was asked for: no application, connection and flavor go together so."
        )
    if diagnosis["spec"]:
        return f"The spec asks nothing of applications at run time on {tenant}."
    return f"No application uses Token Vault on {tenant}."


# ---- the verdict


def _verdict(diagnosis: Document, paint: Painter, width: int) -> list[str]:
    first, *rest = wrapped("", verdict(diagnosis), width)
    word = verdict_word(diagnosis)
    return [paint(word, "bold", "green" if diagnosis["ready"] else "red") + first.removeprefix(word), *rest]


def verdict_word(diagnosis: Document) -> str:
    """`Ready.` or `Not ready.`"""
    return "Ready." if diagnosis["ready"] else "Not ready."


def verdict(diagnosis: Document) -> str:
    """One sentence for all cases."""
    counts = diagnosis["summary"]
    parts = [f"{counts[state]:,} {state}" for state in STATES if counts[state]]
    return (
        f"{verdict_word(diagnosis)} {counted(sum(counts.values()), 'case')} on {_where(diagnosis)}: {', '.join(parts)}."
    )


def _where(diagnosis: Document) -> str:
    files = diagnosis["spec"]["files"] if diagnosis["spec"] else []
    shown = [*files[:NAMED], *(["…"] if len(files) > NAMED else [])]
    return f"{diagnosis['tenant']}{' (' + ', '.join(shown) + ')' if shown else ''}"


# ---- the causes


def _causes(causes: Sequence[Document], diagnosis: Document, paint: Painter, width: int) -> Iterator[str]:
    if causes[0]["state"] == "check" and len({application_of(case) for case in diagnosis["cases"]}) > MANY:
        yield from _glances(causes, width)
        return
    for number, cause in enumerate(causes, 1):
        yield ""
        yield from _cause(number, cause, diagnosis, paint, width)


def _glances(causes: Sequence[Document], width: int) -> Iterator[str]:
    """One line for each: beside many applications, what holds nothing up takes no room."""
    for cause in causes[:GLANCES]:
        end = f"  [{cause['id']}]"
        yield f"  - {textwrap.shorten(safe(_finding(cause)), width - 4 - len(end), placeholder=' …')}{end}"
    if len(causes) > GLANCES:
        yield f"  - and {len(causes) - GLANCES} more (--app, --connection, --format html)"


def _finding(cause: Document) -> str:
    return f"{subjects_text(cause['subjects'])}: {cause['says'][0]}"


def _cause(number: int, cause: Document, diagnosis: Document, paint: Painter, width: int) -> Iterator[str]:
    state = cause["state"]
    if state == "check":
        yield from wrapped(f"{number}. ", f"{_finding(cause)}  [{cause['id']}]", width)
    elif state == "unknown":
        yield from wrapped(f"{number}. ", f"{cause['says'][0][0].upper()}{cause['says'][0][1:]}", width)
    else:
        yield from wrapped(f"{number}. ", _finding(cause), width)
        for other in cause["says"][1:SAYINGS]:
            yield from wrapped(f"{INDENT}or: ", other, width)
        yield from wrapped(INDENT, f"{cause['means'][0].upper()}{cause['means'][1:]}.  [{cause['id']}]", width)
    for label, text in _facts(cause, diagnosis):
        yield from wrapped(f"{INDENT}{paint(label, 'dim')}", text, width, hanging=len(INDENT) + len(label))
    if cause["fix"]:
        yield from _fix(cause["fix"], paint, width)


def subject_text(subject: Mapping[str, Any]) -> str:
    """`connection github`; what a tenant has only one of is called by its kind."""
    kind, name = subject["kind"], subject["name"]
    return name if kind == name else f"{kind} {name}".rstrip()


def subjects_text(subjects: Sequence[Document]) -> str:
    """`application web and 59 more`."""
    return f"{subject_text(subjects[0])}{f' and {len(subjects) - 1} more' if len(subjects) > 1 else ''}"


def several(names: Sequence[str], most: int = NAMED) -> str:
    """`a, b, c and 57 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def concerned(cause: Document, diagnosis: Document) -> str:
    """How many cases, of which applications and connections."""
    total = sum(diagnosis["summary"].values())
    connections = [name or NONE for name in cause["connections"]]
    of = f"{len(cause['cases']):,} of {counted(total, 'case')}" if total > 1 else "the one case"
    return f"{of}: {several(cause['applications'])} × {several(connections)}"


def _facts(cause: Document, diagnosis: Document) -> Iterator[tuple[str, str]]:
    if cause["state"] == "not ready" and cause["at_run_time"]["code"]:
        yield "at run time  ", f"{cause['at_run_time']['step']} fails: {cause['at_run_time']['code']}"
    if cause["state"] == "unknown":
        yield "hides        ", several(cause["preconditions"], MANY)
    yield "concerns     ", concerned(cause, diagnosis)


def fix_text(fix: Document) -> str:
    """The cure, with the addresses in the spec that it is for."""
    return f"{several(fix['at'])}: {fix['text']}" if fix["at"] else str(fix["text"])


def _fix(fix: Document, paint: Painter, width: int) -> Iterator[str]:
    label = "     fix          "
    if fix["how"] == "command":
        yield f"{label}{paint(safe(fix['text']), 'bold')}"
    else:
        yield from wrapped(paint(label, "dim"), fix_text(fix), width, hanging=len(label))
    for link in fix["links"][:1]:
        more = f"  (and {len(fix['links']) - 1} more)" if len(fix["links"]) > 1 else ""
        yield f"{' ' * len(label)}{safe(link)}{more}"


def wrapped(first: str, text: str, width: int, hanging: int | None = None) -> list[str]:
    """The text in lines of at most `width` after `first`, later lines indented as deep."""
    hanging = len(first) if hanging is None else hanging
    lines = sentences(safe(text, 2000), max(30, width - hanging))
    return [f"{first if number == 0 else ' ' * hanging}{line}" for number, line in enumerate(lines or [""])]


# ---- the end


def _end(diagnosis: Document, width: int) -> Iterator[str]:
    lacking = diagnosis["token"]["lacks_to_apply"]
    if lacking:
        yield ""
        yield from wrapped("", f"To apply a spec the token would also need: {' '.join(lacking)}", width)
    if not diagnosis["spec"] and any(cause["state"] == "not ready" for cause in diagnosis["causes"]):
        yield ""
        hint = "Much of this tokenvault can mend: `tokenvault export --adopt-all --out tokenvault.yaml` writes a spec of these "
        yield from wrapped("", f"{hint}applications, and the plan of it is the repair.", width)


# ---- one user: the verdict, each connection, what failed


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
    text = f"{word} {user['user_id']} on {document['tenant']}: {ready} of {counted(len(states), 'connection')} ready."
    first, *rest = wrapped("", text, width)
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
        text = f"{failure['code'] or failure['says'] or failure['type']}{f' ({what})' if what else ''}"
        yield from wrapped(f"  {safe(failure['date'] or '')}  ", text, width, hanging=4)
        if failure["means"]:
            yield from wrapped("    ", f"{failure['means']}  [{failure['type']}]", width)
