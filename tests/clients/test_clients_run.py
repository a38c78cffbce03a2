"""The run of other people's software itself, without them: what it makes of a client that fails or changes something."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.clients import __main__ as run
from tests.clients.catalogue import CLIENTS, Client

CHANGING = """
import json, ssl, urllib.request
from common import DOMAIN, WEB, done
done("change")
address = f"https://{DOMAIN}/api/v2/clients/{WEB['client_id']}"
headers = {"authorization": "Bearer sandbox", "content-type": "application/json"}
body = json.dumps({"grant_types": ["authorization_code"]}).encode()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(urllib.request.Request(address, body, headers, method="PATCH")).read()
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run.prepare(tmp_path_factory.mktemp("clients"))


def outcome(prepared: Path, program: str, name: str, monkeypatch: pytest.MonkeyPatch) -> run.Outcome:
    drivers = prepared.parent.parent / f"drivers-{name}"
    drivers.mkdir()
    (drivers / "common.py").write_text((run.DRIVERS / "common.py").read_text())
    (drivers / "driver.py").write_text(program)
    monkeypatch.setattr(run, "DRIVERS", drivers)
    client = Client(name, "driver.py", ("change",), "sdk")
    return run.run_client(client, run.Installed(Path(sys.executable), {name: "1.0"}), prepared)


def test_a_client_that_changes_something_passes_and_the_plan_says_what(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = outcome(prepared, CHANGING, "changing", monkeypatch)
    assert found.passed, found.problem
    assert found.plan == "application.web will be updated in-place"
    assert "1.0" in run.table([found])


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("raising", "from common import done\ndone('change')\nraise SystemExit('no such thing')"),
        ("silent", "import common"),
    ],
)
def test_a_client_that_fails_or_leaves_out_a_flow_fails(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, name: str, program: str
) -> None:
    found = outcome(prepared, program, name, monkeypatch)
    assert not found.passed and found.reached and found.plan == "empty"
    assert ("no such thing" if name == "raising" else "without change") in found.problem


def test_where_an_index_is_not_reached_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert run.main(["auth0-python"]) == 0
    assert "the package index is not reached" in capsys.readouterr().out


def test_each_client_has_its_driver() -> None:
    assert all((run.DRIVERS / client.driver).is_file() for client in CLIENTS if client.driver or not client.usage)
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)
