"""A diagnosis as one HTML file, whole without a script: the verdict, the causes with their cures, the matrix with filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tokenvault.render.doctor_matrix import NONE, application_of
from tokenvault.render.doctor_text import (
    HEADINGS,
    MANY,
    concerned,
    nothing_to_judge,
    several,
    subjects_text,
    verdict,
    verdict_word,
)
from tokenvault.render.markup import Markup, joined, page, search_field, sentences, sheet, tag

Document = dict[str, Any]
STATES = {"all": "All", "not-ready": "Not ready", "unknown": "Unknown", "ready": "Ready"}
BLOCKING = ("not ready", "unknown")
SEARCHED_FROM = 8


def doctor_html(diagnosis: Document) -> str:
    """The whole page; every text in it is escaped."""
    body = (
        tag("a", "Skip to the matrix", href="#matrix", class_="skip"),
        tag("header", *_header(diagnosis)),
        tag("main", *_main(diagnosis)),
        tag("footer", *_footer(diagnosis)),
    )
    title = f"Token Vault on {diagnosis['tenant']}: {verdict_word(diagnosis).rstrip('.').lower()}"
    script = "search.js" if _is_long(diagnosis) else ""
    return page(title, *body, style=sheet("doctor.css") + _rules(diagnosis), script=script)


def _is_long(diagnosis: Document) -> bool:
    return len({application_of(case) for case in diagnosis["cases"]}) >= SEARCHED_FROM


def _header(diagnosis: Document) -> Iterator[Markup]:
    yield tag("h1", "Token Vault on ", tag("code", diagnosis["tenant"]))
    if diagnosis["spec"]:
        files = [item for file in diagnosis["spec"]["files"] for item in (", ", tag("code", file))][1:]
        yield tag("p", "from ", *files, class_="soft")
    if not sum(diagnosis["summary"].values()):
        yield tag("p", sentences(nothing_to_judge(diagnosis)), class_="verdict")
        return
    word = verdict_word(diagnosis)
    rest = verdict(diagnosis).removeprefix(word)
    yield tag("p", tag("b", word), sentences(rest), class_=f"verdict {'good' if diagnosis['ready'] else 'bad'}")


def _footer(diagnosis: Document) -> Iterator[object]:
    yield f"tokenvault {diagnosis['tokenvault_version']}, diagnosis format {diagnosis['format_version']}. "
    yield "It was read from the tenant, changed nothing there, and holds no secret."


def _main(diagnosis: Document) -> Iterator[Markup]:
    numbers = _numbers(diagnosis)
    for state in BLOCKING:
        causes = [cause for cause in diagnosis["causes"] if cause["state"] == state]
        if causes:
            articles = [_cause(numbers[id(cause)], cause, diagnosis) for cause in causes]
            yield tag("section", tag("h2", f"{HEADINGS[state]}:"), *articles)
    if diagnosis["cases"]:
        yield _matrix(diagnosis, numbers)
    checks = [cause for cause in diagnosis["causes"] if cause["state"] == "check"]
    if checks:
        items = [tag("li", *_check(cause)) for cause in checks]
        yield tag("section", tag("h2", HEADINGS["check"]), tag("ul", *items, class_="checks"), class_="notice quiet")


def _numbers(diagnosis: Document) -> dict[int, int]:
    """What holds something up, numbered over both headings: the matrix refers to it."""
    blocking = [cause for cause in diagnosis["causes"] if cause["state"] in BLOCKING]
    return {id(cause): number for number, cause in enumerate(blocking, 1)}


# ---- causes


def _cause(number: int, cause: Document, diagnosis: Document) -> Markup:
    reasons = "; or: ".join(cause["says"][:MANY])
    heading = (
        reasons[0].upper() + reasons[1:]
        if cause["state"] == "unknown"
        else f"{subjects_text(cause['subjects'])}: {reasons}"
    )
    return tag(
        "article",
        tag("h3", sentences(f"{number}. {heading}")),
        _meaning(cause),
        tag("dl", *_facts(cause, diagnosis)),
        class_=f"cause {_class(cause['state'])}",
        id=f"cause-{number}",
    )


def _meaning(cause: Document) -> Markup | None:
    if not cause["means"]:
        return None
    means = f"{cause['means'][0].upper()}{cause['means'][1:]}. "
    return tag(
        "p", sentences(means), tag("code", cause["id"]), " ", _link("documentation", cause["doc"]), class_="soft"
    )


def _facts(cause: Document, diagnosis: Document) -> Iterator[Markup]:
    if cause["at_run_time"] and cause["at_run_time"]["code"]:
        yield tag("dt", "At run time")
        yield tag("dd", f"{cause['at_run_time']['step']} fails: ", tag("code", cause["at_run_time"]["code"]))
    if cause["state"] == "unknown":
        yield tag("dt", "Hides")
        yield tag("dd", ", ".join(cause["preconditions"]))
    yield tag("dt", "Concerns")
    yield tag("dd", *_concerned(cause, diagnosis))
    if cause["fix"]:
        yield tag("dt", "Fix")
        yield tag("dd", *_fix(cause["fix"]))


def _concerned(cause: Document, diagnosis: Document) -> Iterator[object]:
    heading = concerned(cause, diagnosis)
    if len(cause["applications"]) <= MANY:
        yield heading
    else:
        yield tag("details", tag("summary", heading), ", ".join(cause["applications"]))


def _fix(fix: Document) -> Iterator[object]:
    at = f"{several(fix['at'], MANY)}: " if fix["at"] else ""
    yield tag("code", fix["text"]) if fix["how"] == "command" else sentences(f"{at}{fix['text']}")
    for number, link in enumerate(fix["links"][:MANY], 1):
        yield joined(" ", _link("open the page" if number == 1 else f"page {number}", link))


def _check(cause: Document) -> Iterator[object]:
    yield sentences(f"{subjects_text(cause['subjects'])}: {cause['says'][0]} ")
    yield tag("code", cause["id"])
    for link in (cause["fix"] or {"links": ()})["links"][:1]:
        yield joined(" ", _link("open the page", link))


def _link(text: str, address: str) -> Markup:
    """A link, if it is one that leads to a page."""
    return tag("a", text, href=address, rel="noopener") if address.startswith("https://") else tag("span", text)


def _class(state: str) -> str:
    return state.replace(" ", "-")


# ---- the matrix


def _matrix(diagnosis: Document, numbers: Mapping[int, int]) -> Markup:
    cases = diagnosis["cases"]
    names = list(dict.fromkeys(case["connection"] for case in cases))
    causes: dict[int, list[int]] = {}
    for cause in diagnosis["causes"]:
        for case in cause["cases"] if id(cause) in numbers else ():
            causes.setdefault(case, []).append(numbers[id(cause)])
    rows = groupby(enumerate(cases), key=lambda one: (*application_of(one[1]), one[1]["flavor"]))
    flavors = _flavors(diagnosis)
    body = [_row(key, list(group), names, causes, flavors) for key, group in rows]
    head = tag(
        "tr",
        tag("th", "Application", scope="col"),
        tag("th", "Flavor", scope="col"),
        *(tag("th", name or NONE, scope="col", class_=f"k k{n}") for n, name in enumerate(names)),
    )
    table = tag("table", tag("thead", head), tag("tbody", *body))
    frame = tag("div", table, class_="matrix", tabindex="0", role="region", aria_label="Matrix, scrollable")
    search = search_field("Search applications") if _is_long(diagnosis) else None
    return tag("section", tag("h2", "Applications × connections"), _filters(diagnosis), search, frame, id="matrix")


def _row(
    key: tuple[str, str | None, str],
    group: Sequence[tuple[int, Document]],
    names: Sequence[str | None],
    causes: Mapping[int, Sequence[int]],
    flavors: Sequence[str],
) -> Markup:
    application, client_id, flavor = key
    cells = {case["connection"]: (number, case["state"]) for number, case in group}
    classes = {_class(state) for _, state in cells.values()}
    classes |= {f"c{cause}" for number, _ in cells.values() for cause in causes.get(number, ())}
    classes.add(f"f{flavors.index(flavor)}")
    return tag(
        "tr",
        tag("th", application, scope="row", title=client_id),
        tag("td", tag("code", flavor)),
        *(_cell(n, cells.get(name), causes) for n, name in enumerate(names)),
        class_=" ".join(sorted(classes)),
        data_find=True,
    )


def _cell(column: int, found: tuple[int, str] | None, causes: Mapping[int, Sequence[int]]) -> Markup:
    if found is None:
        return tag("td", "–", class_=f"k k{column} cell none")
    number, state = found
    links = [
        tag("a", str(cause), href=f"#cause-{cause}", class_="see", aria_label=f"Cause {cause}")
        for cause in causes.get(number, ())
    ]
    return tag("td", state, *links, class_=f"k k{column} cell {_class(state)}")


def _flavors(diagnosis: Document) -> list[str]:
    return list(dict.fromkeys(case["flavor"] for case in diagnosis["cases"]))


def _connections(diagnosis: Document) -> list[str]:
    return list(dict.fromkeys(case["connection"] or NONE for case in diagnosis["cases"]))


def _choices(diagnosis: Document) -> dict[str, tuple[str, dict[str, str]]]:
    """The filters by what they are called in ids: a title, and the buttons by id."""
    states = {_class(case["state"]) for case in diagnosis["cases"]}
    blocking = len(_numbers(diagnosis))
    every = {"all": "All"}
    return {
        "state": ("State", {name: title for name, title in STATES.items() if name == "all" or name in states}),
        "flavor": ("Flavor", {**every, **{f"f{n}": name for n, name in enumerate(_flavors(diagnosis))}}),
        "connection": ("Connection", {**every, **{f"k{n}": name for n, name in enumerate(_connections(diagnosis))}}),
        "cause": ("Cause", {**every, **{f"c{n}": str(n) for n in range(1, blocking + 1)}}),
    }


def _filters(diagnosis: Document) -> Markup:
    groups = [
        tag(
            "fieldset",
            tag("legend", title),
            *(_button(of, id_, text) for id_, text in buttons.items()),
            class_="filter",
        )
        for of, (title, buttons) in _choices(diagnosis).items()
        if len(buttons) > 2
    ]
    return tag("div", *groups, class_="filters")


def _button(of: str, id_: str, text: str) -> Markup:
    return tag("label", tag("input", type="radio", name=of, id=f"{of}-{id_}", checked=id_ == "all"), text)


def _rules(diagnosis: Document) -> str:
    """Without a script: the chosen buttons hide rows, or columns, that do not carry their class."""
    return "".join(
        f"body:has(#{of}-{id_}:checked) {'.k' if of == 'connection' else 'tbody tr'}:not(.{id_}){{display:none}}"
        for of, (_, buttons) in _choices(diagnosis).items()
        for id_ in buttons
        if id_ != "all"
    )
