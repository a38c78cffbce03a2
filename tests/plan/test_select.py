"""`--target` and `--exclude`: what is needed comes along, what needs it goes too, and what is left can be applied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.gallery import CASES
from tests.plan.tenants import SECRETS, run
from tests.support import requests_of
from tokenvault.plan.file import plan_of
from tokenvault.plan.model import Plan
from tokenvault.plan.selection import filter_plan
from tokenvault.secrets import Secret

CASE = "create-everything"
PROBE = "client_grant.calendar-spa.calendar"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    CASES[CASE].prepare(CASE, folder)
    assert run(folder, "plan", "spec.yaml", "--out", "plan.json").code == 0
    return folder


@pytest.fixture(scope="module")
def whole(planned: Path) -> Plan:
    document = json.loads((planned / "plan.json").read_text())
    return plan_of(document, lambda reference, folder: Secret(SECRETS["CRM_CLIENT_SECRET"], reference, folder))


@pytest.fixture
def folder(planned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planned, tmp_path / "work"))


def addresses(folder: Path, *options: str) -> set[str]:
    """What a plan with these options changes."""
    made: Any = run(folder, "plan", "spec.yaml", "--format", "json", *options).json
    return {change["address"] for change in made["changes"]}


def test_a_target_brings_along_what_it_needs(folder: Path) -> None:
    needed = {PROBE, "application.calendar-spa", "api.calendar", "application.calendar.api_client", "my_account_api"}
    assert addresses(folder, "--target", PROBE) == needed


def test_a_worker_brings_along_the_key_that_waits_for_it(folder: Path) -> None:
    found = addresses(folder, "--target", "application.nightly-sync")
    assert {address.split(".")[0] for address in found} == {"application", "credential", "connection"}


def test_an_exclude_takes_along_what_needs_it(folder: Path) -> None:
    everything = addresses(folder)
    left = addresses(folder, "--exclude", "my_account_api")
    assert {"application.assistant", "application.calendar-spa", PROBE} < everything - left
    assert "application.nightly-sync" in left


def test_globs_match_whole_addresses(folder: Path) -> None:
    assert addresses(folder, "--target", "connection.*") == {
        "connection.google-oauth2",
        "connection.github",
        "connection.acme-crm",
    }


def test_a_target_that_is_excluded_is_not_done(folder: Path) -> None:
    assert (
        addresses(folder, "--target", PROBE, "--exclude", "api.calendar")
        == {
            "application.calendar-spa",
            "my_account_api",
        }
        - addresses_needing_the_api()
    )


def addresses_needing_the_api() -> set[str]:
    """A single-page application's refresh token policy names the API, so it needs it."""
    return {"application.calendar-spa"}


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("application.asistant", 'Did you mean "application.assistant"?'),
        ("assistant", 'Did you mean "application.assistant"?'),
        ("acme-crm", 'Did you mean "connection.acme-crm"?'),
        ("zzz.*", "Its addresses are: "),
    ],
)
def test_an_unknown_pattern_is_an_error_that_helps(folder: Path, pattern: str, hint: str) -> None:
    for option in ("--target", "--exclude"):
        for command in (("plan", "spec.yaml"), ("apply", "spec.yaml", "-y")):
            refused = run(folder, *command, option, pattern, "--debug")
            assert (refused.code, "[address-unknown]" in refused.err, hint in refused.err) == (1, True, True)
            assert not requests_of(refused, "POST", "PATCH", "PUT", "DELETE")


def test_a_partial_plan_says_so_in_every_form(folder: Path) -> None:
    for form in ("text", "markdown", "html"):
        shown = run(folder, "plan", "spec.yaml", "--target", "api.calendar", "--format", form).out
        assert "This plan is partial" in shown.replace("<b>", "").replace("**", ""), form


def test_an_empty_part_is_not_called_an_empty_plan(folder: Path) -> None:
    assert run(folder, "apply", "spec.yaml", "-y", "--target", "api.calendar").code == 0
    again = run(folder, "plan", "spec.yaml", "--target", "api.calendar")
    assert again.out.startswith("No changes. Of the part that was asked for")
    assert run(folder, "plan", "spec.yaml", "--detailed-exitcode").code == 2


@given(st.data())
def test_whatever_is_left_holds_all_that_it_needs(whole: Plan, data: st.DataObject) -> None:
    everything = [change.address for change in whole.changes]
    some = st.lists(st.sampled_from(everything), max_size=3, unique=True)
    targets, excludes = data.draw(some), data.draw(some)
    part = filter_plan(whole, targets, excludes)
    left = {change.address for change in part.changes}
    assert not left & set(excludes)
    assert all(need in left for change in part.changes for need in change.requires)
    if not excludes:
        assert set(targets) <= left


def test_parts_that_are_applied_one_by_one_make_the_whole(folder: Path) -> None:
    for target in (
        "connection.*",
        "application.nightly-sync",
        "application.assistant",
        "connection_clients.google-oauth2",
    ):
        applied = run(folder, "apply", "spec.yaml", "-y", "--target", target)
        assert applied.code == 0, applied.err
    assert run(folder, "apply", "spec.yaml", "-y").code == 0
    assert run(folder, "plan", "spec.yaml", "--detailed-exitcode").code == 0
