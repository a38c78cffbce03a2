"""Draws the report of a fleet command from its JSON form, as text, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tokenvault.render.markdown import code, fenced, prose
from tokenvault.render.markup import Markup, page, sentences, tag
from tokenvault.render.phrases import counted
from tokenvault.render.terminal import PLAIN, Painter, wrapped
from tokenvault.text import safe

Document = dict[str, Any]
SIGNS = {"create": "+", "update": "~", "delete": "-"}
NAMED, PATHS = 6, 4
DONE = {"apply": "applied", "destroy": "destroyed", "validate": "valid"}


def members(names: Sequence[str], named: int = NAMED) -> str:
    """`dev, eu-1 and 38 more`."""
    more = len(names) - named
    if more <= 1:
        return ", ".join(map(safe, names))
    return f"{', '.join(map(safe, names[:named]))} and {more:,} more"


def title(report: Document, group: Document) -> str:
    """`41 tenants: the same 3 changes`."""
    who, changes = counted(len(group["members"]), "tenant"), len(group["changes"])
    same = "the same " if changes and len(group["members"]) > 1 else ""
    match report["command"]:
        case "doctor":
            return f"{who}: {same}{counted(changes, 'finding')}" if changes else f"{who}: ready"
        case "drift":
            dropped = group["summary"].get("dropped", 0)
            also = [f"{same}{counted(changes, 'object')} drifted"] if changes else []
            also += [f"{counted(dropped, 'object')} that the spec dropped"] if dropped else []
            return f"{who}: {', '.join(also) or 'no drift'}"
        case _:
            return f"{who}: {same}{counted(changes, 'change')}" if changes else f"{who}: no changes"


def lines(group: Document) -> Iterator[tuple[str, str]]:
    """What changes, an object a line: its sign, and its address with what becomes of it."""
    for change in group["changes"]:
        if "action" not in change:
            state = "?" if change["state"] == "unknown" else "!"
            yield state, f"{safe(change['address'])}: {safe(change['says'])}"
            continue
        paths = dict.fromkeys(".".join(map(str, attribute["path"])) for attribute in change["attributes"])
        shown = list(paths) if change["action"] == "update" else []
        more = f" and {len(shown) - PATHS} more" if len(shown) > PATHS + 1 else ""
        named = ", ".join(map(safe, shown[: PATHS if more else None]))
        adopts = " (adopts)" if change.get("adopts") else ""
        yield SIGNS[change["action"]], f"{safe(change['address'])}{adopts}{f'  {named}{more}' if named else ''}"


def totals(report: Document) -> str:
    """`43 tenants: 42 planned, 1 failed. 82 to add, 41 to change, 0 to destroy.`"""
    summary = report["summary"]
    words = ("valid", "planned", "applied", "destroyed", "checked", "failed", "skipped")
    parts = [f"{summary[word]:,} {word}" for word in words if summary.get(word)]
    return f"{counted(summary['members'], 'tenant')}: {', '.join(parts) or 'none'}. {_changes(report)}".strip()


def _changes(report: Document) -> str:
    s = report["summary"]
    match report["command"]:
        case "plan" if "create" in s:
            return f"{s['create']:,} to add, {s['update']:,} to change, {s['delete']:,} to destroy."
        case "apply" | "destroy" if "create" in s:
            return f"{s['create']:,} added, {s['update']:,} changed, {s['delete']:,} destroyed."
        case "drift" if "changed" in s:
            return f"{s['changed']:,} changed, {s['gone']:,} gone, {s['dropped']:,} dropped."
        case "doctor":
            return f"{s['settled']:,} ready, {s['members'] - s['settled']:,} not."
    return ""


def row(name: str, member: Document) -> str:
    """What came of one member, in a few words."""
    if member["error"]:
        more = f" and {member['errors'] - 1} more" if member["errors"] > 1 else ""
        return f"{safe(member['error']['summary'])} [{safe(member['error']['code'])}]{more}"
    s = member["summary"]
    if "create" in s:
        return f"+{s['create']} ~{s['update']} -{s['delete']}"
    if "changed" in s:
        return f"{s['changed']} changed, {s['gone']} gone, {s['dropped']} dropped"
    if member["ready"] is not None:
        return "ready" if member["ready"] else f"{s['not_ready']} not ready, {s['unknown']} unknown"
    return ""


# ---- in the terminal: equal changes once, then what failed, then the sums


COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "red", "?": "yellow"}
SHOWN = 20


def fleet_text(report: Document, paint: Painter = PLAIN, *, width: int = 100, full: bool = False) -> str:
    """The report, ending with the sums; `full` lists every change."""
    parts = [line for group in report["groups"] for line in _group_text(report, group, paint, width, full)]
    parts += _failed_text(report, paint, width)
    parts += [paint(first, "bold") if not n else first for n, first in enumerate(wrapped(totals(report), width, ""))]
    if report["plans"]:
        parts.append(f"Plans: {safe(report['plans']['folder'])}  (index sha256:{report['plans']['sha256']})")
    if report["again"]:
        parts += ["", f"Again with what failed: `{safe(report['again'])}`"]
    return "\n".join(parts) + "\n"


def _group_text(report: Document, group: Document, paint: Painter, width: int, full: bool) -> Iterator[str]:
    yield f"{paint(title(report, group), 'bold')}"
    yield from (paint(line, "dim") for line in wrapped(members(group["members"]), width, "  "))
    found = list(lines(group))
    shown = found if full or len(found) <= SHOWN + 1 else found[:SHOWN]
    for sign, text in shown:
        first, *rest = wrapped(text, width - 4, "")
        yield f"  {paint(sign, COLOURS[sign])} {first}"
        yield from (f"      {line.strip()}" for line in rest)
    if len(shown) < len(found):
        yield f"    and {len(found) - len(shown)} more; --full shows them"
    yield ""


def _failed_text(report: Document, paint: Painter, width: int) -> Iterator[str]:
    failed = {name: member for name, member in report["members"].items() if member["outcome"] in ("failed", "skipped")}
    for name, member in failed.items():
        word = paint(member["outcome"], "red" if member["outcome"] == "failed" else "yellow")
        first, *rest = wrapped(f"{safe(name)}: {row(name, member)}", width - 10, "") or [safe(name)]
        yield f"  {word}{' ' * (8 - len(member['outcome']))}{first}"
        yield from (f"          {line.strip()}" for line in rest)
    if failed:
        yield ""


# ---- as Markdown for a pull request comment: short enough for GitHub to take, and inert


MARKDOWN_LIMIT, ROWS, CHANGES, DETAILS_UP_TO = 59_000, 200, 100, 2
MARK = {"failed": "✗", "skipped": "–"}


def fleet_markdown(report: Document) -> str:
    """The report. A hidden marker starts it, so that a pipeline finds the comment that it wrote before."""
    marker = f"<!-- tokenvault:fleet:{''.join(c for c in report['fleet'] if c.isalnum() or c in '-_.')} -->"
    head = [marker, f"### Fleet {code(report['fleet'])}: {report['command']}", f"**{totals(report)}**"]
    parts = [*head, *_problems_markdown(report), *_groups_markdown(report), *_table_markdown(report)]
    kept, room = [], MARKDOWN_LIMIT
    for part in parts:
        room -= len(part) + 2
        if room < 0:
            kept.append("… and more than fits here: `--format html` or `--format json` have it all.")
            break
        kept.append(part)
    return "\n\n".join(kept) + "\n"


def _problems_markdown(report: Document) -> Iterator[str]:
    errors = [problem for problem in report["problems"] if problem["severity"] == "error"]
    if errors:
        rows = [f"- {code(members(e['members']))}: {prose(e['summary'])} ({code(e['code'])})" for e in errors[:ROWS]]
        yield "\n".join(rows)


def _groups_markdown(report: Document) -> Iterator[str]:
    for number, group in enumerate(report["groups"]):
        if not group["changes"]:
            yield f"{title(report, group)}: {code(members(group['members']))}"
            continue
        found = [f"{sign if sign in '+-' else '!'} {text}" for sign, text in lines(group)]
        more = [f"  and {len(found) - CHANGES} more"] if len(found) > CHANGES else []
        opened = " open" if number < DETAILS_UP_TO else ""
        body = fenced([*found[:CHANGES], *more], "diff")
        named = code(members(group["members"], 40))
        yield f"<details{opened}><summary>{title(report, group)}</summary>\n\n{named}\n\n{body}\n\n</details>"


def _table_markdown(report: Document) -> Iterator[str]:
    rows = list(report["members"].items())
    if not rows:
        return
    shown = [
        f"| {_cell(name)} | {_cell(member['tenant'] or 'sandbox')} | {member['wave']} "
        f"| {MARK.get(member['outcome'], '✓')} {member['outcome']} | {_cell(row(name, member)) if row(name, member) else ''} |"
        for name, member in rows[:ROWS]
    ]
    more = [f"| and {len(rows) - ROWS} more | | | | |"] if len(rows) > ROWS else []
    table = "\n".join(["| tenant | domain | wave | outcome | |", "| --- | --- | --- | --- | --- |", *shown, *more])
    yield f"<details><summary>Every tenant</summary>\n\n{table}\n\n</details>"


def _cell(text: str) -> str:
    return code(safe(text).replace("|", "¦"))


# ---- as one HTML file, read without a script


OPEN_UP_TO = 3
STYLE = "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"


def fleet_html(report: Document) -> str:
    """The whole page; every text in it is escaped."""
    heading = f"{report['command'].title()} of fleet "
    body = (
        tag("header", tag("h1", heading, tag("code", report["fleet"])), tag("p", totals(report))),
        tag("main", *_problems_html(report), *_groups_html(report), _table_html(report)),
        tag("footer", f"tokenvault {report['tokenvault_version']}, fleet format {report['format_version']}."),
    )
    return page(f"{heading}{report['fleet']}", *body, style=STYLE)


def _problems_html(report: Document) -> Iterator[Markup]:
    for problem in report["problems"]:
        where = f"{problem['at']['file']}:{problem['at']['line']}" if problem["at"] else ""
        yield tag(
            "section",
            tag("h2", sentences(problem["summary"])),
            tag("p", tag("code", problem["code"]), " ", where, " ", members(problem["members"], 40)),
            tag("p", sentences(problem["detail"])) if problem["detail"] else None,
            tag("p", sentences(problem["hint"])) if problem["hint"] else None,
            class_="notice",
        )


def _groups_html(report: Document) -> Iterator[Markup]:
    for number, group in enumerate(report["groups"]):
        rows = [tag("li", tag("code", f"{sign} {text}")) for sign, text in lines(group)]
        yield tag(
            "details",
            tag("summary", title(report, group)),
            tag("p", members(group["members"], 1000), class_="soft"),
            tag("ul", *rows) if rows else None,
            open=number < OPEN_UP_TO,
        )


def _table_html(report: Document) -> Markup:
    head = tag("tr", *(tag("th", text) for text in ("Tenant", "Domain", "Wave", "Outcome", "")))
    rows = [
        tag(
            "tr",
            tag("td", tag("code", name)),
            tag("td", member["tenant"] or "sandbox"),
            tag("td", str(member["wave"])),
            tag("td", member["outcome"]),
            tag("td", sentences(row(name, member))),
        )
        for name, member in report["members"].items()
    ]
    return tag("section", tag("h2", "Every tenant"), tag("table", tag("thead", head), tag("tbody", *rows)))
