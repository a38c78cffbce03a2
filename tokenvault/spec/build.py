"""Validated data → the frozen model. Parts that are missing or wrong were reported before and are left out here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenvault.flavors import flavors
from tokenvault.kinds import kinds
from tokenvault.model.spec import (
    ApiSpec,
    ApplicationSpec,
    ConnectionSpec,
    FlavorUse,
    Path,
    Positions,
    Problem,
    Spec,
    Variable,
)
from tokenvault.secrets import Secret
from tokenvault.spec.merge import Merged
from tokenvault.spec.references import References

Data = Mapping[str, Any]


def build(
    data: Data, merged: Merged, references: Mapping[str, References], allowed: tuple[Variable, ...] = ()
) -> tuple[Spec, list[Problem]]:
    """The spec, and what is wrong with the files that its flavors name. `allowed` are the variables that may be shown."""
    positions = Positions(keys=merged.source.keys, values=merged.source.values)
    problems: list[Problem] = []
    connections = {name: _connection(name, entry) for name, entry in _section(data, "connections")}

    def usages(entry: Data, *path: str) -> tuple[FlavorUse, ...]:
        span = positions.value(*path)
        files = references[span.file] if span else next(iter(references.values()))
        return _flavors(entry, (*path, "flavors"), positions, files, problems)

    def application(key: str, entry: Data) -> ApplicationSpec:
        return _application(key, entry, usages(entry, "applications", key), tuple(connections))

    def api(key: str, entry: Data) -> ApiSpec:
        return _api(key, entry, usages(entry, "apis", key), tuple(connections))

    apis = {key: api(key, entry) for key, entry in _section(data, "apis")}

    spec = Spec(
        name=str(data.get("name", "")),
        files=merged.files,
        tenant=_domain(data.get("tenant")),
        connections=connections,
        apis=apis,
        applications={key: application(key, entry) for key, entry in _section(data, "applications")},
        my_account_domain=_domain(_mapping(data.get("my_account_api")).get("domain")),
        mfa_policy=data.get("mfa_policy", "warn"),
        variables=allowed,
        sections={kind.section.name: data.get(kind.section.name) for kind in kinds().values() if kind.section},
        positions=positions,
    )
    return spec, problems


def _mapping(value: Any) -> Data:
    return value if isinstance(value, dict) else {}


def _section(data: Data, name: str) -> list[tuple[str, Data]]:
    return [(key, _mapping(entry)) for key, entry in _mapping(data.get(name)).items()]


def _domain(value: Any) -> str | None:
    return str(value).removeprefix("https://").strip("/") if value else None


def _texts(entry: Data, key: str) -> tuple[str, ...] | None:
    value = entry.get(key)
    return tuple(str(item) for item in value) if isinstance(value, list) else None


def _connection(name: str, entry: Data) -> ConnectionSpec:
    credentials = _mapping(entry.get("credentials"))
    secret = credentials.get("client_secret")
    return ConnectionSpec(
        name=name,
        purpose=entry.get("purpose"),
        offline_access=entry.get("offline_access"),
        scopes=_texts(entry, "scopes"),
        strategy=entry.get("strategy"),
        client_id=credentials.get("client_id"),
        client_secret=secret if isinstance(secret, Secret) else None,
        options=_mapping(entry.get("options")),
        connected_accounts=_mapping(entry.get("connected_accounts")),
        requesting_app=entry.get("cross_app_access_requesting_app"),
    )


def _api(key: str, entry: Data, usages: tuple[FlavorUse, ...], every: tuple[str, ...]) -> ApiSpec:
    used = _texts(entry, "connections")
    return ApiSpec(
        key=key,
        identifier=str(entry.get("identifier", key)),
        name=str(entry.get("name", key)),
        scopes={str(k): str(v) for k, v in _mapping(entry.get("scopes")).items()},
        protect=bool(entry.get("protect", False)),
        flavors=tuple(replace(use, settings={**use.settings, "api": key}) for use in usages),
        connections=every if used is None else used,
    )


def _application(key: str, entry: Data, usages: tuple[FlavorUse, ...], every: tuple[str, ...]) -> ApplicationSpec:
    used = _texts(entry, "connections")
    return ApplicationSpec(
        key=key,
        name=entry.get("name"),
        client_id=entry.get("client_id"),
        type=entry.get("type"),
        callbacks=_texts(entry, "callbacks"),
        logout_urls=_texts(entry, "logout_urls"),
        web_origins=_texts(entry, "web_origins"),
        allowed_origins=_texts(entry, "allowed_origins"),
        flavors=usages,
        connections=every if used is None else used,
        confidential=bool(entry.get("confidential", False)),
        first_party=bool(entry.get("first_party", False)),
        domain=_domain(entry.get("domain")),
        protect=bool(entry.get("protect", False)),
    )


def _flavors(
    entry: Data, path: Path, positions: Positions, files: References, problems: list[Problem]
) -> tuple[FlavorUse, ...]:
    usages = []
    for index, item in enumerate(entry.get("flavors") or []):
        name, settings = next(iter(item.items()), ("", {})) if isinstance(item, dict) else (item, {})
        if name not in flavors():
            continue
        at = (*path, index)
        loaded, wrong = flavors()[name].load(_mapping(settings), files.file)
        inside = (*at, name) if isinstance(item, dict) else at
        for problem in wrong:
            problems.append(Problem(**{**_as_dict(problem), "path": (*inside, *problem.path)}))
        span = positions.key(*inside) if isinstance(item, dict) else positions.value(*at)
        usages.append(FlavorUse(name=name, settings=loaded, span=span, path=at))
    return tuple(usages)


def _as_dict(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in Problem.__slots__}
