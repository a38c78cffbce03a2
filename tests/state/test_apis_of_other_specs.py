"""An API that one spec created is that spec's: another may use it, and takes it over only when it is told to.

An API carries no mark. That a spec created it stands on its Custom API Client, or in the mark of an application.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.state.world import World, spec_of, web
from tests.support import by_name

FILES = "https://files.example.com"
EXCHANGE: dict[str, Any] = {"access_token_exchange": {"api": "files"}}
APP = {"type": "regular_web", "flavors": ["connected_accounts"]}


def files(*scopes: str, **more: Any) -> dict[str, Any]:
    return {"files": {"identifier": FILES, **({"scopes": dict.fromkeys(scopes, "What for")} if scopes else {}), **more}}


OWNERS = {
    "on its client": spec_of({"first": {**APP, "flavors": ["connected_accounts", EXCHANGE]}}, apis=files("read:it")),
    "in a mark": spec_of({"first": APP}, apis=files("read:it")),
}


def scopes_of_the_api(world: World) -> set[str]:
    return {scope["value"] for scope in by_name(world.state()["resource_servers"], "files")["scopes"]}


def other(apps: dict[str, Any], apis: dict[str, Any]) -> dict[str, Any]:
    return {**spec_of(apps, apis=apis), "name": "other"}


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
@pytest.mark.parametrize(
    "flavors", [["connected_accounts"], ["connected_accounts", EXCHANGE]], ids=["lists", "exchanges"]
)
def test_another_spec_that_asks_more_of_it_is_refused(acme: World, owner: dict[str, Any], flavors: list[Any]) -> None:
    acme.apply(owner)
    said = acme.refused("apply", other({"second": {**APP, "flavors": flavors}}, files("write:it")), "-y")
    assert said.count("plan-foreign-owner") == 1
    assert 'belongs to the spec "acme"' in said
    assert "pass --adopt to take it over" in said
    acme.assert_done(owner)


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
def test_another_spec_may_use_it(acme: World, owner: dict[str, Any]) -> None:
    acme.apply(owner)
    user = other({"second": APP}, files())
    acme.apply(user)
    acme.assert_done(owner)
    acme.destroy(user)
    acme.assert_done(owner)


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
def test_another_spec_that_adopts_it_says_whose_it_was_and_is_exact_from_then_on(
    acme: World, owner: dict[str, Any]
) -> None:
    acme.apply(owner)
    taker = other({"second": APP}, files("write:it"))
    shown = acme.run("plan", taker, "--adopt").out
    assert "api.files will be adopted and updated in-place" in shown
    assert 'taken over from the spec "acme"' in shown
    acme.apply(taker, "--adopt")
    assert scopes_of_the_api(acme) == {"write:it"}
    acme.assert_done(taker)
    acme.apply(other({"second": APP}, files("list:it")))
    assert scopes_of_the_api(acme) == {"list:it"}


@pytest.mark.parametrize("options", [(), ("--adopt",)], ids=["plain", "adopt"])
def test_nobody_adopts_what_no_mark_could_say_is_theirs(acme: World, options: tuple[str, ...]) -> None:
    acme.apply(OWNERS["in a mark"])
    said = acme.refused("apply", other({}, files("write:it")), "-y", *options)
    assert "take it over with an application that can be marked" in said


def test_a_renamed_spec_takes_its_api_along(acme: World) -> None:
    acme.apply(OWNERS["in a mark"])
    renamed = {**OWNERS["in a mark"], "name": "renamed"}
    assert "plan-foreign-owner" in acme.refused("apply", renamed, "-y")
    acme.apply(renamed, "--adopt")
    acme.assert_done(renamed)


def test_two_specs_may_ask_different_things_of_an_api_of_somebody_else(acme: World) -> None:
    acme.hands.ask("POST", "resource-servers", {"identifier": FILES, "name": "files", "scopes": [{"value": "old:it"}]})
    first = spec_of({"first": web(flavors=["connected_accounts", EXCHANGE])}, apis=files("read:it"))
    second = other({"second": APP}, files("write:it"))
    acme.apply(first)
    acme.apply(second)
    acme.assert_done(first)
    acme.assert_done(second)
    assert scopes_of_the_api(acme) == {"old:it", "read:it", "write:it"}


def test_what_no_custom_api_client_has_room_to_record_is_said(acme: World) -> None:
    acme.hands.ask("POST", "resource-servers", {"identifier": FILES, "name": "files", "scopes": [{"value": "old:it"}]})
    full = {f"key-{n}": "x" for n in range(10)}
    client = {"name": "By hand", "app_type": "resource_server", "resource_server_identifier": FILES}
    acme.hands.ask("POST", "clients", {**client, "client_metadata": full})
    spec = spec_of({"first": web("connected_accounts", EXCHANGE)}, apis=files("read:it"))
    said = " ".join(acme.run("plan", spec).out.split())
    assert "Nothing records what this spec gives to api.files: the metadata of its Custom API Client is full" in said
