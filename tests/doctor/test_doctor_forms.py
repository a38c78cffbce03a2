"""How a diagnosis is shown: 80 columns, Markdown in which nothing a stranger wrote means anything, JSON with a version."""

from __future__ import annotations

import copy
import re

from tests.world import ASSISTANT, World

HOSTILE = "Evil | `x` [click](https://evil.example) @admins \x1b[31mred\u202e"


def test_the_verdict_comes_first_then_the_matrix_then_every_reason_once(world: World) -> None:
    world.patch_connection("github", connected_accounts={"active": False})
    world.patch_client(ASSISTANT, callbacks=[])
    result = world.run("doctor", "spec.yaml")
    lines = result.out.splitlines()
    assert lines[0] == "Not ready. 9 cases on sandbox.localhost (spec.yaml): 3 ready, 6 not ready."
    header = next(line for line in lines if "acme-id" in line)
    row = next(line for line in lines if "refresh_token_exchange" in line)
    column = header.index("github")
    assert row[column:].startswith("not ready")
    assert result.out.count("[connection-connected-accounts]") == 1
    assert "fix          tokenvault apply spec.yaml" in result.out


def test_everything_fits_80_columns(world: World) -> None:
    for name in ("github", "acme-id", "google-oauth2"):
        world.patch_connection(name, connected_accounts={"active": False})
    world.patch_client(ASSISTANT, callbacks=[], oidc_conformant=False)
    world.api("PUT", "/guardian/policies", ["all-applications"])
    for specs in ([], ["spec.yaml"]):
        lines = world.run("doctor", *specs).out.splitlines()
        whole = ("https://", "`tokenvault ")  # an address or a command is never broken
        assert [line for line in lines if len(line) > 80 and not any(word in line for word in whole)] == []


def test_many_connections_are_several_matrices_side_by_side(world: World) -> None:
    for number in range(8):
        body = {"name": f"connection-number-{number}", "strategy": "box", "options": {"client_id": "x"}}
        world.api("POST", "/connections", {**body, "connected_accounts": {"active": True}})
        world.enable(body["name"], ASSISTANT, True)
    result = world.run("doctor")
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 80
    assert all(result.out.count(f"connection-number-{number}") >= 1 for number in range(8))


def test_an_unclean_name_is_only_text(world: World) -> None:
    client_id = world.client(ASSISTANT)["client_id"]
    world.api("PATCH", f"/clients/{client_id}", {"name": HOSTILE, "callbacks": []})
    text = world.run("doctor").out
    assert "\x1b" not in text and "\u202e" not in text and "Evil" in text
    markdown = world.run("doctor", "--format", "markdown").out
    assert "\x1b" not in markdown and "](https://evil.example)" not in outside_code(markdown)
    assert "@admins" not in outside_code(markdown)


def outside_code(markdown: str) -> str:
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown)


def test_markdown_has_a_table_and_a_list(world: World) -> None:
    world.patch_client(ASSISTANT, callbacks=[])
    result = world.run("doctor", "spec.yaml", "--format", "markdown")
    assert result.code == 1
    rows = [line for line in result.out.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    assert "❌ not ready" in result.out and "#### Not ready, because" in result.out
    assert "Fix: `tokenvault apply spec.yaml --sandbox=" in result.out


def test_cures_are_drawn_with_their_code(world: World) -> None:
    """The matrix and the causes, in Markdown and HTML: no backtick is left, and none is torn from what it quotes."""
    world.patch_options("google-oauth2", access_type="", offline_access=False)
    spec = copy.deepcopy(world.spec)
    spec["connections"]["google-oauth2"] = {}
    world.write(spec)
    html = world.run("doctor", "spec.yaml", "--format", "html").out
    assert "Write <code>offline_access: true</code>" in html and "`" not in html.split("<main>")[1]
    assert "Write `offline_access: true` (for" in world.run("doctor", "spec.yaml", "--format", "markdown").out


def test_json_is_versioned_and_whole(world: World) -> None:
    document = world.doctor("spec.yaml")
    assert (document["format"], document["format_version"]) == ("tokenvault-doctor", "1.1")
    assert document["summary"] == {"ready": 9, "not ready": 0, "unknown": 0}
    case = next(c for c in document["cases"] if c["flavor"] == "access_token_exchange")
    assert case["exchanging_client_id"] != case["client_id"]
    assert case["preconditions"]["api-client-linked"] == "ready"


def test_no_form_shows_a_secret(world: World) -> None:
    world.write(copy.deepcopy(world.spec))
    for form in ("text", "json", "markdown"):
        result = world.run("doctor", "spec.yaml", "--format", form, "--debug")
        assert "canary" not in result.out + result.err
