"""Draws a plan, or drift, as one HTML file, with a filter by action and the graph. It can be read without scripts and printed.

The one script, which the page's policy names by its digest, searches the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tokenvault.plan.document import Document
from tokenvault.render.block import OPS, SIGNS, Group, Row, groups
from tokenvault.render.graph_picture import planned_picture
from tokenvault.render.graph_svg import graph_svg
from tokenvault.render.markup import Markup, joined, page, search_field, sentences, tag
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
)
from tokenvault.render.text import (
    DRIFT_ADVICE,
    DRIFT_DROPPED,
    DRIFT_VERBS,
    VERBS,
    drift_incomplete,
    drift_pending,
    drift_verdict,
)
from tokenvault.text import safe

ALL_OPEN_UP_TO, SOME_OPEN_UP_TO = 8, 100
SEARCHED_FROM = 4
FILTERS = {"all": "All", "create": "Create", "update": "Update", "delete": "Delete", "risky": "Risky"}
WORDS = {"add": "added", "change": "changed", "remove": "removed"}


def plan_html(plan: Document) -> str:
    """The whole page; every text in it is escaped."""
    name, tenant = safe(plan["spec"]["name"]), safe(plan["tenant"])
    body = (
        tag("a", "Skip to the changes", href="#changes", class_="skip"),
        tag("header", *_header(plan)),
        tag("main", _numbers(plan), *_risks(plan), *warnings(plan), *_orphans(plan), *_graph(plan), _changes(plan)),
        tag("footer", *_footer(plan)),
    )
    script = "search.js" if len(plan["changes"]) >= SEARCHED_FROM else ""
    return page(f"Plan: {name} on {tenant}", *body, style=_filter_rules(), script=script)


def _filter_rules() -> str:
    """Without a script: the chosen button hides what does not carry its name."""
    return "".join(
        f"body:has(#show-{name}:checked) .change:not(.{name}){{display:none}}" for name in FILTERS if name != "all"
    )


def _header(plan: Document) -> Iterator[Markup]:
    yield tag("h1", "Plan: ", tag("code", plan["spec"]["name"]), " on ", tag("code", plan["tenant"]))
    files = [item for file in plan["spec"]["files"] for item in (", ", tag("code", file))][1:]
    yield tag("p", "from ", *files, class_="soft") if files else Markup()
    if shown := shown_variables(plan):
        names = [item for name in shown for item in (", ", tag("code", name))][1:]
        yield tag("p", f"{SHOWN} ", *names, class_="soft")


def _footer(plan: Document) -> Iterator[object]:
    yield f"tokenvault {plan['tokenvault_version']}, plan format {plan['format_version']}. "
    yield "A plan changes nothing and holds no secret."


def _numbers(plan: Document) -> Markup:
    summary = plan["summary"]
    items = [
        number_item(summary["create"], "to add", "create"),
        number_item(summary["update"], f"to change{_adopted(summary['adopt'])}", "update"),
        number_item(summary["delete"], "to destroy", "delete"),
        number_item(summary["unchanged"], "unchanged"),
        number_item(summary["writes"], "write" if summary["writes"] == 1 else "writes"),
    ]
    cost = tag("p", budget(plan), class_="soft small") if plan["changes"] else None
    return tag("section", tag("h2", "Summary", class_="unseen"), tag("ul", *items, class_="numbers"), cost)


def _adopted(number: int) -> str:
    return f", {number:,} of them adopted" if number else ""


def number_item(number: int, text: str, class_: str = "plain") -> Markup:
    """A number of the summary, and what it counts."""
    return tag("li", tag("b", f"{number:,}"), " ", text, class_=class_ if number else "plain")


def _risks(plan: Document) -> Iterator[Markup]:
    anchors = {change["address"]: f"#{_anchor(n)}" for n, change in enumerate(plan["changes"])}
    items = []
    for risk, addresses in risks(plan).items():
        links = [item for a in addresses for item in (", ", tag("a", tag("code", a), href=anchors[a]))][1:]
        items.append(tag("li", *links, ": ", sentences(risk)))
    items = [*map(_consequence, before_approval(plan)), *items]
    if items:
        yield notice("Before you approve" if plan["changes"] else FAILING, items)


def _consequence(one: Consequence) -> Markup:
    cure = sentences(one.cure) or (tag("code", one.command) if one.command else "")
    concerns = tag("div", one.concerns, class_="small")
    mended = tag("div", cure, *_way(one.link), class_="small") if cure else None
    return tag("li", tag("b", one.verb), ": ", sentences(one.what), concerns, mended)


def _way(link: str) -> Iterator[object]:
    if link:
        yield " "
        yield tag("a", "open", href=link, rel="noopener")


def warnings(plan: Document) -> Iterator[Markup]:
    """What a reader should know."""
    items = []
    for warning in plan["warnings"]:
        where = joined(" (", tag("code", place(warning["at"])), ")") if warning["at"] else None
        more = [line for line in f"{warning['detail']}\n{warning['hint']}".split("\n") if line.strip()]
        items.append(
            tag(
                "li",
                tag("b", sentences(warning["summary"])),
                where,
                *(tag("div", sentences(line), class_="small") for line in more),
            )
        )
    if items:
        yield notice("Warnings", items)


def _orphans(plan: Document) -> Iterator[Markup]:
    items = [
        tag(
            "li",
            tag("code", orphan["address"]),
            f" [{safe(orphan['id'])}]",
            " (protected)" if orphan["protected"] else None,
        )
        for orphan in plan["orphans"]
    ]
    if items:
        yield notice("Created by this spec and no longer in it (deleted only with --prune)", items, "notice quiet")


def notice(title: str, items: Sequence[Markup], class_: str = "notice") -> Markup:
    """A list that stands out."""
    return tag("section", tag("h2", sentences(title)), tag("ul", *items), class_=class_)


def _graph(plan: Document) -> Iterator[Markup]:
    if plan["nodes"]:
        links = {change["address"]: f"#{_anchor(n)}" for n, change in enumerate(plan["changes"])}
        drawing = graph_svg(planned_picture(plan), links)
        frame = tag("div", drawing, class_="graph", tabindex="0", role="region", aria_label="Graph, scrollable")
        yield tag("section", tag("h2", "Graph"), frame)


def _changes(plan: Document) -> Markup:
    changes = plan["changes"]
    if not changes:
        text = tag("p", tag("b", "No changes."), f" {nothing_to_do(plan)}.", class_="nothing")
        return tag("section", tag("h2", "Changes", class_="unseen"), text, id="changes")
    articles = [
        change_article(change, VERBS["adopt" if change["adopts"] else change["action"]], _anchor(n), len(changes))
        for n, change in enumerate(changes)
    ]
    search = search_field("Search names, attributes and values") if len(changes) >= SEARCHED_FROM else None
    return tag("section", tag("h2", "Changes"), _filter(changes), search, *articles, id="changes")


def _is_open(change: Document, changes: int) -> bool:
    """In a long plan, what is new is folded: it takes most room and harms nobody."""
    return changes <= ALL_OPEN_UP_TO or (change["action"] != "create" and changes <= SOME_OPEN_UP_TO)


def _anchor(number: int) -> str:
    return f"change-{number + 1}"


def _filter(changes: Sequence[Document]) -> Markup:
    counts = {name: sum(name in _classes(change) for change in changes) for name in FILTERS}
    buttons = [
        tag(
            "label",
            tag("input", type="radio", name="show", id=f"show-{name}", checked=name == "all"),
            f"{title} ",
            tag("span", f"{counts[name]:,}", class_="small"),
        )
        for name, title in FILTERS.items()
        if counts[name]
    ]
    return tag("fieldset", tag("legend", "Show"), *buttons, class_="filter")


def _classes(change: Document) -> list[str]:
    return ["all", "change", change["action"], *(["risky"] if change["risks"] else [])]


def change_article(change: Document, verb: str, anchor: str, changes: int) -> Markup:
    """An object and what is said of it, one of so many `changes`, its attributes folded below."""
    return tag(
        "details",
        tag("summary", *_headline(change, verb)),
        _notes(change),
        tag("ul", *(tag("li", *_group(group)) for group in groups(change)), class_="rows"),
        *(tag("div", note, class_="left") for note in left_alone(change)),
        class_=" ".join(_classes(change)),
        id=anchor,
        data_find=True,
        open=_is_open(change, changes),
    )


def _headline(change: Document, verb: str) -> Iterator[Markup]:
    yield tag("span", SIGNS[change["action"]][0], class_="sign", aria_hidden="true")
    yield tag("h3", tag("code", change["address"]))
    yield tag("span", verb, class_="soft")
    if change["risks"]:
        yield tag("span", "risk", class_="tag risk")
    if change["source"]:
        yield tag("code", place(change["source"]), class_="soft end")


def _notes(change: Document) -> Markup | None:
    lines = [tag("p", sentences(risk), class_="risk") for risk in change["risks"]]
    if change["adopts"]:
        named = f"Adopts the existing {change['kind']} {change['name']!r}"
        lines.append(tag("p", named, " [", tag("code", change["id"]), "]", class_="soft"))
    if change["reason"]:
        lines.append(tag("p", sentences(change["reason"]), class_="soft"))
    return tag("div", *lines, class_="notes") if lines else None


def _group(group: Group) -> Iterator[Markup]:
    if group.is_list:
        kept = tag("span", f" {counted(group.kept, 'unchanged element')}", class_="soft small") if group.kept else None
        yield tag("div", tag("code", group.path), kept, class_="path")
    for row in group.rows:
        yield _row(row, row.label if group.is_list else group.path)


def _row(row: Row, name: str) -> Markup:
    return tag(
        "div",
        tag("span", OPS[row.op][0], class_="sign", aria_hidden="true"),
        tag("div", tag("span", f"{WORDS[row.op]}: ", class_="unseen"), *_value(row, name)),
        tag("div", *(_asked(why) for why in row.provenance), class_="asked"),
        class_=f"row {'change-row' if row.op == 'change' else row.op}",
    )


def _value(row: Row, name: str) -> Iterator[object]:
    sides = [tag(kind, tag("code", text)) for kind, text in (("del", row.before), ("ins", row.after)) if text]
    if name:
        yield tag("code", name, class_="name")
    yield " = " if name and sides else None
    yield sides[0] if sides else None
    if len(sides) > 1:
        yield joined(" → ", sides[1])


def _asked(provenance: Mapping[str, Document]) -> Markup:
    source, at, doc = str(provenance["source"]), provenance["at"], str(provenance["doc"])
    where = joined(" ", tag("code", place(at))) if at else None
    link = (
        joined(" ", tag("a", "docs", href=doc, rel="noopener", aria_label=f"Documentation: {doc}"))
        if _is_link(doc)
        else None
    )
    return tag("div", tag("b", source), where, ": ", sentences(provenance["reason"]), link)


def _is_link(doc: str) -> bool:
    return doc.startswith("https://")


# ---- drift


def drift_html(drift: Document) -> str:
    """The whole page; every text in it is escaped."""
    title = tag("h1", "Drift: ", tag("code", drift["spec"]["name"]), " on ", tag("code", drift["tenant"]))
    main = tag(
        "main",
        _drift_numbers(drift),
        *warnings(drift),
        *_drift_dropped(drift),
        *_drift_notes(drift),
        _drift_changes(drift),
    )
    footer = tag(
        "footer",
        f"tokenvault {drift['tokenvault_version']}, drift format {drift['format_version']}. It holds no secret.",
    )
    return page(f"Drift: {safe(drift['spec']['name'])} on {safe(drift['tenant'])}", tag("header", title), main, footer)


def _drift_numbers(drift: Document) -> Markup:
    summary = drift["summary"]
    items = [
        number_item(summary["changed"], "changed", "update"),
        number_item(summary["gone"], "gone", "delete"),
        number_item(summary["dropped"], "dropped by the spec", "delete"),
        number_item(summary["as_it_should_be"], "as they should be"),
    ]
    return tag("section", tag("h2", "Summary", class_="unseen"), tag("ul", *items, class_="numbers"))


def _drift_dropped(drift: Document) -> Iterator[Markup]:
    items = [
        tag("li", tag("code", item["address"]), f' "{safe(item["name"])}" [', tag("code", item["id"]), "]")
        for item in drift["dropped"]
    ]
    if items:
        yield notice(DRIFT_DROPPED, items)


def _drift_notes(drift: Document) -> Iterator[Markup]:
    texts = [drift_pending(drift, safe)] if drift["pending"] else []
    texts += [drift_incomplete(drift, safe)] if drift["incomplete"] else []
    for text in texts:
        yield tag("p", sentences(text), class_="soft")


def _drift_changes(drift: Document) -> Markup:
    changes = drift["changes"]
    if not changes:
        word, sentence = drift_verdict(drift)
        heading = tag("h2", "What has changed", class_="unseen")
        return tag("section", heading, tag("p", tag("b", word), f" {sentence}", class_="nothing"), id="changes")
    way = tag(
        "p", "Before the arrow stands what the spec says, after it what the tenant has. ", sentences(DRIFT_ADVICE)
    )
    articles = [
        change_article(change, DRIFT_VERBS[change["action"]], f"change-{n + 1}", len(changes))
        for n, change in enumerate(changes)
    ]
    return tag("section", tag("h2", "What has changed"), way, *articles, id="changes")
