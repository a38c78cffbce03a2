"""The building blocks of the schemas of what tokenvault writes: small words for JSON Schema, and the parts that plans share.

Not derived from types: the documents are built for their readers, and each property says what it is. Tests hold every document
against its schema, and that the schema leaves nothing undescribed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenvault.kinds import kinds
from tokenvault.plan.model import Action

Schema = dict[str, Any]


def text(description: str, **more: Any) -> Schema:
    """Text."""
    return {"type": "string", "description": description, **more}


def number(description: str) -> Schema:
    """A number from 0."""
    return {"type": "number", "minimum": 0, "description": description}


def count(description: str) -> Schema:
    """A whole number from 0."""
    return {"type": "integer", "minimum": 0, "description": description}


def flag(description: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": description}


def list_of(items: Schema, description: str) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items, "description": description}


def object_of(description: str, properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """An object that has all of these properties but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "required": required, "properties": dict(properties)}


def or_null(schema: Schema) -> Schema:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}], "description": schema["description"]}


def ref(name: str, description: str) -> Schema:
    """One of the shared definitions."""
    return {"$ref": f"#/$defs/{name}", "description": description}


ACTION: Schema = {"enum": [action.value for action in Action], "description": "What happens to the object."}
ADDRESS = text("How plans, --target and explain name the object.", examples=["application.assistant"])
ADDRESSES = list_of({"type": "string"}, "Addresses.")


def kind() -> Schema:
    """The kind of an object."""
    return {"enum": list(kinds()), "description": "The kind of object."}


def source() -> Schema:
    """A place in a spec file."""
    fields = {"file": text("The file, as it was given."), "line": count("The line, from 1.")}
    return object_of("A place in a spec file.", fields)


def why() -> Schema:
    """An asker."""
    return object_of(
        "Who asked for an attribute, and why.",
        {
            "source": text("A flavor, `spec`, or `tokenvault` itself.", examples=["connected_accounts"]),
            "reason": text("One sentence."),
            "at": or_null(ref("source", "The line of the spec; null for what tokenvault adds.")),
            "doc": text("Where Auth0 documents it; may be empty."),
        },
    )


def attribute() -> Schema:
    """A difference."""
    return object_of(
        "One difference. A sensitive value is nowhere in the plan: `before` and `after` are null then.",
        {
            "path": list_of({"type": "string"}, "The attribute (dotted), then the way inside it.")
            | {"minItems": 1, "examples": [["refresh_token.policies", "https://acme.us.auth0.com/me/"]]},
            "op": {"enum": ["add", "remove", "change"], "description": "What happens to the value."},
            "element": flag("Whether this is a member of a set; the member stands in `before` or `after`."),
            "before": {"description": "The value now; null where nothing is."},
            "after": {"description": "The value then; null where nothing will be."},
            "sensitive": flag("Whether the value is a secret, and left out."),
            "unknown": or_null(text("The address of the object whose creation the value waits for.")),
            "why": list_of(ref("why", "An asker."), "Everybody who asked for it."),
        },
    )


def change() -> Schema:
    """What happens to one object."""
    return object_of(
        "What happens to one object.",
        {
            "address": ADDRESS,
            "kind": kind(),
            "name": text("What people call the object."),
            "id": or_null(text("Its id at Auth0; null for one to be created.")),
            "action": ACTION,
            "adopts": flag("Whether an object that nobody owns becomes this spec's."),
            "reason": text("Why the change as a whole; may be empty."),
            "source": or_null(ref("source", "Where the spec speaks of it first.")),
            "requires": list_of({"type": "string"}, "Addresses whose changes come first."),
            "attributes": list_of(ref("attribute", "A difference."), "What differs, attribute by attribute."),
            "kept": {
                "type": "object",
                "additionalProperties": count("Members."),
                "description": "By attribute: how many members of a list that changes stay as they are.",
            },
            "unmanaged": count("Attributes of the object that nobody asks anything of: they stay as they are."),
            "unmanaged_options": count("Options of a connection that are sent again as they are."),
            "risks": list_of({"type": "string"}, "What the change means for users, in words."),
        },
    )


def node() -> Schema:
    """An object of the graph."""
    actions = {"enum": [*(a.value for a in Action), "none", "unknown"], "description": "What happens to the object."}
    return object_of(
        "An object of the desired state, changed or not.",
        {
            "address": ADDRESS,
            "kind": kind(),
            "name": text("What people call the object."),
            "action": actions,
            "requires": list_of({"type": "string"}, "Addresses that the object refers to."),
        },
    )


def diagnostic() -> Schema:
    """A problem."""
    return object_of(
        "A problem.",
        {
            "code": text("Stable, for programs.", examples=["plan-partial"]),
            "severity": {"enum": ["error", "warning"], "description": "How bad."},
            "summary": text("One sentence."),
            "detail": text("More, in lines; may be empty."),
            "hint": text("The way out; may be empty."),
            "context": text("The address that it is about; may be empty."),
            "at": or_null(ref("source", "The line of the spec.")),
        },
    )


def summary() -> Schema:
    """What a plan amounts to."""
    pace = {"per_second": number("Requests a second."), "burst": count("Requests at once before that.")}
    return object_of(
        "What the plan amounts to.",
        {
            **{action.value: count(f"Objects with this action: {action.value}.") for action in Action},
            "adopt": count("Objects of these that are adopted."),
            "unchanged": count("Objects that are as the spec says."),
            "risks": count("Objects whose change has a risk."),
            "reads": count("Requests that planning took."),
            "writes": count("Requests with which an apply changes things."),
            "rereads": count("Requests that an apply adds, about: each object before its write, all of them after."),
            "seconds": number("How long these take at the pace, about."),
            "pace": object_of("The pace of the estimate.", pace),
        },
    )


def scopes() -> Schema:
    """The scopes of a plan."""
    scope: Schema = {"type": "string"}
    fields = {
        "needed": list_of(scope, "The Management API scopes that carrying out the plan takes."),
        "lacking": or_null(list_of(scope, "Those that the token lacks; null when it does not tell what it has.")),
    }
    return object_of("What the token must be allowed.", fields)


def judgement() -> Schema:
    """What a plan leads to."""
    states = {"enum": ["ready", "not ready", "unknown"], "description": "Whether a token comes back."}
    case = {
        "application": text("The application, as the spec calls it."),
        "connection": text("The connection."),
        "flavor": text("The flavor."),
        "before": {**states, "description": "Whether a token comes back now."},
        "after": {**states, "description": "Whether a token will come back after the plan."},
    }
    subject = {
        "kind": text("What it is.", examples=["connection"]),
        "names": list_of({"type": "string"}, "Which ones."),
    }
    shown = {
        "step": text("What fails at run time.", examples=["the exchange"]),
        "error": or_null(text("Our name for the error.")),
        "code": or_null(text("The error that Auth0 answers.")),
    }
    fix = {
        "how": {"enum": ["command", "spec", "person"], "description": "What mends it."},
        "text": text("What to do."),
        "link": or_null(text("Where.")),
    }
    numbers: Schema = {"type": "integer", "minimum": 0}
    cause = {
        "id": text("The precondition, as the doctor names it.", examples=["connection-github-app"]),
        "subject": object_of("What it is about.", subject),
        "says": text("What is wrong."),
        "means": text("Why it matters."),
        "at_run_time": object_of("How it shows at run time.", shown),
        "fix": or_null(object_of("What to do.", fix)),
        "doc": text("Where Auth0 documents it."),
        "cases": list_of(numbers, "The cases that it keeps from being ready, by number from 0."),
        "stops": list_of(numbers, "Those of them that are ready now."),
        "at": list_of({"type": "string"}, "The addresses of the spec where a repair would be."),
    }
    counts = {
        "ready": count("Cases that will be ready."),
        "not_ready": count("Cases that will not be."),
        "unknown": count("Cases that cannot be judged from what was read."),
        "stops": count("Cases that are ready now, and will not be."),
    }
    return object_of(
        "What the plan leads to: every application × connection × flavor of the spec, judged as the doctor does.",
        {
            "summary": object_of("How many.", counts),
            "cases": list_of(object_of("A case.", case), "Every case."),
            "causes": list_of(object_of("A cause.", cause), "Why cases will not be ready, each cause once."),
        },
    )


def spec() -> Schema:
    """The spec of a plan."""
    variable = {
        "name": text("Its name."),
        "sensitive": {"type": "boolean", "description": "It may stand only among the options of a connection, unseen."},
        "at": or_null(ref("source", "The line of the spec; null where `--allow-env` says so.")),
    }
    fields = {
        "name": text("The spec's name."),
        "files": list_of({"type": "string"}, "Its files, as they were given."),
        "variables": list_of(
            object_of("A variable.", variable),
            "Variables of the environment that the spec may show: by the line `at`, or by `--allow-env`.",
        ),
    }
    return object_of("The spec.", fields)


def head(name: str, version: str) -> dict[str, Schema]:
    """How every document of ours begins."""
    return {
        "format": {"const": name, "description": "What this document is."},
        "format_version": text(
            "Major and minor; a new minor version only adds.", pattern=f"^{version.split('.')[0]}\\.[0-9]+$"
        ),
        "tokenvault_version": text("The tokenvault that wrote it."),
    }


def definitions() -> dict[str, Schema]:
    """The parts that are referred to by name, in every schema."""
    parts = {"source": source, "why": why, "attribute": attribute, "change": change, "diagnostic": diagnostic}
    return {name: part() for name, part in parts.items()}
