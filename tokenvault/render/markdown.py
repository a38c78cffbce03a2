"""A plan as Markdown for a pull request comment: what matters first, details folded, short enough for GitHub to take.

Two hidden markers start it: one that every plan comment has, one for this spec on this tenant, so that a pipeline can
find the comment that it wrote before. Everything that comes from a spec or a tenant is inert.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tokenvault.plan.document import Document
from tokenvault.render.block import SIGNS, Group, Row, groups
from tokenvault.render.graph_picture import planned_picture
from tokenvault.render.graph_text import graph_mermaid
from tokenvault.render.markup import Markup, joined, tag
from tokenvault.render.phrases import (
    FAILING,
    SHOWN,
    Consequence,
    before_approval,
    budget,
    counted,
    left_alone,
    nothing_to_do,
    place,
    risks,
    shown_variables,
    totals,
)
from tokenvault.render.text import (
    DRIFT_ADVICE,
    DRIFT_DROPPED,
    DRIFT_VERBS,
    VERBS,
    drift_counts,
    drift_incomplete,
    drift_pending,
    drift_verdict,
)
from tokenvault.text import safe

_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:[.,]\d+)*|[–—→×·…]")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_EDGES = re.compile(r"([(\"“]*)(.*?)([).,;:!?\"”'’]*)")


def code(text: object) -> str:
    """A code span, whatever it holds: GitHub looks for mentions, references and emoji outside of code only."""
    content = safe(text) or " "
    fence = "`" * (_longest_run(content) + 1)
    pad = " " if content[0] in "` " or content[-1] in "` " else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def prose(text: object, limit: int = 500) -> str:
    """A sentence on one line: plain words as they are, all that looks like an address, a path or a sign as code."""
    return " ".join(_word(word) for word in safe(str(text).replace("\n", " "), limit).split())


def sentences(text: str) -> str:
    """Prose in which what stands between backticks is code as a whole."""
    first, *parts = re.split(r"([(\"“]*)`([^`]+)`([.,;:!?)\"”]*)", text)
    shown = [prose(first)]
    for before, quoted, after, rest in zip(*(parts[n::4] for n in range(4)), strict=True):
        shown += [f"{before}{code(quoted)}{after}", prose(rest)]
    return " ".join(filter(None, shown))


def _word(word: str) -> str:
    found = _EDGES.fullmatch(word)
    assert found  # matches anything
    before, inner, after = found.groups()
    if _PLAIN_WORD.fullmatch(inner) and not (inner.isdigit() and after) and not _COMMIT.fullmatch(inner):
        return word
    return f"{before}{code(inner)}{after}" if inner else code(word)


def fenced(lines: Iterable[str], language: str) -> str:
    """A block of code that none of its lines can end. The lines are safe text already."""
    content = "\n".join(lines)
    fence = "`" * max(3, _longest_run(content) + 1)
    return f"{fence}{language}\n{content}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)


LIMIT = 59_000
LIST_LIMIT, OBJECT_LIMIT = 6_000, 20_000
OPEN_UP_TO = 3
NAMED = 5
COMMENT_COLUMN, WIDTH = 60, 104
GRAPH_UP_TO = 40


def plan_markdown(plan: Document) -> str:
    """The comment, below 60,000 characters; what does not fit is counted."""
    head = "\n".join([*_markers(plan), "", *_summary(plan), *_risks(plan), *warnings(plan), *_orphans(plan)])
    changes = plan["changes"]
    sections = [_section(change, is_open=len(changes) <= OPEN_UP_TO) for change in changes]
    shown, room = _weightiest(changes, sections, LIMIT - len(head))
    graph = fitting([*_graph(plan)], room) if len(shown) == len(changes) else []
    left_out = [change for number, change in enumerate(changes) if number not in shown]
    return "\n".join([head, *(sections[number] for number in sorted(shown)), *graph, *rest(left_out)]) + "\n"


def _weightiest(changes: Sequence[Document], sections: Sequence[str], room: int) -> tuple[set[int], int]:
    """Which changes have room, those first that a reviewer must not miss, and the room that is left."""
    order = sorted(range(len(changes)), key=lambda number: _weight(changes[number]))
    taken = fitting([sections[number] for number in order], room)
    return set(order[: len(taken)]), room - sum(len(text) + 1 for text in taken)


def _weight(change: Document) -> tuple[bool, int]:
    """What takes something away from people comes first; what is new and harms nobody comes last."""
    return not change["risks"], ("delete", "update", "create").index(change["action"])


def _markers(plan: Document) -> list[str]:
    spec, tenant = _plain(plan["spec"]["name"]), _plain(plan["tenant"])
    return ["<!-- tokenvault:plan -->", f"<!-- tokenvault:plan spec={spec} tenant={tenant} -->"]


def _plain(name: str) -> str:
    """What a spec's name and a domain are made of; nothing in it ends a comment."""
    return re.sub(r"[^a-z0-9.:-]|-(?=-)", "_", name.lower()[:200])


def _summary(plan: Document) -> Iterator[str]:
    yield f"### Plan: {code(plan['spec']['name'])} on {code(plan['tenant'])}"
    yield ""
    if plan["changes"]:
        yield f"**{totals(plan)}.** {plan['summary']['unchanged']:,} unchanged."
        yield prose(budget(plan))
    else:
        yield f"**No changes.** {nothing_to_do(plan)}."
    if shown := shown_variables(plan):
        yield ""
        yield f"{SHOWN} {', '.join(map(code, shown))}"


def _risks(plan: Document) -> list[str]:
    lines = ["\n".join(_consequence(one)) for one in before_approval(plan)]
    lines += [f"> - {_few(addresses)}: {prose(risk)}" for risk, addresses in risks(plan).items()]
    title = "Before you approve" if plan["changes"] else FAILING
    return ["", "> [!WARNING]", f"> **{title}**", *_list(lines, "> - ")] if lines else []


def _consequence(one: Consequence) -> Iterator[str]:
    yield f"> - **{one.verb}:** {prose(one.what)}"
    yield f">   - {prose(one.concerns)}"
    if one.cure or one.command:
        cure = code(one.command) if one.command else sentences(one.cure)
        yield f">   - {cure}" + (f" {code(one.link)}" if one.link else "")


def _few(addresses: Sequence[str]) -> str:
    more = len(addresses) - NAMED
    shown = ", ".join(map(code, addresses[:NAMED]))
    return f"{shown} and {counted(more, 'more object')}" if more > 0 else shown


def warnings(plan: Document) -> list[str]:
    """What a reader should know, as a note."""
    lines = ["\n".join(_warning(warning)) for warning in plan["warnings"]]
    return ["", "> [!NOTE]", *_list(lines, "> - ")] if lines else []


def _warning(warning: Document) -> Iterator[str]:
    where = f" ({code(place(warning['at']))})" if warning["at"] else ""
    yield f"> - **{prose(warning['summary'])}**{where}"
    for line in f"{warning['detail']}\n{warning['hint']}".split("\n"):
        if line.strip():
            yield f">   - {prose(line)}"


def _orphans(plan: Document) -> list[str]:
    lines = [
        f"- {code(orphan['address'])} [{code(orphan['id'])}]{' (protected)' if orphan['protected'] else ''}"
        for orphan in plan["orphans"]
    ]
    title = "**Created by this spec and no longer in it** (deleted only with `--prune`):"
    return ["", title, "", *_list(lines, "- ")] if lines else []


def _list(lines: Sequence[str], bullet: str) -> list[str]:
    shown = fitting(lines, LIST_LIMIT)
    more = len(lines) - len(shown)
    return [*shown, f"{bullet}and {more:,} more: see `tokenvault plan`"] if more else shown


def fitting(parts: Sequence[str], room: int) -> list[str]:
    """The first parts, as many as there is room for. A part is shown whole or not at all."""
    shown: list[str] = []
    for part in parts:
        room -= len(part) + 1
        if room < 0:
            break
        shown.append(part)
    return shown


def rest(changes: Sequence[Document], command: str = "plan") -> list[str]:
    """How many objects are not shown, and which command shows them."""
    if not changes:
        return []
    actions = Counter(change["action"] for change in changes)
    numbers = ", ".join(f"{count:,} to {action}" for action, count in actions.items())
    text = f"**{counted(len(changes), 'more object')} not shown here** ({numbers}): this comment is full."
    return ["", f"{text} `tokenvault {command}`, or `--format html`, shows everything."]


def _graph(plan: Document) -> Iterator[str]:
    """GitHub and GitLab draw mermaid; where there is nothing to colour, or too much to see, it is left out."""
    picture = planned_picture(plan)
    if plan["changes"] and len(picture.boxes) <= GRAPH_UP_TO:
        lines = graph_mermaid(picture).splitlines()
        summary = tag("summary", "Graph: what comes before what")
        yield "\n".join(["", "<details>", summary, "", fenced(lines, "mermaid"), "", "</details>"])


def _section(change: Document, *, is_open: bool) -> str:
    return section(change, VERBS["adopt" if change["adopts"] else change["action"]], is_open=is_open)


def section(change: Document, verb: str, *, is_open: bool) -> str:
    """An object and what is said of it, its attributes folded below."""
    opening = "<details open>" if is_open else "<details>"
    summary = tag("summary", *_headline(change, verb))
    return "\n".join(["", opening, summary, "", fenced(_diff(change), "diff"), "", "</details>"])


def _headline(change: Document, verb: str) -> Iterator[object]:
    yield tag("code", SIGNS[change["action"]][0])
    yield " "
    yield tag("b", tag("code", change["address"]))
    yield f" {verb}"
    if change["risks"]:
        yield " (see above)"
    if change["source"]:
        yield joined(Markup(" · "), tag("code", place(change["source"])))


def _diff(change: Document) -> list[str]:
    lines = [*_remarks(change), *_commented([line for group in groups(change) for line in _group(group)])]
    lines += [f"# ({note})" for note in left_alone(change)]
    shown = fitting(lines, OBJECT_LIMIT)
    more = len(lines) - len(shown)
    return [*shown, f"# ({counted(more, 'more line')} not shown here)"] if more else shown


def _remarks(change: Document) -> Iterator[str]:
    if change["adopts"]:
        yield f"# adopts the existing {safe(change['kind'])} {safe(change['name'])!r} [{safe(change['id'])}]"
    if change["reason"]:
        yield f"# {safe(change['reason'])}"
    for risk in change["risks"]:
        yield f"! {safe(risk)}"


def _group(group: Group) -> Iterator[tuple[str, str]]:
    """Lines, each with who asked for it. GitHub colours `+`, `-` and `!`; a changed value is one of each."""
    if not group.is_list:
        for row in group.rows:
            yield from _lines(row, f"{group.path} = ")
        return
    yield f"  {group.path}:", ""
    for row in group.rows:
        yield from _lines(row, f"  {row.label}{' = ' if row.label and (row.before or row.after) else ''}")
    if group.kept:
        yield f"    ({counted(group.kept, 'unchanged element')})", ""


def _lines(row: Row, name: str) -> Iterator[tuple[str, str]]:
    if row.before is not None:
        yield f"- {name}{row.before}", "" if row.after is not None else _asked_by(row)
    if row.after is not None:
        yield f"+ {name}{row.after}", _asked_by(row)


def _asked_by(row: Row) -> str:
    names = {why["source"]: f" {place(why['at'])}" if why["at"] else "" for why in reversed(row.provenance)}
    return ", ".join(f"{safe(source)}{at}" for source, at in reversed(names.items()))


def _commented(lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Who asked stands in one column, or on a line of its own where that is too far to the right to be seen."""
    column = min(COMMENT_COLUMN, max((len(text) for text, _ in lines), default=0))
    for text, comment in lines:
        beside = f"{text.ljust(column)}  # {comment}" if comment else text
        yield from [beside] if len(beside) <= WIDTH or not comment else [text, f"      # {comment}"]


# ---- drift, for an issue, a chat or a job's summary


DRIFT_SIGNS = "`-` is what the spec says, `+` what the tenant has."


def drift_markdown(drift: Document) -> str:
    """The whole text, below 60,000 characters; what does not fit is counted."""
    head = [f"### Drift: {code(drift['spec']['name'])} on {code(drift['tenant'])}", ""]
    changes = drift["changes"]
    if changes:
        head += [f"**{drift_counts(drift)}** {DRIFT_SIGNS}", DRIFT_ADVICE]
    else:
        word, sentence = drift_verdict(drift)
        head += [f"**{word}** {prose(sentence)}"]
    head += warnings(drift)
    tail = [*_drift_dropped(drift), *_drift_notes(drift)]
    sections = [
        section(change, DRIFT_VERBS[change["action"]], is_open=len(changes) <= OPEN_UP_TO) for change in changes
    ]
    shown = fitting(sections, LIMIT - len("\n".join([*head, *tail])))
    return "\n".join([*head, *shown, *rest(changes[len(shown) :], "drift"), *tail]) + "\n"


def _drift_dropped(drift: Document) -> list[str]:
    lines = [f"- {code(item['address'])} {code(item['name'])} [{code(item['id'])}]" for item in drift["dropped"]]
    shown = fitting(lines, LIMIT // 4)
    more = [f"- and {len(lines) - len(shown):,} more: see `tokenvault drift`"] if len(shown) < len(lines) else []
    return ["", f"**{DRIFT_DROPPED}**", "", *shown, *more] if lines else []


def _drift_notes(drift: Document) -> list[str]:
    lines = [drift_pending(drift, code)] if drift["pending"] else []
    lines += [drift_incomplete(drift, code)] if drift["incomplete"] else []
    return [part for line in lines for part in ("", line)]
