"""What every code means: those of tokenvault, those of doctor's preconditions, and those that Auth0 answers at run time."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.errors import RUN_TIME_ERRORS, RunTimeError
from tokenvault.flavors.runtime.precondition import Precondition
from tokenvault.kinds.base import CONFIGURE_DOC, DOCS
from tokenvault.tenant.scopes import scope_lists

_API = "https://auth0.com/docs/api/management/v2"
_TOKENS = "https://auth0.com/docs/secure/tokens/access-tokens/management-api-access-tokens"
_PAGES = {"api": _API, "auth": _TOKENS, "preflight": _TOKENS, "exchange": DOCS, "plan": CONFIGURE_DOC, "apply": _API}
_CHAPTERS = {
    "spec": "The spec",
    "env": "Environment variables",
    "timeout": "Environment variables",
    "command": "All options",
}
_WITH_SCOPES = ("auth-credentials", "auth-refused", "preflight-scopes", "api-scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """What is known of a code: what it means, its causes (the likeliest first), the cure, and where more stands."""

    code: str
    of: str
    means: str
    causes: tuple[str, ...]
    cure: str
    more: str
    scopes: bool = False


@cache
def code_pages() -> Mapping[str, CodePage]:
    """Every page by its code; a code that ends with `*` stands for all that begin so."""
    pages = [*_our_pages(), *map(_judged, _preconditions().values()), *_answered()]
    return {page.code: page for page in pages}


def page_of(code: str) -> CodePage | None:
    """The page of a code, in whatever form it was copied; nothing for a code that there is none of."""
    plain, pages = code.strip("[]`:. ").lower(), code_pages()
    families = (page for name, page in pages.items() if name.endswith("*") and fnmatchcase(plain, name))
    return pages.get(plain) or next(families, None)


def unknown_code(code: str) -> RefusedError:
    """The error for an unknown code, with those that are spelt alike."""
    close = did_you_mean(code.strip("[]`:. ").lower(), (name for name in code_pages() if not name.endswith("*")))
    hint = close or "Codes stand in brackets behind an error, as [spec-yaml]; addresses have a dot, as application.web."
    return RefusedError(Diagnostic(code="code-unknown", summary=f"There is no code {code[:80]}", hint=hint))


def code_document(page: CodePage) -> dict[str, Any]:
    """The page as public data."""
    return {
        "format": "tokenvault-code",
        "format_version": "1.0",
        "code": page.code,
        "of": page.of,
        "means": page.means,
        "causes": list(page.causes),
        "cure": page.cure,
        "more": page.more,
        "scopes": scope_lists() if page.scopes else None,
    }


def _our_pages() -> Iterable[CodePage]:
    text = files("tokenvault.operations").joinpath("codes.toml").read_text(encoding="utf-8")
    for code, entry in tomllib.loads(text).items():
        more = entry.get("doc") or _PAGES.get(code.split("-")[0]) or _chapter(code)
        given = {"means": entry["means"], "causes": tuple(entry["causes"]), "cure": entry["cure"]}
        yield CodePage(code=code, of="tokenvault", more=more, scopes=code in _WITH_SCOPES, **given)


def _chapter(code: str) -> str:
    name = _CHAPTERS.get(code.split("-")[0], "Commands")
    return f'Chapter "{name}" of the reference: `tokenvault schema --reference`.'


def _preconditions() -> Mapping[str, Precondition]:
    return {row.id: row for flavor in flavors().values() for row in flavor.runtime.preconditions}


def _judged(row: Precondition) -> CodePage:
    """The page of what doctor judges."""
    attribute = (
        f"`{row.attribute.removeprefix('spec.')}` of the {row.place.value} was never set so, or was changed since."
    )
    unset = f"The {row.of.value} is not set up for it."
    errors = [error for error in RUN_TIME_ERRORS if error.id == row.error]
    met = [f"Users meet it at {row.step.value} as {' or '.join(errors[0].codes)}."] if errors else []
    ways = [
        "`tokenvault apply` sets it for what a spec describes." if row.attribute else "",
        row.spec and f"In the spec: {row.spec[:1].lower()}{row.spec[1:]}",
        row.person and f"In the dashboard, or by hand: {row.person[:1].lower()}{row.person[1:]}",
        row.page if row.page.startswith("http") else "",
    ]
    means = " ".join([f"{row.means[:1].upper()}{row.means[1:]}.", *met])
    cure = " ".join(filter(None, ways)) or "`tokenvault doctor` says what mends it in each case."
    causes = (attribute,) if row.attribute else (unset,)
    return CodePage(code=row.id, of="doctor", means=means, causes=causes, cure=cure, more=row.doc)


def _answered() -> Iterable[CodePage]:
    """A page for each error that Auth0 answers at run time, by our name and by Auth0's code."""
    by_code: dict[str, list[RunTimeError]] = {}
    for error in RUN_TIME_ERRORS:
        by_code.setdefault(error.id, []).append(error)
        for code in error.codes:
            by_code.setdefault(code, []).append(error)
    for code, errors in by_code.items():
        yield _answer_page(code, errors)


def _answer_page(code: str, errors: list[RunTimeError]) -> CodePage:
    one = errors[0]
    if len(errors) == 1:
        means = f"{one.means[:1].upper()}{one.means[1:]}."
        causes = _causes(one)
    else:
        means = "Auth0 answers this for several reasons; its words tell which."
        causes = tuple(_reason(error) for error in errors)
    cure = "`tokenvault doctor` shows which of these the tenant has, and what mends it."
    return CodePage(code=code, of="Auth0", means=means, causes=causes, cure=cure, more=DOCS)


def _causes(error: RunTimeError) -> tuple[str, ...]:
    """Those that only users know first, then what doctor judges."""
    judged: dict[str, list[str]] = {}
    for row in _preconditions().values():
        if row.error == error.id:
            judged.setdefault(row.means, []).append(f"`{row.id}`")
    judged_rows = [f"{means} ({', '.join(ids)})" for means, ids in judged.items()]
    found = [*error.causes, *judged_rows] or [error.means]
    return tuple(f"{cause[:1].upper()}{cause[1:]}." for cause in found)


def _reason(error: RunTimeError) -> str:
    words = f' (it says "{error.words[0]}")' if error.words else ""
    return f"{error.means[:1].upper()}{error.means[1:]}{words}: `tokenvault explain {error.id}`."
