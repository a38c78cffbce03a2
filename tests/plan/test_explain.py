"""`explain`: what is asked of an object, by whom and why, without a tenant."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.plan.gallery import GOLDEN, KEYS
from tests.plan.tenants import SECRETS
from tests.support import EXAMPLE_VARIABLES, EXAMPLES, Result, cli
from tokenvault.flavors import flavors
from tokenvault.spec.load import load_spec
from tokenvault.state.desired import build_graph

FOUR = GOLDEN / "create-everything" / "spec.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(FOUR, tmp_path / "tokenvault.yaml")
    shutil.copytree(KEYS, tmp_path / "keys")
    return tmp_path


def explain(folder: Path, address: str, *options: str) -> Result:
    return cli("explain", address, *options, cwd=folder, env=SECRETS)


def explained(folder: Path, address: str) -> list[dict[str, Any]]:
    found = explain(folder, address, "--format", "json")
    assert found.code == 0, found.err
    objects: list[dict[str, Any]] = found.json["objects"]
    return objects


def test_an_application_is_explained_with_all_that_its_flavors_ask_of_others(folder: Path) -> None:
    (assistant,) = explained(folder, "application.assistant")
    assert [flavor["name"] for flavor in assistant["flavors"]] == ["connected_accounts", "refresh_token_exchange"]
    assert {other["address"] for other in assistant["expansion"]} == {
        "my_account_api",
        "client_grant.assistant.my_account",
        "connection_clients.google-oauth2",
        "connection_clients.github",
    }


def test_every_ask_says_who_where_why_and_where_it_is_documented(folder: Path) -> None:
    for explanation in explained(folder, "*"):
        for ask in explanation["asks"]:
            assert ask["want"], ask
            assert ask["reason"], ask
            assert ask["at"]["line"] > 0, ask
            assert ask["source"] in ("spec", *flavors()), ask
            assert ask["doc"].startswith("https://auth0.com/docs/") or ask["source"] == "spec", ask


def test_nothing_that_a_spec_asks_for_is_left_unexplained(folder: Path) -> None:
    spec = load_spec([folder / "tokenvault.yaml"], SECRETS)
    graph = build_graph(spec, "acme.us.auth0.com")
    explained_asks = {(e["address"], ask["path"]) for e in explained(folder, "*") for ask in e["asks"]}
    asked = {(n.address, ask.path.removeprefix("spec.")) for n in graph.nodes.values() for ask in n.requirements}
    assert explained_asks == asked


def test_globs_explain_several(folder: Path) -> None:
    assert [e["address"] for e in explained(folder, "connection.g*")] == [
        "connection.google-oauth2",
        "connection.github",
    ]


def test_text_tells_the_same_in_words_and_no_line_is_too_wide(folder: Path) -> None:
    text = explain(folder, "application.nightly-sync").out
    assert "holds google-oauth2 with scopes https://www.googleapis.com/auth/calendar.readonly" in " ".join(text.split())
    assert "privileged_worker, tokenvault.yaml:35: the worker signs its requests with this key [1]" in text
    assert "[1] https://auth0.com/docs/" in text
    words = [line for line in text.splitlines() if len(line) > 100]
    assert all(re.fullmatch(r"  (\[\d+\] )?\S+", line) for line in words), words  # an address is not broken


def test_a_secret_is_not_explained_away(folder: Path) -> None:
    for form in ("text", "json"):
        found = explain(folder, "connection.acme-crm", "--format", form)
        assert "client_secret" in found.out
        assert "canary" not in found.out + found.err


def test_an_unknown_address_says_which_was_meant(folder: Path) -> None:
    missing = explain(folder, "application.asistant")
    assert (missing.code, 'Did you mean "application.assistant"?' in missing.err) == (1, True)


def test_what_only_looks_and_what_depends_says_so(folder: Path) -> None:
    assert "looked at, never changed" in explain(folder, "mfa_policy").out
    grant = " ".join(explain(folder, "client_grant.calendar-spa.calendar").out.split())
    assert "only while subject_type_authorization.user.policy of api.calendar is require_client_grant" in grant


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_explained_whole(example: Path) -> None:
    """Each kind of constraint has words, also what a plan only reads."""
    result = cli("explain", "*", example, env=EXAMPLE_VARIABLES)
    assert result.code == 0 and "bug" not in result.err, result.err
    assert "mfa_policy" in result.out and "may be anything: it is only read" in result.out
