"""What is optional in the API is optional here: a sample of the keys that `python -m tests.reliability.optional` leaves out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability.optional import KINDS, Optional, optional

SAMPLE = (
    "clients: refresh_token.policies.[].scope",
    "clients: token_vault_privileged_access.grants.[].connection",
    "clients: token_vault_privileged_access.grants.[].scopes",
    "credentials: kid",
    "client grants: audience",
)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Optional]:
    with optional(tmp_path_factory.mktemp("optional")) as there:
        yield there


def test_every_kind_of_answer_has_keys_to_leave_out(there: Optional) -> None:
    assert {key.kind for key in there.keys} >= set(KINDS.values()) - {"policies", "custom domains"}
    assert len(there.keys) > 150


@pytest.mark.parametrize("null", [False, True], ids=["missing", "null"])
@pytest.mark.parametrize("name", SAMPLE)
def test_a_key_that_is_missing_or_null_ends_in_a_result_or_an_error(there: Optional, name: str, null: bool) -> None:
    key = next(key for key in there.keys if str(key) == name)
    there.tally.bugs.clear()
    there.case(key, null=null)
    assert there.tally.bugs == {}
