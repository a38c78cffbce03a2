"""What a fleet command did, as Markdown for a pull request comment: short enough for GitHub to take, and inert."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.render.fleet_words import Document, lines, members, row, title, totals
from tokenvault.render.markdown import code, fenced, prose
from tokenvault.text import safe

LIMIT, ROWS, CHANGES, OPEN_UP_TO = 59_000, 200, 100, 2
MARK = {"failed": "✗", "skipped": "–"}


def fleet_markdown(report: Document) -> str:
    """The report. A hidden marker starts it, so that a pipeline finds the comment that it wrote before."""
    marker = f"<!-- tokenvault:fleet:{''.join(c for c in report['fleet'] if c.isalnum() or c in '-_.')} -->"
    head = [marker, f"### Fleet {code(report['fleet'])}: {report['command']}", f"**{totals(report)}**"]
    parts = [*head, *_problems(report), *_groups(report), *_table(report)]
    kept, room = [], LIMIT
    for part in parts:
        room -= len(part) + 2
        if room < 0:
            kept.append("… and more than fits here: `--format html` or `--format json` have it all.")
            break
        kept.append(part)
    return "\n\n".join(kept) + "\n"


def _problems(report: Document) -> Iterator[str]:
    errors = [problem for problem in report["problems"] if problem["severity"] == "error"]
    if errors:
        rows = [f"- {code(members(e['members']))}: {prose(e['summary'])} ({code(e['code'])})" for e in errors[:ROWS]]
        yield "\n".join(rows)


def _groups(report: Document) -> Iterator[str]:
    for number, group in enumerate(report["groups"]):
        if not group["changes"]:
            yield f"{title(report, group)}: {code(members(group['members']))}"
            continue
        found = [f"{sign if sign in '+-' else '!'} {text}" for sign, text in lines(group)]
        more = [f"  and {len(found) - CHANGES} more"] if len(found) > CHANGES else []
        opened = " open" if number < OPEN_UP_TO else ""
        body = fenced([*found[:CHANGES], *more], "diff")
        named = code(members(group["members"], 40))
        yield f"<details{opened}><summary>{title(report, group)}</summary>\n\n{named}\n\n{body}\n\n</details>"


def _table(report: Document) -> Iterator[str]:
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
