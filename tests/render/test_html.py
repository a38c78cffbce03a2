"""A plan as one HTML page, read as a tree: what is in it, and that nothing else can be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from tests.render.dom import Element, parsed
from tests.render.plans import HOSTILE, document_with, documents, long_plan
from tests.support import EXAMPLE_VARIABLES, EXAMPLES, cli
from tokenvault.plan.document import Document, plan_document
from tokenvault.plan.model import Plan
from tokenvault.render.graph_html import graph_html
from tokenvault.render.graph_picture import planned_picture
from tokenvault.render.html import plan_html
from tokenvault.text import safe

PAGE = {"html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1", "h2", "h3", "p"}
TEXT = {
    "a",
    "b",
    "script",
    "code",
    "del",
    "details",
    "div",
    "fieldset",
    "input",
    "ins",
    "label",
    "legend",
    "li",
    "span",
    "summary",
    "ul",
}
DRAWING = {"svg", "desc", "defs", "marker", "path", "rect", "g", "text"}
ATTRIBUTES = {
    "aria-hidden", "aria-label", "charset", "checked", "class", "content", "d", "data-find", "data-found", "data-search",
    "hidden", "placeholder", "height", "href", "http-equiv", "id",
    "lang", "marker-end", "markerheight", "markerunits", "markerwidth", "name", "open", "orient", "refx", "refy", "rel",
    "role", "rx", "tabindex", "transform", "type", "viewbox", "width", "x", "xmlns", "y",
}  # fmt: skip


def page_of(plan: Document) -> Element:
    """The tree of a page in which every tag is closed in order."""
    return parsed(plan_html(plan))[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_write_stays_text(text: str) -> None:
    plan = document_with(text)
    for html in (plan_html(plan), graph_html(planned_picture(plan))):
        page, comments = parsed(html)
        assert not comments
        assert {e.name for e in page.all()} <= PAGE | TEXT | DRAWING
        assert {name for e in page.all() for name in e.attributes} <= ATTRIBUTES
        assert all(_is_harmless(e.attributes["href"]) for e in page.all("a"))
        assert safe(text)[:60].strip() in page.text("style")


def _is_harmless(href: str | None) -> bool:
    return bool(href and re.match(r"#(change(s|-\d+)|object-\d+)$|https://", href))


def test_a_link_leads_to_documentation_over_https_or_nowhere() -> None:
    links = [e.attributes["href"] for text in HOSTILE for e in page_of(document_with(text)).all("a")]
    assert {link for link in links if link and not link.startswith("#")} == set()
    documented = page_of(document_with("https://auth0.com/docs"))
    assert "https://auth0.com/docs" in [e.attributes["href"] for e in documented.all("a")]


@given(plan=documents())
def test_the_page_shows_the_objects_actions_and_attributes_of_the_json(plan: Document) -> None:
    page = page_of(plan)
    shown = [(_action(e), e.all("h3")[0].text(), len(e.classed("row"))) for e in page.all("details")]
    assert shown == [(c["action"], safe(c["address"]), len(c["attributes"])) for c in plan["changes"]]
    titles = [title for drawing in page.all("svg")[:1] for title in drawing.all("title")]
    assert len(titles) == len(plan["nodes"]) + bool(plan["nodes"])


def _action(change: Element) -> str:
    classes = (change.attributes["class"] or "").split()
    return next(name for name in classes if name in ("create", "update", "delete"))


def test_the_policy_of_the_page_forbids_scripts_and_every_request() -> None:
    page = page_of(document_with("x"))
    policy = next(e.attributes["content"] for e in page.all("meta") if "http-equiv" in e.attributes) or ""
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert not re.search(r"@import|url\((?!#)", "".join(e.text() for e in page.all("style")))


def test_the_page_has_landmarks_one_title_and_names_for_what_has_none() -> None:
    page = page_of(document_with("x"))
    assert [len(page.all(name)) for name in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    assert page.all("html")[0].attributes["lang"] == "en"
    assert all(e.attributes.get("aria-label") for e in page.all("svg") if "viewbox" in e.attributes)
    assert all(e.all("h2") for e in page.all("section"))
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))


def test_provenance_is_on_every_row_that_somebody_asked_for() -> None:
    page = page_of(plan_document(long_plan(1)))
    asked = page.classed("asked")[0]
    assert asked.text() == "connected_accounts tokenvault.yaml:7: users log in"


def test_a_plan_without_changes_says_so_and_offers_no_filter() -> None:
    page = page_of(plan_document(Plan(spec_name="quiet", tenant="t.auth0.com", files=(), salt="0", unchanged=3)))
    assert "No changes" in page.all("main")[0].text()
    assert not page.all("input")


def test_a_thousand_new_applications_are_folded_and_drawn_as_one_box() -> None:
    page = page_of(plan_document(long_plan(1000)))
    assert len(page.all("details")) == 1000 and not [e for e in page.all("details") if "open" in e.attributes]
    assert "1,000 objects" in page.all("svg")[0].text()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_says_the_same_in_json_markdown_and_html(example: object, tmp_path: object) -> None:
    import json

    run = [cli("plan", example, "--sandbox", f"{tmp_path}/s.db", "--format", f, env=EXAMPLE_VARIABLES) for f in FORMS]
    assert [result.code for result in run] == [0, 0, 0]
    plan = json.loads(run[0].out)
    addresses = [change["address"] for change in plan["changes"]]
    assert re.findall(r"<summary><code>.</code> <b><code>(.*?)</code>", run[1].out) == addresses
    assert [e.all("h3")[0].text() for e in parsed(run[2].out)[0].all("details")] == addresses


FORMS = ("json", "markdown", "html")


TOLD = 'Write `offline_access: <b>"true"` & run `tokenvault plan`'


def test_what_stands_between_backticks_is_code_and_nothing_else() -> None:
    from tokenvault.render.markup import sentences

    found = parsed(f"<p>{sentences(TOLD)}</p>")[0]
    assert [e.text() for e in found.all() if e.name == "code"] == ['offline_access: <b>"true"', "tokenvault plan"]
    assert {e.name for e in found.all()} <= {"", "p", "code"} and found.text() == TOLD.replace("`", "")
    assert parsed(f"<p>{sentences('one ` alone')}</p>")[0].text() == "one ` alone"
