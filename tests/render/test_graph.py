"""The graph in its four forms: what is drawn, that it can be read, and that names in it are only names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.dom import parsed
from tests.render.plans import HOSTILE, document_with, documents, long_plan
from tests.support import EXAMPLE_VARIABLES, EXAMPLES, ROOT, cli, write_spec
from tokenvault.plan.document import Document, plan_document
from tokenvault.render.graph_layout import BOX_HEIGHT, BOX_WIDTH, closing, essential, layered_layout
from tokenvault.render.graph_picture import MAX_NODES, Box, Group, planned_picture, readable
from tokenvault.render.graph_svg import cut, graph_svg
from tokenvault.render.graph_text import graph_dot, graph_mermaid

SVG = "{http://www.w3.org/2000/svg}"
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
MERMAID = re.compile(
    r"flowchart LR|  n\d+\[\"[\w .,()*#;-]*<br/><b>[\w .,()*#;-]*</b>(<br/>[\w ]+)?\"\](:::\w+)?|  n\d+ --> n\d+"
    r"|  note\[\"[\w ,#;.]*\"\]|  classDef \w+ [\w:#, -]+"
)
_nodes = st.integers(1, 14).map(lambda count: [f"node-{n}" for n in range(count)])
graphs = _nodes.flatmap(
    lambda nodes: st.tuples(
        st.just(nodes),
        st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)).filter(lambda e: e[0] != e[1]), max_size=30),
    )
)


@given(graph=graphs)
def test_boxes_never_overlap_and_edges_run_from_border_to_border(
    graph: tuple[list[str], list[tuple[str, str]]],
) -> None:
    nodes, edges = graph
    layout = layered_layout(nodes, edges)
    assert set(layout.corners) == set(nodes) and set(layout.routes) == set(edges)
    corners = list(layout.corners.values())
    for n, (x, y) in enumerate(corners):
        assert 0 <= x <= layout.width - BOX_WIDTH + 0.01 and -0.01 <= y <= layout.height - BOX_HEIGHT + 0.01
        for other_x, other_y in corners[:n]:
            assert abs(x - other_x) >= BOX_WIDTH or abs(y - other_y) >= BOX_HEIGHT
    for (source, target), route in layout.routes.items():
        assert route[0] in _borders(layout.corners[source]) and route[-1] in _borders(layout.corners[target])


@given(graph=graphs)
def test_no_edge_runs_through_a_box(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    """Between layers there is nothing but edges; inside a layer an edge runs level, past the boxes."""
    layout = layered_layout(*graph)
    for route in layout.routes.values():
        for x, y in route[1:-1]:
            for left, top in layout.corners.values():
                assert not (left <= x <= left + BOX_WIDTH and top < y < top + BOX_HEIGHT)


def _borders(corner: tuple[float, float]) -> list[tuple[float, float]]:
    x, y = corner
    return [(x, y + BOX_HEIGHT / 2), (x + BOX_WIDTH, y + BOX_HEIGHT / 2)]


@given(graph=graphs)
def test_what_comes_first_stands_left_of_what_needs_it(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    nodes, edges = graph
    corners = layered_layout(nodes, edges).corners
    back = closing(edges)
    for edge in edges:
        source, target = reversed(edge) if edge in back else edge
        assert corners[source][0] < corners[target][0]


@given(graph=graphs)
def test_edges_left_out_follow_from_those_that_stay(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    _, edges = graph
    kept = essential(edges)
    assert set(kept) <= set(edges)
    assert {node: _after(node, kept) for node, _ in edges} == {node: _after(node, edges) for node, _ in edges}


def _after(start: str, edges: list[tuple[str, str]]) -> set[str]:
    found: set[str] = set()
    while more := {b for a, b in edges if a in found | {start}} - found:
        found |= more
    return found


def test_a_drawing_is_the_same_every_time() -> None:
    plan = plan_document(long_plan(30))
    assert graph_svg(planned_picture(plan)) == graph_svg(planned_picture(json.loads(json.dumps(plan))))


@given(plan=documents())
def test_every_object_is_drawn_with_its_action_in_every_form(plan: Document) -> None:
    picture = planned_picture(plan)
    actions = sorted(node["action"] for node in plan["nodes"])
    groups = [
        g for g in ElementTree.fromstring(graph_svg(picture)).iter(f"{SVG}g") if g.find(f"{SVG}title") is not None
    ]
    assert sorted(g.get("class", "") for g in groups) == actions
    assert sorted(re.findall(r":::(\w+)$", graph_mermaid(picture), re.M)) == actions
    assert len(re.findall(r"fillcolor=", graph_dot(picture))) == len(actions)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_in_a_drawing_are_only_names(text: str) -> None:
    picture = planned_picture(document_with(text))
    svg = ElementTree.fromstring(graph_svg(picture))
    tags = {e.tag.removeprefix(SVG) for e in svg.iter()}
    assert tags <= {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "g", "text"}
    assert not [name for e in svg.iter() for name in e.attrib if name.startswith("on") or "href" in name]
    assert all(MERMAID.fullmatch(line) for line in graph_mermaid(picture).splitlines())
    bare = QUOTED.sub("", graph_dot(picture))
    assert re.fullmatch(r"[\w\s=,.;{}\[\]>-]*", bare), bare


def test_long_names_are_cut_in_the_middle_and_whole_in_the_tooltip() -> None:
    assert cut("assistant-for-customers-of-acme-production", 20) == "assistant-for…uction"
    assert cut("short", 20) == "short"
    assert cut("漢字" * 40, 9) == "漢字漢…字"
    page, _ = parsed(graph_svg(planned_picture(document_with("x" * 200))))
    assert f"application.{'x' * 200} will be updated" in [e.text() for e in page.all("title")]


@pytest.mark.parametrize("group", [Group.CONNECTION, Group.AUTO])
def test_what_is_not_drawn_is_said_within_the_width_of_the_drawing(group: Group) -> None:
    """In a narrow drawing below its legend: a viewer cuts what stands beyond."""
    picture = planned_picture(plan_document(long_plan(200)))
    svg = ElementTree.fromstring(graph_svg(picture, group=group))
    said = [e for e in svg.findall(f"{SVG}text") if e.get("class") == "soft"]
    assert " ".join(str(e.text) for e in said) == readable(picture, group).note != ""
    assert all(float(e.get("x", "")) + 5.5 * len(str(e.text)) <= float(svg.get("width", "")) for e in said)
    boxes = next(g for g in svg.findall(f"{SVG}g") if "translate" in g.get("transform", ""))
    assert max(float(e.get("y", "")) for e in said) < float(boxes.get("transform", "").split(",")[1].rstrip(")"))


def test_a_box_of_several_names_as_many_as_it_has_room_for() -> None:
    few = Box(
        address="a", kind="application", action="", count=3, members=tuple(f"application.app-{n}" for n in range(3))
    )
    many = Box(
        address="a", kind="application", action="", count=9, members=tuple(f"application.app-{n}" for n in range(9))
    )
    assert (few.label, many.label) == ("app-0, app-1, app-2", "app-0, app-1, app-2, app-3, …")


def test_forty_objects_are_drawn_one_by_one_and_a_thousand_share_boxes() -> None:
    forty, thousand = (readable(planned_picture(plan_document(long_plan(n)))) for n in (40, 1000))
    assert len(forty.boxes) == 40 and not forty.note
    assert [box.count for box in thousand.boxes.values()] == [1000] and "share a box" in thousand.note


def test_what_changes_is_drawn_one_by_one_while_there_is_room() -> None:
    plan = plan_document(long_plan(200))
    for node in plan["nodes"][3:]:
        node["action"] = "none"
    boxes = readable(planned_picture(plan)).boxes
    assert sorted(box.count for box in boxes.values()) == [1, 1, 1, 197]


def test_an_object_is_never_before_and_after_another_one() -> None:
    """A worker is there before its keys, and is written again with them: the drawing shows the first."""
    picture = cli("graph", ROOT / "examples" / "quickstart.yaml", "--format", "dot").out
    edges = set(re.findall(r'^  "(.*?)" -> "(.*?)"$', picture, re.M))
    assert any(a == "application.nightly-sync" and b.startswith("credential.") for a, b in edges)
    assert not {(b, a) for a, b in edges} & edges


def company(applications: int, connections: int) -> str:
    """Applications that each use one or two of the connections."""
    names = [f"idp-{n}" for n in range(connections)]
    lines = [
        "version: 1",
        "name: company",
        f"connections: {{{', '.join(f'{n}: {{}}' for n in names)}}}",
        "applications:",
    ]
    for n in range(applications):
        uses = dict.fromkeys((names[n % connections], names[(n * 3) % connections]))
        lines += [f"  app-{n}:", "    type: regular_web", "    callbacks: [https://app.example/cb]"]
        lines += ["    flavors: [refresh_token_exchange]", f"    connections: [{', '.join(uses)}]"]
    return "\n".join(lines) + "\n"


def boxes_of(svg: str) -> list[str]:
    found = [g.find(f"{SVG}title") for g in ElementTree.fromstring(svg).iter(f"{SVG}g")]
    return [title.text or "" for title in found if title is not None]


def test_sixty_five_objects_show_which_application_uses_which_connection(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, company(25, 6))
    svg = cli("graph", spec, "--format", "svg").out
    shown = boxes_of(svg)
    assert cli("graph", spec, "--format", "dot").out.count("fillcolor=") >= 60
    assert len(shown) == 25 + 6 + 2, "the My Account API and the MFA policy stand beside"
    assert any(title.startswith("application.app-3") and "client_grant.app-3.my_account" in title for title in shown)
    assert "arrows from my_account_api are left out" in svg
    whole = boxes_of(cli("graph", spec, "--format", "svg", "--group", "none").out)
    assert len(whole) == cli("graph", spec, "--format", "dot").out.count("fillcolor=")


def test_applications_that_use_the_same_connections_share_a_box(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, company(200, 6))
    for options in ((), ("--group", "connection")):
        shown = boxes_of(cli("graph", spec, "--format", "svg", *options).out)
        assert len([title for title in shown if " of kind application" in title]) == 6
        assert len([title for title in shown if title.startswith("connection.")]) == 6
    assert len(boxes_of(cli("graph", spec, "--format", "svg", "--group", "application").out)) == 200 + 6 + 2


def test_a_target_shows_what_belongs_to_it_and_what_it_needs(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, company(200, 6))
    drawn = cli("graph", spec, "--format", "dot", "--target", "application.app-7").out
    assert set(re.findall(r'^  "(.*?)" \[', drawn, re.M)) == {
        "application.app-7",
        "client_grant.app-7.my_account",
        "my_account_api",
    }
    used = cli("graph", spec, "--format", "dot", "--target", "connection.idp-1").out
    assert '"application.app-1"' in used and '"connection_clients.idp-1"' in used and '"application.app-2"' not in used
    wrong = cli("graph", spec, "--target", "application.ap-7")
    assert wrong.code == 1 and 'Did you mean "application.app-' in wrong.err


def test_the_page_lists_each_application_with_what_is_around_it(tmp_path: Path) -> None:
    page, _ = parsed(cli("graph", write_spec(tmp_path, company(12, 3)), "--format", "html").out)
    listed = [e for e in page.all("details") if "data-find" in e.attributes]
    assert len(listed) == 12 + 3 + 2
    one = next(e for e in listed if e.all("summary")[0].text().startswith("application.app-3"))
    assert {"application.app-3", "client_grant.app-3.my_account"} <= {e.text() for e in one.all("code")}
    assert len(one.all("svg")) >= 1
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    links = {e.attributes["href"] for e in page.all("a")}
    assert links and links <= {f"#{name}" for name in ids}


def spec_of(applications: int) -> str:
    """So many applications on two connections."""
    lines = ["version: 1", "name: many", "connections: {google-oauth2: {}, github: {}}", "applications:"]
    for n in range(applications):
        lines += [f"  app-{n}:", "    type: regular_web", f"    callbacks: [https://app-{n}.example/cb]"]
        lines += ["    flavors: [refresh_token_exchange]"]
    return "\n".join(lines) + "\n"


def test_a_thousand_applications_are_drawn_at_once(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(1000))
    drawn = {form: cli("graph", spec, "--format", form) for form in ("svg", "mermaid", "dot", "html")}
    assert {result.code for result in drawn.values()} == {0}
    boxes = [g for g in ElementTree.fromstring(drawn["svg"].out).iter(f"{SVG}g") if g.find(f"{SVG}title") is not None]
    assert len(boxes) <= MAX_NODES and "share a box" in drawn["svg"].out
    assert drawn["mermaid"].out.count("\n") <= 2 * MAX_NODES
    assert drawn["dot"].out.count('"application.app-') > 2000, "dot is for tools: everything is in it"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_drawn_offline(example: Path) -> None:
    result = cli("graph", example, env=EXAMPLE_VARIABLES)
    assert result.code == 0 and not result.err
    assert all(MERMAID.fullmatch(line) for line in result.out.splitlines())
    assert ":::" not in result.out, "nobody asked a tenant, so nothing has an action"


def test_a_tenant_at_hand_colours_the_drawing(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(2))
    state = tmp_path / "s.db"
    assert ":::create" in cli("graph", spec, "--sandbox", state).out
    assert cli("apply", spec, "--sandbox", state, "-y").code == 0
    after = cli("graph", spec, "--sandbox", state).out
    assert ":::none" in after and ":::create" not in after


def test_a_saved_plan_is_drawn_without_a_tenant(tmp_path: Path) -> None:
    spec, saved = write_spec(tmp_path, spec_of(2)), tmp_path / "plan.json"
    assert cli("plan", spec, "--sandbox", tmp_path / "s.db", "--out", saved).code == 0
    spec.unlink()
    result = cli("graph", "--plan", saved, "--format", "svg")
    assert result.code == 0 and 'class="create"' in result.out


def test_a_saved_plan_and_a_spec_at_once_are_refused(tmp_path: Path) -> None:
    result = cli("graph", "spec.yaml", "--plan", tmp_path / "plan.json")
    assert result.code == 1 and "graph-usage" in result.err


def test_a_file_that_is_no_plan_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    result = cli("graph", "--plan", tmp_path / "plan.json")
    assert result.code == 1 and "plan-file" in result.err
