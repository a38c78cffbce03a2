"""A plan as a pull request comment, read back through a Markdown reader, as GitHub would."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from tests.render.dom import Element, parsed
from tests.render.plans import HOSTILE, document_with, documents, long_plan
from tokenvault.plan.document import Document, plan_document
from tokenvault.plan.model import Action, Plan
from tokenvault.render.block import SIGNS
from tokenvault.render.markdown import plan_markdown
from tokenvault.render.text import VERBS
from tokenvault.text import safe

# What GitHub makes something of in text, and never in code: mentions, references, addresses, emoji, formulas.
ACTIVE = re.compile(r"@\w|#\d|GH-\d|\w/\w+#|https?:|www\.|\w@\w|:\w+:|\$|[0-9a-f]{7,40}|<|`")
TAGS = {"h3", "p", "strong", "code", "pre", "details", "summary", "b", "blockquote", "ul", "li"}
ATTRIBUTES = {("details", "open"), ("code", "class")}


def shown(markdown: str) -> tuple[Element, list[str]]:
    """The page that a reader of GitHub's dialect makes of it, raw HTML and tables included."""
    return parsed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def objects(page: Element) -> list[tuple[str, str]]:
    """The sign and the address of each object that has a section."""
    summaries = [e for e in page.all("summary") if e.all("b")]
    return [(e.all("code")[0].text(), e.all("b")[0].text()) for e in summaries]


def expected(plan: Document) -> list[tuple[str, str]]:
    return [(SIGNS[change["action"]][0], safe(change["address"])) for change in plan["changes"]]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_write_is_shown_and_means_nothing(text: str) -> None:
    page, comments = shown(plan_markdown(document_with(text)))
    assert {e.name for e in page.all()} <= TAGS
    assert {(e.name, name) for e in page.all() for name in e.attributes} <= ATTRIBUTES
    assert not ACTIVE.search(page.text("code", "pre")), page.text("code", "pre")
    assert [c.split(" ")[0] for c in comments] == ["tokenvault:plan", "tokenvault:plan"]
    assert len(page.all("details")) == 2
    assert safe(text)[:60].strip() in page.text("pre")


@given(plan=documents())
def test_the_comment_shows_the_objects_and_actions_of_the_json(plan: Document) -> None:
    markdown = plan_markdown(plan)
    page, _ = shown(markdown)
    assert objects(page) == expected(plan)
    assert len(markdown) < 60_000
    for change, section in zip(plan["changes"], page.all("details"), strict=False):
        assert VERBS["adopt" if change["adopts"] else change["action"]] in section.all("summary")[0].text()
        lines = section.all("pre")[0].text().splitlines()
        signs = [line[0] for line in lines if line.startswith(("+", "-"))]
        wanted = [sign for attribute in change["attributes"] for sign in _signs(attribute["op"])]
        assert sorted(signs) == sorted(wanted)


def _signs(op: str) -> str:
    return {"add": "+", "remove": "-", "change": "-+"}[op]


@pytest.mark.parametrize(("changes", "members"), [(1000, 1), (300, 30), (2, 5000), (1, 1)])
def test_a_long_plan_is_cut_between_objects_and_the_rest_is_counted(changes: int, members: int) -> None:
    plan = plan_document(long_plan(changes, members))
    markdown = plan_markdown(plan)
    page, _ = shown(markdown)
    assert len(markdown) < 60_000
    shown_objects = objects(page)
    assert shown_objects == expected(plan)[: len(shown_objects)]
    more = re.search(r"\*\*([\d,]+) more objects? not shown here\*\* \(([\d,]+) to create\)", markdown)
    rest = int(more[1].replace(",", "")) if more else 0
    assert len(shown_objects) + rest == changes and (rest > 0) == (changes > 100)


def test_what_a_reviewer_must_not_miss_is_shown_before_what_is_only_new() -> None:
    made = long_plan(300, 30)
    quiet = [replace(change, risks=()) for change in made.changes]
    risky = replace(quiet[250], action=Action.UPDATE, risks=("users are logged out",))
    deleted = replace(quiet[251], action=Action.DELETE)
    updated = [replace(quiet[n], action=Action.UPDATE) for n in (252, 299)]
    plan = plan_document(replace(made, changes=(*quiet[:250], risky, deleted, updated[0], *quiet[253:299], updated[1])))
    markdown = plan_markdown(plan)
    shown_objects = objects(shown(markdown)[0])
    assert 5 < len(shown_objects) < 300
    assert [sign for sign, _ in shown_objects if sign != "+"] == ["~", "-", "~", "~"]
    assert shown_objects == [found for found in expected(plan) if found in shown_objects], "the plan's own order"
    assert re.search(rf"\*\*{300 - len(shown_objects)} more objects not shown here\*\* \(\d+ to create\)", markdown)


def test_a_long_list_is_cut_inside_its_object_and_the_rest_is_counted() -> None:
    markdown = plan_markdown(plan_document(long_plan(1, 5000)))
    lines = shown(markdown)[0].all("pre")[0].text().splitlines()
    members = sum(line.startswith("+") for line in lines)
    more = re.fullmatch(r"# \(([\d,]+) more lines not shown here\)", lines[-1])
    assert more and members + int(more[1].replace(",", "")) == 5000


def test_risks_and_warnings_stand_above_the_details_and_are_bounded() -> None:
    markdown = plan_markdown(plan_document(long_plan(1000)))
    assert markdown.index("Before you approve") < markdown.index("<details")
    said = re.search(r"^> - (.*?) and 995 more objects: users log in again$", markdown, re.M)
    assert said and said[1] == ", ".join(f"`application.app-{n}`" for n in range(5))


def test_a_flood_of_different_risks_is_cut_and_the_rest_is_counted() -> None:
    plan = long_plan(1)
    flood = replace(plan.changes[0], risks=tuple(f"risk number {n} means much" for n in range(2000)))
    markdown = plan_markdown(plan_document(replace(plan, changes=(flood,))))
    above = markdown[: markdown.index("<details")]
    more = re.search(r"^> - and ([\d,]+) more", above, re.M)
    assert more and len(re.findall("means much", above)) + int(more[1].replace(",", "")) == 2000
    assert len(markdown) < 60_000


def test_a_pipeline_finds_its_own_comment_again() -> None:
    """Several specs, and one spec on several tenants, each keep a comment of their own."""
    first = plan_markdown(plan_document(long_plan(1))).splitlines()
    assert first[:2] == ["<!-- tokenvault:plan -->", "<!-- tokenvault:plan spec=many tenant=acme.eu.auth0.com -->"]
    other = plan_document(replace(long_plan(2), tenant="acme-dev.eu.auth0.com"))
    assert plan_markdown(other).splitlines()[1] != first[1]


@pytest.mark.parametrize("name", ["a--b", "-->", "--", "a-->b"])
def test_no_name_ends_the_hidden_marker(name: str) -> None:
    plan = plan_document(replace(long_plan(1), spec_name=name))
    page, comments = shown(plan_markdown(plan))
    assert len(comments) == 2 and page.text().strip().startswith("Plan:")


def test_a_plan_without_changes_says_so_in_one_sentence() -> None:
    empty = Plan(spec_name="quiet", tenant="acme.eu.auth0.com", files=(), salt="0", unchanged=16)
    page, _ = shown(plan_markdown(plan_document(empty)))
    assert "No changes. All 16 objects that the spec asks for are as it says." in page.text()
    assert not page.all("details")


def test_a_changed_value_shows_both_sides_and_who_asked_for_it() -> None:
    section = shown(plan_markdown(document_with("x")))[0].all("pre")[0].text().splitlines()
    assert '- name = "x"' in section
    assert any(re.fullmatch(r'\+ name = "x!" +# x x\.yaml:7', line) for line in section)
    assert "- secret = (sensitive value)" in section


@pytest.mark.parametrize(("action", "sign"), [(Action.CREATE, "+"), (Action.UPDATE, "~"), (Action.DELETE, "-")])
def test_every_action_has_its_sign_and_its_words(action: Action, sign: str) -> None:
    plan = long_plan(1)
    changed = replace(plan, changes=(replace(plan.changes[0], action=action),))
    page, _ = shown(plan_markdown(plan_document(changed)))
    assert objects(page) == [(sign, "application.app-0")]


def test_what_stands_between_backticks_is_code_whatever_stands_around_it() -> None:
    from tokenvault.render.markdown import sentences

    told = "Write what it needs (`offline_access: true`, `scopes`): `tokenvault plan` shows it."
    assert sentences(told) == told
    assert sentences("`[x](https://evil.example)`") == "`[x](https://evil.example)`"
