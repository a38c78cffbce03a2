"""What a fleet command did, as one HTML file, read without a script."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.render.fleet_words import Document, lines, members, row, title, totals
from tokenvault.render.markup import Markup, page, tag

OPEN_UP_TO = 3
STYLE = "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"


def fleet_html(report: Document) -> str:
    """The whole page; every text in it is escaped."""
    heading = f"{report['command'].title()} of fleet "
    body = (
        tag("header", tag("h1", heading, tag("code", report["fleet"])), tag("p", totals(report))),
        tag("main", *_problems(report), *_groups(report), _table(report)),
        tag("footer", f"tokenvault {report['tokenvault_version']}, fleet format {report['format_version']}."),
    )
    return page(f"{heading}{report['fleet']}", *body, style=STYLE)


def _problems(report: Document) -> Iterator[Markup]:
    for problem in report["problems"]:
        where = f"{problem['at']['file']}:{problem['at']['line']}" if problem["at"] else ""
        yield tag(
            "section",
            tag("h2", problem["summary"]),
            tag("p", tag("code", problem["code"]), " ", where, " ", members(problem["members"], 40)),
            tag("p", problem["detail"]) if problem["detail"] else None,
            tag("p", problem["hint"]) if problem["hint"] else None,
            class_="notice",
        )


def _groups(report: Document) -> Iterator[Markup]:
    for number, group in enumerate(report["groups"]):
        rows = [tag("li", tag("code", f"{sign} {text}")) for sign, text in lines(group)]
        yield tag(
            "details",
            tag("summary", title(report, group)),
            tag("p", members(group["members"], 1000), class_="soft"),
            tag("ul", *rows) if rows else None,
            open=number < OPEN_UP_TO,
        )


def _table(report: Document) -> Markup:
    head = tag("tr", *(tag("th", text) for text in ("Tenant", "Domain", "Wave", "Outcome", "")))
    rows = [
        tag(
            "tr",
            tag("td", tag("code", name)),
            tag("td", member["tenant"] or "sandbox"),
            tag("td", str(member["wave"])),
            tag("td", member["outcome"]),
            tag("td", row(name, member)),
        )
        for name, member in report["members"].items()
    ]
    return tag("section", tag("h2", "Every tenant"), tag("table", tag("thead", head), tag("tbody", *rows)))
