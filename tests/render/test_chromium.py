"""The pages as a reader's browser shows them: nothing runs, nothing is fetched, the filter filters, all can be read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.render.chromium import CHROMIUM, Browser
from tests.render.plans import HOSTILE, document_with, long_plan
from tokenvault.plan.document import Document, plan_document
from tokenvault.plan.model import Action
from tokenvault.render.graph_html import graph_html
from tokenvault.render.graph_layout import BOX_WIDTH
from tokenvault.render.graph_picture import planned_picture
from tokenvault.render.graph_svg import graph_svg
from tokenvault.render.html import plan_html

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine (apt-get install chromium)")

VISIBLE = """
[...document.querySelectorAll('details.change')].filter(e => e.checkVisibility())
                                                .map(e => e.querySelector('h3').textContent)
"""
CONTRASTS = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
                       return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]) };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
                        if (c.length === 3 || c[3] > 0) return c } return [255, 255, 255] };
  const poor = [];
  for (const e of document.querySelectorAll('body *:not(svg, svg *, input)')) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) poor.push(`${e.tagName}.${e.className} ${e.textContent.slice(0, 30)}`);
  }
  return poor;
})()
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def mixed_plan() -> Document:
    """A plan with every action, and a risk in its first object only."""
    made = long_plan(3)
    changes = tuple(
        replace(change, action=action, risks=change.risks if n == 0 else ())
        for n, (change, action) in enumerate(zip(made.changes, Action, strict=True))
    )
    return plan_document(replace(made, changes=changes))


def opened(browser: Browser, folder: Path, content: str, name: str = "page.html") -> None:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    browser.open(file)
    assert browser.complaints == []
    assert browser.requests == [file.as_uri()]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_strangers_write_runs_or_fetches(browser: Browser, tmp_path: Path, text: str) -> None:
    plan = document_with(text)
    picture = planned_picture(plan)
    for name, content in (("p.html", plan_html(plan)), ("g.html", graph_html(picture)), ("g.svg", graph_svg(picture))):
        opened(browser, tmp_path, content, name)
        assert browser.evaluate("document.title.split(/[ :]/)[0]") in ("Plan", "Graph")
        assert browser.evaluate("document.querySelectorAll('img, iframe, object, embed, link').length") == 0
        assert browser.evaluate("document.querySelectorAll('script').length") == (1 if name == "g.html" else 0)
        assert browser.evaluate("document.querySelectorAll('h1').length") == (0 if name == "g.svg" else 1)


@pytest.mark.parametrize(
    ("button", "objects"),
    [
        ("all", ["application.app-0", "application.app-1", "application.app-2"]),
        ("create", ["application.app-0"]),
        ("update", ["application.app-1"]),
        ("delete", ["application.app-2"]),
        ("risky", ["application.app-0"]),
    ],
)
def test_the_filter_shows_the_objects_of_one_action(
    browser: Browser, tmp_path: Path, button: str, objects: list[str]
) -> None:
    browser.emulate()
    opened(browser, tmp_path, plan_html(mixed_plan()))
    browser.click(f"label:has(#show-{button})")
    assert browser.evaluate(VISIBLE) == objects
    browser.click("label:has(#show-all)")
    assert len(browser.evaluate(VISIBLE)) == 3


def test_a_search_leaves_what_holds_every_word_whatever_the_filter_shows(browser: Browser, tmp_path: Path) -> None:
    browser.emulate()
    made = long_plan(40)
    opened(browser, tmp_path, plan_html(plan_document(made)))
    for typed, found in (("app-3", 11), ("APP-31", 1), ("app-31 users", 1), ("app-31 nowhere", 0), ("", 40)):
        browser.evaluate(
            f"(() => {{ const f = document.querySelector('[data-search]'); f.value = {json.dumps(typed)};"
            " f.dispatchEvent(new Event('input')) })()"
        )
        assert len(browser.evaluate(VISIBLE)) == found, typed
        assert browser.evaluate("document.querySelector('[data-found]').textContent") == (
            f"{found} of 40" if typed else ""
        )


def test_the_filter_can_be_worked_with_the_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    browser.emulate()
    opened(browser, tmp_path, plan_html(mixed_plan()))
    browser.evaluate("document.querySelector('#show-all').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    assert browser.evaluate(VISIBLE) == ["application.app-0"]


def test_a_box_of_the_graph_leads_to_the_details_of_its_object(browser: Browser, tmp_path: Path) -> None:
    browser.emulate()
    opened(browser, tmp_path, plan_html(mixed_plan()))
    browser.click(".graph a[href='#change-2']")
    assert browser.evaluate("document.querySelector(':target h3').textContent") == "application.app-1"


def test_a_box_of_a_big_graph_unfolds_what_it_stands_for_and_a_search_finds_it(
    browser: Browser, tmp_path: Path
) -> None:
    browser.emulate()
    opened(browser, tmp_path, graph_html(planned_picture(plan_document(long_plan(30)))))
    browser.click(".graph a[href='#object-7']")
    assert browser.evaluate("document.querySelector('#object-7').closest('details').open") is True
    time.sleep(0.3)  # what follows a link shows its target once more when the browser tells of the new fragment
    browser.evaluate(
        "(() => { const f = document.querySelector('[data-search]'); f.value = 'app-17';"
        " f.dispatchEvent(new Event('input')) })()"
    )
    assert browser.evaluate("document.querySelectorAll('[data-find]:not([hidden])').length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(browser: Browser, tmp_path: Path, scheme: str) -> None:
    browser.emulate(scheme=scheme)
    for plan in (mixed_plan(), document_with("some name")):
        opened(browser, tmp_path, plan_html(plan))
        assert browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
        assert browser.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("width", [320, 400, 1200])
def test_only_the_graph_scrolls_sideways(browser: Browser, tmp_path: Path, width: int) -> None:
    browser.emulate(width=width)
    for text in ("some name", "x" * 400, "<b>"):
        opened(browser, tmp_path, plan_html(document_with(text)))
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_everything_is_unfolded_and_the_buttons_are_gone(browser: Browser, tmp_path: Path) -> None:
    browser.emulate(medium="print", scheme="dark")
    opened(browser, tmp_path, plan_html(plan_document(long_plan(120))))
    assert browser.evaluate("document.querySelectorAll('details[open]').length") == 0
    assert browser.evaluate("[...document.querySelectorAll('.row')].every(e => e.checkVisibility())")
    assert not browser.evaluate("document.querySelector('.filter').checkVisibility()")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_labels_of_the_drawing_stay_inside_their_boxes(browser: Browser, tmp_path: Path) -> None:
    browser.emulate()
    long_name = "a-rather-long-name-of-an-application-in-production"
    opened(browser, tmp_path, graph_svg(planned_picture(document_with(long_name))), "g.svg")
    ends = browser.evaluate(
        "[...document.querySelectorAll('svg svg text')].map(e => e.getBBox().x + e.getBBox().width)"
    )
    assert len(ends) >= 4 and max(ends) <= BOX_WIDTH
    opened(browser, tmp_path, graph_svg(planned_picture(document_with("W" * 80))), "g.svg")
    assert browser.evaluate("getComputedStyle(document.querySelector('svg svg')).overflow") == "hidden", "clipped"
