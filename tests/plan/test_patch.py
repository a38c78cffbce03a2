"""What a request leaves of an object, by Auth0's merge rules, and how one that is refused is sent again."""

from __future__ import annotations

import pytest

from tests.state.world import World, spec_of, web
from tokenvault.kinds import kinds
from tokenvault.plan.patch import request_body

REPLACED = [
    (name, path)
    for name, kind in kinds().items()
    for path in kind.fields
    if path.count(".") > 1 and path.split(".")[0] in kind.replaced
]


@pytest.mark.parametrize(("kind", "path"), REPLACED, ids=lambda value: str(value))
def test_what_goes_and_is_not_there_is_sent_without_what_would_be_around_it(kind: str, path: str) -> None:
    """An empty object in a request that replaces a whole attribute means something to Auth0."""
    assert REPLACED and not request_body(kinds()[kind], {path: None}, {})[path.split(".")[0]]


def test_in_a_list_that_mixes_values_and_objects_only_what_auth0_refuses_is_left_out(acme: World) -> None:
    """Auth0 answers `revision` and does not take it back; the spec has nothing to do with it."""
    options = {"mixed": ["plain", {"name": "a", "revision": 1}, {"name": "b"}]}
    found = next(
        c for c in acme.hands.ask("GET", "connections?take=100")["connections"] if c["name"] == "google-oauth2"
    )
    acme.hands.ask("PATCH", f"connections/{found['id']}", {"options": {**found["options"], **options}})
    spec = spec_of({"one": web()}) | {"connections": {"google-oauth2": {"offline_access": True}}}
    refused = {
        "statusCode": 400,
        "error": "Bad Request",
        "message": "Payload validation error: 'Additional properties not allowed: revision' on property options.mixed",
    }
    rule = {"method": "PATCH", "path": "*/connections/*", "fault": 400, "body": refused}
    done = acme.run_into(rule, "apply", spec, "-y")
    assert done.code == 0 and "sent without options.mixed.revision" in done.out + done.err
    (after,) = (c for c in acme.state()["connections"].values() if c["name"] == "google-oauth2")
    assert after["options"]["mixed"] == ["plain", {"name": "a"}, {"name": "b"}]
    assert after["options"]["offline_access"] is True
