"""Every code explains itself, on the command line and in the reference; none in the source lacks a page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

from schemas.generate.code import found_codes, modules, template
from tests.support import ROOT, cli
from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.errors import RUN_TIME_ERRORS
from tokenvault.operations.codes import code_pages, page_of

PAGES = code_pages()


def raised() -> Iterator[str]:
    """Every code that the source gives to a diagnostic, those of one word among them."""
    yield from (said.code for said in found_codes())
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                yield template(node.value)


@pytest.mark.parametrize("code", sorted(set(raised())))
def test_no_code_in_the_source_lacks_a_page(code: str) -> None:
    assert page_of(code.replace("…", "x")), f"explain {code} in operations/codes.toml"


def given(tree: ast.Module) -> Iterator[str]:
    """The codes that a module gives to problems as they are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Diagnostic", "Problem"):
            codes = (k.value for k in node.keywords if k.arg == "code" and isinstance(k.value, ast.Constant))
            yield from (str(code.value) for code in codes)


@pytest.mark.parametrize("code", sorted({code for _, tree in modules() for code in given(tree)}))
def test_only_a_code_that_is_put_together_is_explained_with_others(code: str) -> None:
    """What is said of a whole family is seldom true of each: "a member of the fleet is misspelt", of an interrupted run."""
    page = page_of(code)
    assert page and page.code == code


def test_no_page_is_left_of_a_code_that_is_gone() -> None:
    known = {code.replace("…", "x") for code in raised()}
    ours = [page.code for page in PAGES.values() if page.of == "tokenvault"]
    assert not [code for code in ours if not any(fnmatchcase(one, code) for one in known)]


def test_what_doctor_judges_and_what_auth0_answers_has_a_page() -> None:
    judged = {row.id for flavor in flavors().values() for row in flavor.runtime.preconditions}
    answered = {code for error in RUN_TIME_ERRORS for code in (error.id, *error.codes)}
    assert judged | answered <= {*PAGES}


@pytest.mark.parametrize("code", sorted(PAGES))
def test_a_page_says_what_it_means_why_and_what_to_do(code: str) -> None:
    page = PAGES[code]
    assert page.means.endswith((".", ")")) and page.causes and page.cure and page.more
    assert all(cause[:1] == cause[:1].upper() or cause[:1] in "`$-" for cause in page.causes), page.causes


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("connection-offline-access", "offline_access: true"),
        ("federated_connection_refresh_token_not_found", "never connected an account"),
        ("[spec-yaml]", "A tab in the indent"),
        ("spec-worker-ip-allowlist", "Add the setting"),
        ("auth-credentials", "read:clients"),
        ("access_denied", "tokenvault explain address-not-allowed"),
    ],
)
def test_a_code_is_explained_without_a_spec(code: str, says: str) -> None:
    result = cli("explain", code)
    assert result.code == 0 and says in " ".join(result.out.split()), result.out + result.err
    document = cli("explain", code, "--json").json
    assert document["format"] == "tokenvault-code" and document["causes"] and document["cure"]


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("spec-unknwon-key", "spec-unknown-key"),
        ("federated_connection_refresh_token_not_fund", "federated_connection_refresh_token_not_found"),
    ],
)
def test_a_near_miss_leads_to_the_code(code: str, meant: str) -> None:
    result = cli("explain", code)
    assert result.code == 1 and f'Did you mean "{meant}"?' in result.err and "[code-unknown]" in result.err


def test_the_reference_has_the_same_pages() -> None:
    text = (ROOT / "schemas" / "REFERENCE.md").read_text()
    for code, page in PAGES.items():
        section = text[text.index(f"\n#### `{code}`\n") :]
        assert page.cure.split("`")[0].split("<")[0] in section[:3000], code


def test_codes_are_completed() -> None:
    from tokenvault.cli.completion import addresses_and_codes

    assert "spec-unknown-key" in addresses_and_codes("spec-unk")
    assert "federated_connection_refresh_token_not_found" in addresses_and_codes("federated")
