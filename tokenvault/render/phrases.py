"""The phrases that all forms of a plan share: values, places, counts. Each takes parts of the plan's JSON and returns text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenvault.plan.document import Document
from tokenvault.text import MAX_TEXT, safe


def value_text(value: Any) -> str:
    """A JSON value on one line, YAML-flavoured."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{safe(key)}: {value_text(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(value_text, value)) + "]"
        case str() if value.startswith("-----BEGIN PUBLIC KEY"):
            return '"(public key)"'
        case str():
            return f'"{safe(value)}"'
        case _:
            return safe(value)


def clipped(text: str, limit: int = MAX_TEXT) -> str:
    """The text, cut where it is very long, with how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def place(source: Document) -> str:
    """`tokenvault.yaml:12`."""
    return f"{safe(source['file'].rsplit('/', 1)[-1])}:{source['line']}"


def counted(number: int, noun: str) -> str:
    """`1 write`, `2,000 writes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Roughly how long, in words."""
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{round(seconds / 60)} min"


def totals(plan: Document) -> str:
    """`2 to add, 1 to change (1 adopted), 0 to destroy`."""
    summary = plan["summary"]
    adopted = f" ({summary['adopt']:,} adopted)" if summary["adopt"] else ""
    return f"{summary['create']:,} to add, {summary['update']:,} to change{adopted}, {summary['delete']:,} to destroy"


def shown_variables(plan: Document) -> list[str]:
    """The variables that the spec may show, each with who says so: `APP_HOST (base.yaml:4)`."""
    return [
        f"{safe(variable['name'])} ({'sensitive, ' if variable['sensitive'] else ''}"
        f"{place(variable['at']) if variable['at'] else '--allow-env'})"
        for variable in plan["spec"].get("variables", ())
    ]


SHOWN = "Variables of the environment that this spec may show:"


def nothing_to_do(plan: Document) -> str:
    """What was compared, so that nobody takes an empty part for an empty plan."""
    count = plan["summary"]["unchanged"]
    if plan["selection"]:
        return "Of the part that was asked for, everything is as the spec says"
    if count == 1:
        return "The one object that the spec asks for is as it says"
    return f"All {count:,} objects that the spec asks for are as it says"


def risks(plan: Document) -> dict[str, list[str]]:
    """What the plan means for people, each once, with the addresses that it is about."""
    found: dict[str, list[str]] = {}
    for change in plan["changes"]:
        for risk in change["risks"]:
            found.setdefault(risk, []).append(change["address"])
    return found


_LINK = re.compile(r"https://manage\.auth0\.com/#/[A-Za-z0-9_/-]{1,200}")
STOPS, STILL, UNJUDGED = "Stops working", "Will still not work", "Not judged"
FAILING = "Not ready, and nothing in this plan changes that"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """What does not work after a plan, for one cause. Nothing in it is escaped.

    `verb` says whether it works now. `subject` is what the cause is about, `cases` are the applications and connections
    that it is the cause for, `count` how many of the `total` that were judged.
    """

    verb: str
    subject: str
    says: str
    cases: tuple[str, ...]
    count: int
    total: int
    cure: str = ""
    link: str = ""
    command: str = ""

    @property
    def what(self) -> str:
        """`connection github: it uses a GitHub OAuth App`."""
        return f"{self.subject}: {self.says}" if self.subject else self.says

    @property
    def concerns(self) -> str:
        """`2 of 7 cases: assistant × github, nightly-sync × github`."""
        return f"{self.count:,} of {counted(self.total, 'case')}: {few(self.cases)}"


def consequences(plan: Document) -> list[Consequence]:
    """What stops working with the plan, then what still does not work after it, by cause.

    What only waits for the rest of the spec, which a partial plan leaves out, is one cause.
    """
    judgement = plan.get("judgement")
    if not judgement:
        return []
    causes, cases = judgement["causes"], judgement["cases"]
    stops = [_consequence(cause, cause["stops"], STOPS, cases) for cause in causes if cause["stops"]]
    still = [(cause, [n for n in cause["cases"] if n not in cause["stops"]]) for cause in causes]
    waiting = [(cause, numbers) for cause, numbers in still if (cause["fix"] or {}).get("how") == "command" and numbers]
    still = [(cause, numbers) for cause, numbers in still if numbers and (cause, numbers) not in waiting]
    rest = _waiting(waiting, cases) if waiting else []
    return [*stops, *(_consequence(cause, numbers, STILL, cases) for cause, numbers in still), *rest]


def before_approval(plan: Document) -> list[Consequence]:
    """What who approves should know of what works after the plan: the consequences, and what a plan with changes cannot tell."""
    return [
        *consequences(plan),
        *(_unjudged(plan["judgement"]["cases"]) if plan["changes"] and plan.get("judgement") else ()),
    ]


def _unjudged(cases: list[Document]) -> list[Consequence]:
    numbers = [number for number, case in enumerate(cases) if case["after"] == "unknown"]
    if not numbers:
        return []
    says = "what was read does not tell whether they will work"
    cure = "Of a connection's options a plan reads only what the spec asks for (`offline_access`, `scopes`)."
    cure += " `tokenvault doctor` reads all."
    names = _case_names(numbers, cases)
    return [
        Consequence(verb=UNJUDGED, subject="", says=says, cases=names, count=len(numbers), total=len(cases), cure=cure)
    ]


def _consequence(cause: Document, numbers: list[int], verb: str, cases: list[Document]) -> Consequence:
    fix = cause["fix"] or {"how": "", "text": "", "link": ""}
    cure = {"command" if fix["how"] == "command" else "cure": fix["text"]}
    return Consequence(
        verb=verb,
        subject=f"{cause['subject']['kind']} {few(cause['subject']['names'])}",
        says=cause["says"],
        cases=_case_names(numbers, cases),
        count=len(numbers),
        total=len(cases),
        link=fix["link"] if _LINK.fullmatch(fix["link"] or "") else "",
        **cure,
    )


def _waiting(waiting: list[tuple[Document, list[int]]], cases: list[Document]) -> list[Consequence]:
    numbers = sorted({number for _, some in waiting for number in some})
    says = "what they need of the spec is not in this plan"
    names, command = _case_names(numbers, cases), waiting[0][0]["fix"]["text"]
    return [
        Consequence(
            verb=STILL, subject="", says=says, cases=names, count=len(numbers), total=len(cases), command=command
        )
    ]


def _case_names(numbers: list[int], cases: list[Document]) -> tuple[str, ...]:
    """Applications and connections, each pair once, whatever flavors it is used for."""
    found = [cases[n] for n in numbers]
    return tuple(dict.fromkeys(" × ".join(filter(None, (case["application"], case["connection"]))) for case in found))


def verdict(plan: Document) -> list[str]:
    """What an apply leaves behind: what works, what does not and why, and what to do first. Nothing where nobody judged."""
    judgement = plan.get("judgement")
    if not judgement or not judgement["cases"]:
        return []
    ready, total = judgement["summary"]["ready"], len(judgement["cases"])
    unknown = judgement["summary"]["unknown"]
    unclear = f" {counted(unknown, 'case')} cannot be judged from what was read." if unknown else ""
    if ready == total:
        return [f"Works now: every connection of every application ({counted(total, 'case')})."]
    first = next(iter(consequences(plan)), None)
    if first is None:
        return [f"Works now: {ready:,} of {counted(total, 'case')}.{unclear}"]
    reasons = len(judgement["causes"])
    more = f" ({reasons - 1:,} more {'cause' if reasons == 2 else 'causes'})" if reasons > 1 else ""
    why = f"Does not: {few(first.cases)}. The reason: {first.what}{more}."
    cure = f"Do this first: {first.command or first.cure}" + (f" {first.link}" if first.link else "")
    has_cure = first.command or first.cure
    return [f"Works now: {ready:,} of {counted(total, 'case')}. {why}{unclear}", *([cure] if has_cure else [])]


def few(names: Sequence[str], limit: int = 3) -> str:
    """The first names, and how many more there are."""
    more = len(names) - limit
    return f"{', '.join(names[:limit])} and {more:,} more" if more > 0 else ", ".join(names)


def budget(plan: Document) -> str:
    """What carrying it out takes and how long, what planning took, and whether the token is allowed all of it."""
    summary, lacking = plan["summary"], plan["scopes"]["lacking"]
    sends = f"{counted(summary['writes'], 'write')} and about {counted(summary['rereads'], 'read')}"
    pace = f"about {duration(summary['seconds'])} at {summary['pace']['per_second']:g} requests a second"
    scopes = "" if lacking is None else f" Token scopes: {f'{len(lacking)} missing' if lacking else 'ok'}."
    return f"Carrying it out takes {sends}, {pace}. Planning took {counted(summary['reads'], 'read')}.{scopes}"


def left_alone(change: Document) -> list[str]:
    """What the plan leaves as it is on an existing object."""
    options, attributes = change["unmanaged_options"], change["unmanaged"] if change["action"] == "update" else 0
    are = "is left as it is" if attributes == 1 else "are left as they are"
    lines = [f"{counted(options, 'unmanaged option')} preserved"] if options else []
    return [*lines, f"{counted(attributes, 'unmanaged attribute')} {are}"] if attributes else lines
