"""Answers that no tenant should give end in a result or an error, whatever reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.answers import LONG, Answers
from tests.reliability.bench import QUICKSTART, Bench, bench
from tests.support import cli
from tests.tenant.hostile import hostile


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    with bench(tmp_path_factory.mktemp("answers")) as there, hostile(there.host) as proxy:
        yield Answers(there, proxy)


def test_spoilt_answers_are_coped_with_or_told(answers: Answers) -> None:
    for number in range(80):
        answers.case(f"sample/{number}")
    answers.there.faults()
    assert answers.tally.bugs == {}
    assert 0 < answers.tally.done < answers.tally.cases


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"total": 1, "clients": [{"name": "x"}]}, "an item has no client_id"),
        ({"total": 1, "clients": [{"client_id": "a", "grant_types": "b"}]}, "grant_types is no list"),
        ({"total": 1, "clients": [{"client_id": "a", "refresh_token": {"policies": [1]}}]}, "element of policies"),
    ],
)
def test_what_cannot_be_understood_is_named(answers: Answers, body: object, told: str) -> None:
    answers.there.faults({"fault": 200, "body": body, "method": "GET", "path": "/api/v2/clients", "times": None})
    result = cli("plan", QUICKSTART, env=answers.there.env)
    answers.there.faults()
    assert result.code == 1 and told in result.err and "[api-" in result.err


def test_a_name_of_ten_thousand_characters_is_cut(tmp_path: Path) -> None:
    with bench(tmp_path) as there:
        _rename_all(there)
        for command in (["plan", QUICKSTART], ["doctor"], ["export"]):
            shown = cli(*command, env=there.env)
            assert shown.code in (0, 1) and "unexpectedly" not in shown.err and "\x1b" not in shown.out + shown.err


def _rename_all(there: Bench) -> None:
    for client in there.start["objects"]["clients"].values():
        client["name"] = f"\x1b[31m{LONG}"
    there.reset()
