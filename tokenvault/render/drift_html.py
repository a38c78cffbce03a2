"""Drift as one HTML file, drawn like a plan."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.plan.document import Document
from tokenvault.render.drift import ADVICE, DROPPED, VERBS, incomplete, pending, verdict
from tokenvault.render.html import change_article, notice, number_item, warnings
from tokenvault.render.markup import Markup, page, tag
from tokenvault.text import safe


def drift_html(drift: Document) -> str:
    """The whole page; every text in it is escaped."""
    title = tag("h1", "Drift: ", tag("code", drift["spec"]["name"]), " on ", tag("code", drift["tenant"]))
    main = tag("main", _numbers(drift), *warnings(drift), *_dropped(drift), *_notes(drift), _changes(drift))
    footer = tag(
        "footer",
        f"tokenvault {drift['tokenvault_version']}, drift format {drift['format_version']}. It holds no secret.",
    )
    return page(f"Drift: {safe(drift['spec']['name'])} on {safe(drift['tenant'])}", tag("header", title), main, footer)


def _numbers(drift: Document) -> Markup:
    summary = drift["summary"]
    items = [
        number_item(summary["changed"], "changed", "update"),
        number_item(summary["gone"], "gone", "delete"),
        number_item(summary["dropped"], "dropped by the spec", "delete"),
        number_item(summary["as_it_should_be"], "as they should be"),
    ]
    return tag("section", tag("h2", "Summary", class_="unseen"), tag("ul", *items, class_="numbers"))


def _dropped(drift: Document) -> Iterator[Markup]:
    items = [
        tag("li", tag("code", item["address"]), f' "{safe(item["name"])}" [', tag("code", item["id"]), "]")
        for item in drift["dropped"]
    ]
    if items:
        yield notice(DROPPED.replace("`", ""), items)


def _notes(drift: Document) -> Iterator[Markup]:
    texts = [pending(drift, safe)] if drift["pending"] else []
    texts += [incomplete(drift, safe)] if drift["incomplete"] else []
    for text in texts:
        yield tag("p", text.replace("`", ""), class_="soft")


def _changes(drift: Document) -> Markup:
    changes = drift["changes"]
    if not changes:
        word, said = verdict(drift)
        heading = tag("h2", "What has changed", class_="unseen")
        return tag("section", heading, tag("p", tag("b", word), f" {said}", class_="nothing"), id="changes")
    way = tag(
        "p", "Before the arrow stands what the spec says, after it what the tenant has. ", ADVICE.replace("`", "")
    )
    articles = [
        change_article(change, VERBS[change["action"]], f"change-{n + 1}", len(changes))
        for n, change in enumerate(changes)
    ]
    return tag("section", tag("h2", "What has changed"), way, *articles, id="changes")
