"""The JSON Schemas (draft 2020-12) of what tokenvault writes for programs: plans, the events of an apply, drift.

Within a major version of a format properties are only added, so the schemas leave objects open; that they leave nothing
undescribed is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tokenvault.applier.events import Outcome, Stage
from tokenvault.files import PLAN_FORMAT
from tokenvault.plan import document, drift
from tokenvault.render import ndjson
from tokenvault.render.schema_parts import (
    ACTION,
    ADDRESS,
    ADDRESSES,
    Schema,
    count,
    definitions,
    flag,
    head,
    judgement,
    kind,
    list_of,
    node,
    number,
    object_of,
    or_null,
    ref,
    scopes,
    spec,
    summary,
    text,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@cache
def plan_schema() -> Schema:
    """The schema of a plan: `plan --format json`, `show --format json`, and the file that `plan --out` saves."""
    chosen = {"targets": ADDRESSES, "excludes": ADDRESSES, "left_out": count("Changes that this left out.")}
    values: Schema = {
        "type": "object",
        "description": "Values by dotted path; references and secrets are never values.",
    }
    part: dict[str, Schema] = {
        "identity": values,
        "sets": values,
        "later": values,
        "premises": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Fingerprints."},
    }
    parts: Schema = {
        "type": "object",
        "additionalProperties": object_of("What the write of one object needs.", part),
        "description": "By address.",
    }
    applied: dict[str, Schema] = {"salt": text("Of the fingerprints."), "changes": parts}
    properties = {
        **head(PLAN_FORMAT, document.FORMAT_VERSION),
        "spec": spec(),
        "tenant": text("The tenant's domain."),
        "selection": or_null(object_of("The part that --target and --exclude limit the plan to.", chosen)),
        "summary": ref("summary", "What the plan amounts to."),
        "scopes": ref("scopes", "What the token must be allowed."),
        "changes": list_of(ref("change", "A change."), "What changes, in an order in which it can be carried out."),
        "nodes": list_of(node(), "Every object that the spec asks for, changed or not: the graph."),
        "orphans": list_of(orphan(), "What the spec created and no longer names."),
        "warnings": list_of(ref("diagnostic", "A warning."), "What a reader should know."),
        "judgement": or_null(ref("judgement", "What the plan leads to; null where that was not judged.")),
        "apply": object_of("In a saved plan only: what `apply PLANFILE` needs. It holds no secret.", applied),
        "integrity": text("In a saved plan only: a hash of all the rest.", pattern="^sha256:[0-9a-f]{64}$"),
    }
    plan = object_of("What tokenvault would change.", properties, optional=("apply", "integrity"))
    shared = {**definitions(), "summary": summary(), "scopes": scopes(), "judgement": judgement()}
    return {"$schema": DRAFT, "$id": "urn:tokenvault:plan:1", "title": "tokenvault plan", **plan, "$defs": shared}


@cache
def orphan() -> Schema:
    """What a spec left behind."""
    properties = {
        "address": ADDRESS,
        "kind": kind(),
        "id": text("Its id at Auth0."),
        "name": text("What people call it."),
        "protected": flag("Whether it is never deleted."),
    }
    return object_of("An orphan.", properties)


def drift_schema() -> Schema:
    """The schema of `drift --format json`."""
    counts = {
        "changed": count("Objects that have changed."),
        "gone": count("Objects that are gone."),
        "dropped": count("Objects that the spec does not have any more, and that go on living."),
        "as_it_should_be": count("Objects of concern that are as the spec says."),
        "reads": count("Requests that it took."),
    }
    properties = {
        **head(drift.FORMAT, drift.FORMAT_VERSION),
        "spec": spec(),
        "tenant": text("The tenant's domain."),
        "drifted": flag("Whether anything has changed."),
        "summary": object_of("How much.", counts),
        "changes": list_of(
            ref("change", "An object; `delete` means that it is gone."),
            "What has changed: `before` is what the spec says, `after` what the tenant has.",
        ),
        "dropped": list_of(orphan(), "What the spec owned and does not have any more, and what goes on living."),
        "pending": list_of({"type": "string"}, "Addresses of what was not applied yet, which is no drift."),
        "incomplete": list_of({"type": "string"}, "Addresses of what an apply that ended early did not get to."),
        "warnings": list_of(ref("diagnostic", "A warning."), "What a reader should know."),
    }
    found = object_of("What of a spec's objects has changed behind its back.", properties)
    return {
        "$schema": DRAFT,
        "$id": "urn:tokenvault:drift:1",
        "title": "tokenvault drift",
        **found,
        "$defs": definitions(),
    }


def _line(name: str, description: str, properties: Mapping[str, Schema]) -> Schema:
    common = {
        "type": {"const": name, "description": "What the line says."},
        "time": number("Seconds since 1970."),
        "message": text("One sentence, for people."),
    }
    return object_of(description, {**common, **properties})


@cache
def events_schema() -> Schema:
    """The schema of one line of `apply --json`."""
    which = {"address": ADDRESS, "action": ACTION}
    took = {"seconds": number("Since the write was started.")}
    object_id = {"id": or_null(text("The object's id at Auth0, where it is known."))}
    waiting = {name: number(meaning) for name, meaning in ndjson.WAITING.items()}
    stages = [stage.value for stage in Stage]
    tally = {
        **{name: count(meaning) for name, meaning in ndjson.TALLY.items()},
        "seconds": number("Those that are left, by what the last changes took."),
        "limited": flag("Whether Auth0's rate limit held requests back."),
    }
    outcomes = [outcome.value for outcome in Outcome]
    counts = {name: count(f"Changes: {name}.") for name in (*outcomes, "not_kept")}
    requests = {"reads": count("Requests that read."), "writes": count("Requests that change things.")}
    problem = ref("diagnostic", "The problem.")
    lines = [
        _line("version", "The first line.", head(ndjson.FORMAT, ndjson.FORMAT_VERSION)),
        _line("planned", "A change that will be made.", {"change": ref("change", "As in a plan.")}),
        _line(
            "plan",
            "What the plan amounts to.",
            {
                "tenant": text("The tenant's domain."),
                "summary": ref("summary", "As in a plan."),
                "scopes": ref("scopes", "As in a plan."),
                "judgement": or_null(ref("judgement", "As in a plan.")),
            },
        ),
        _line("started", "A change was taken up, and its write waits its turn.", {**which, **object_id}),
        _line("stage", "How far its write is.", {**which, "stage": {"enum": stages, "description": "The stage."}}),
        _line("progress", "How far the apply is, every ten seconds.", tally),
        _line("working", "It is still under way.", {**which, **took}),
        _line("waiting", "Requests are held back until the rate limit resets.", waiting),
        _line(
            "ended",
            "How a change ended.",
            {
                **which,
                **object_id,
                **took,
                "outcome": {"enum": outcomes, "description": "How."},
                "note": text("What was special about it; may be empty."),
                "diagnostic": or_null(ref("diagnostic", "Why it did not succeed.")),
            },
        ),
        _line(
            "verified",
            "What was written was held against the plan.",
            {"checked": count("Objects."), "not_kept": list_of(problem, "What is not as planned.")},
        ),
        _line("diagnostic", "A problem of the run as a whole.", {"diagnostic": problem}),
        _line(
            "summary",
            "The last line of a run that came to its end.",
            {
                "outcome": {"enum": ["done", "incomplete", "nothing"], "description": "How the run ended."},
                "counts": object_of("Changes by outcome.", counts),
                "requests": object_of("What was sent.", requests),
                "judgement": or_null(ref("judgement", "When all was done: what works now, as in a plan.")),
            },
        ),
    ]
    shared = {**definitions(), "summary": summary(), "scopes": scopes(), "judgement": judgement()}
    title = "A line of tokenvault apply --json"
    return {"$schema": DRAFT, "$id": "urn:tokenvault:events:1", "title": title, "oneOf": lines, "$defs": shared}
