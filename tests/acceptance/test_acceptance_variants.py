"""The test that cannot lie: under every variant of the sandbox, the probe that is about it says so, and no other does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.company import Company, owned
from tests.acceptance.lives import FLAVORS
from tests.acceptance.names import Run
from tests.acceptance.probes import PROBES
from tests.acceptance.probes.base import Says
from tests.acceptance.report import Found
from tests.acceptance.runner import Job, carry_out
from tokenvault.sandbox.variants import VARIABLE, VARIANTS
from tokenvault.tenant.options import TenantOptions

UNSEEN: dict[str, str] = {}  # variants that no probe can tell, each with the reason
NOT_YET: set[str] = (
    set()
)  # under which tokenvault itself is not right yet: strict, so that one that is mended must leave
RIGHTLY = {
    "default-policy": "doctor",  # a policy asks users for a second factor, so no exchange works
    "user-grant-as-client": "apply",  # nobody can connect an account through a grant for machines
}
TOUCHED = {  # the flavors that meet what a variant changes; any will do for the others
    "custom-api-client-enabled": "access_token_exchange",
    "minimal-api-client": "access_token_exchange",
    "exclusive-credentials": "privileged_worker",
    "privileged-access-unseen": "privileged_worker",
    "worker-parts-alone": "privileged_worker",
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    yield Company(tmp_path_factory.mktemp("company") / "tenant.db")


def run(company: Company, folder: Path, flavors: list[str], probes: Sequence[str] = tuple(PROBES)) -> Found:
    state = folder / "tenant.db"
    shutil.copy(company.path, state)
    before = owned(state)
    job = Job(
        tenant_options=TenantOptions(sandbox=state),
        environment={},
        folder=folder / "out",
        run=Run.new(),
        flavors=flavors,
        probes=probes,
        logins=company.logins,
        say=lambda text: None,
    )
    found = asyncio.run(carry_out(job))
    assert not found.broken and not found.left
    assert owned(state) == before, "what was there before is as it was, and nothing else is there"
    return found


def of(found: Found, says: Says) -> dict[str, str]:
    return {name: verdict.text for name, verdict in found.verdicts.items() if verdict.says is says}


def test_every_variant_has_a_probe_or_a_reason() -> None:
    assert VARIANTS.keys() - UNSEEN.keys() <= PROBES.keys()


def test_without_a_variant_all_is_as_assumed(company: Company, tmp_path: Path) -> None:
    found = run(company, tmp_path, list(FLAVORS))
    assert of(found, Says.AS_ASSUMED).keys() == PROBES.keys(), of(found, Says.UNTOLD) | of(found, Says.OTHER)
    assert all(life.ok for life in found.lives) and len(found.lives) == 4


@pytest.mark.parametrize("name", [name for name in VARIANTS if name in PROBES])
def test_a_variant_is_told(company: Company, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    found = run(company, tmp_path, [])
    assert of(found, Says.OTHER).keys() == {name}, of(found, Says.OTHER) | of(found, Says.UNTOLD)
    assert of(found, Says.AS_ASSUMED).keys() == PROBES.keys() - {name}, of(found, Says.UNTOLD)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.xfail(strict=True, reason="not right yet")) if n in NOT_YET else n
        for n in VARIANTS
    ],
)
def test_a_flavor_lives_under_a_variant(
    company: Company, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, name)
    found = run(company, tmp_path, [TOUCHED.get(name, "refresh_token_exchange")], probes=[])
    assert found.lives[0].failed == RIGHTLY.get(name, ""), found.lives[0].steps


def test_a_worker_that_auth0_does_not_show_lives_and_its_export_says_what_it_lacks(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "privileged-access-unseen")
    (life,) = run(company, tmp_path, ["privileged_worker"], probes=[]).lives
    assert life.ok and life.steps["nothing left"].startswith("nothing")
    assert "its keys, addresses and grants are to be written by hand" in life.steps["export"]
