"""What the writes of a plan need, as JSON and back: references to objects, and secrets as the references they came by."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError, Span
from tokenvault.kinds import kinds
from tokenvault.model.constraints import Ref
from tokenvault.model.desired import Provenance
from tokenvault.model.spec import Variable
from tokenvault.plan.document import Document
from tokenvault.plan.judgement import judgement_of
from tokenvault.plan.model import Action, Attribute, Change, Orphan, Pace, Plan, PlannedNode, Selection
from tokenvault.secrets import Secret, sounds_secret

REFERENCE, SECRET, LITERAL = "$ref", "$secret", "$literal"
_WHOLE_REFERENCE = re.compile(r"\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]+)\}")

Resolve = Callable[[str, str], Secret]
"""The secret that a reference stands for now; the second argument is the folder that its files count from."""


# ---- to JSON


def apply_part(plan: Plan) -> Document:
    """What the writes need beyond what readers see, by address."""
    parts = {}
    for change in plan.changes:
        encoder = _Encoder(change, plan.salt)
        parts[change.address] = {
            "identity": encoder.values(change.identity),
            "sets": encoder.values(change.patch),
            "later": encoder.values(change.deferred),
            "premises": dict(change.preconditions),
        }
    return {"salt": plan.salt, "changes": parts}


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Turns one change's values into JSON."""

    change: Change
    salt: str

    def values(self, values: Mapping[str, Any]) -> Document:
        return {path: self._value(value, path, self._is_secret(path)) for path, value in values.items()}

    def _is_secret(self, path: str) -> bool:
        fields = kinds()[self.change.kind].fields
        return sounds_secret(path) or (path in fields and fields[path].secret)

    def _value(self, value: Any, name: str, secret: bool) -> Any:
        match value:
            case Secret():
                return self._secret(value, name, secret)
            case Ref():
                return {REFERENCE: value.address, "attribute": value.attribute}
            case dict() | Mapping():
                items = {
                    key: self._value(item, str(key), secret or sounds_secret(str(key))) for key, item in value.items()
                }
                return {LITERAL: items} if any(str(key).startswith("$") for key in items) else items
            case list() | tuple():
                return [self._value(item, name, secret) for item in value]
            case _:
                return value

    def _secret(self, value: Secret, name: str, secret: bool) -> Document:
        """Text beside the reference is no secret unless the attribute is one."""
        whole = _WHOLE_REFERENCE.fullmatch(value.source)
        if not whole and (secret or "${" not in value.source):
            raise RefusedError(
                Diagnostic(
                    code="plan-file-secret",
                    summary=f"The plan cannot be saved: {name} of {self.change.address} is not given by a reference alone",
                    detail="A saved plan holds where a secret comes from, never the secret or a part of it.",
                    hint="Give it as ${env:NAME} or ${file:path} alone, or apply the spec itself.",
                    span=self.change.span,
                    context=self.change.address,
                )
            )
        return {SECRET: value.source, "folder": value.folder, "fingerprint": value.fingerprint(self.salt)}


# ---- from JSON


def plan_of(document: Document, resolve: Resolve) -> Plan:
    """The plan that the document was made from.

    `RefusedError` with every secret that is missing, or another than it was. What is no document of ours raises
    whatever comes of that.
    """
    decoder = _Decoder(resolve, str(document["apply"]["salt"]))
    plan = _plan(document, decoder)
    if decoder.problems:
        raise RefusedError(*decoder.problems)
    return plan


@dataclass(slots=True)
class _Decoder:
    """Turns JSON into values; a class only because problems with secrets accumulate on the way."""

    resolve: Resolve
    salt: str
    problems: list[Diagnostic] = field(default_factory=list)

    def values(self, values: Document) -> dict[str, Any]:
        return {path: self._value(value) for path, value in values.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, dict):
            return value
        if REFERENCE in value:
            return Ref(value[REFERENCE], value["attribute"])
        if SECRET in value:
            return self._secret(value)
        return {key: self._value(item) for key, item in value.get(LITERAL, value).items()}

    def _secret(self, value: Document) -> Secret | None:
        reference = str(value[SECRET])
        try:
            secret = self.resolve(reference, str(value["folder"]))
        except RefusedError as error:
            self.problems += error.diagnostics
            return None
        if not hmac.compare_digest(secret.fingerprint(self.salt), str(value["fingerprint"])):
            summary = f"The secret {reference} is not the one that the plan was made with"
            hint = "Set it as it was then, or plan again."
            self.problems.append(Diagnostic(code="plan-file-secret", summary=summary, hint=hint))
            return None
        return secret


def _plan(document: Document, decoder: _Decoder) -> Plan:
    summary, chosen = document["summary"], document["selection"]
    lacking = document["scopes"]["lacking"]
    return Plan(
        spec_name=document["spec"]["name"],
        tenant=document["tenant"],
        files=tuple(document["spec"]["files"]),
        salt=decoder.salt,
        changes=tuple(_change(change, document["apply"]["changes"], decoder) for change in document["changes"]),
        nodes=tuple(_node(node) for node in document["nodes"]),
        unchanged=summary["unchanged"],
        orphans=tuple(Orphan(**orphan) for orphan in document["orphans"]),
        warnings=tuple(_diagnostic(warning) for warning in document["warnings"]),
        reads=summary["reads"],
        pace=Pace(**summary["pace"]),
        selection=Selection(**{**chosen, **_tuples(chosen, "targets", "excludes")}) if chosen else None,
        lacking=None if lacking is None else tuple(lacking),
        variables=tuple(_variable(variable) for variable in document["spec"].get("variables", ())),
        judgement=judgement_of(document["judgement"]),
    )


def _variable(variable: Document) -> Variable:
    return Variable(name=variable["name"], sensitive=variable["sensitive"], span=_span(variable["at"]))


def _tuples(values: Document, *names: str) -> Document:
    return {name: tuple(values[name]) for name in names}


def _change(change: Document, parts: Document, decoder: _Decoder) -> Change:
    part = parts[change["address"]]
    kinds()[change["kind"]]  # a kind that nobody knows fails here
    plain = ("address", "kind", "name", "id", "adopts", "reason", "kept", "unmanaged", "unmanaged_options")
    return Change(
        **{name: change[name] for name in plain},
        **_tuples(change, "requires", "risks"),
        identity=decoder.values(part["identity"]),
        patch=decoder.values(part["sets"]),
        deferred=decoder.values(part["later"]),
        action=Action(change["action"]),
        preconditions=dict(part["premises"]),
        attributes=tuple(_attribute(attribute) for attribute in change["attributes"]),
        span=_span(change["source"]),
    )


def _attribute(attribute: Document) -> Attribute:
    told = {name: value for name, value in attribute.items() if name not in ("path", "why")}
    provenance = tuple(_provenance(why) for why in attribute["why"])
    return Attribute(path=tuple(attribute["path"]), provenance=provenance, **told)


def _provenance(why: Document) -> Provenance:
    return Provenance(source=why["source"], reason=why["reason"], span=_span(why["at"]), doc=why["doc"])


def _node(node: Document) -> PlannedNode:
    action = node["action"]
    return PlannedNode(
        address=node["address"],
        kind=node["kind"],
        name=node["name"],
        action=None if action in ("none", "unknown") else Action(action),
        requires=tuple(node["requires"]),
        known=action != "unknown",
    )


def _diagnostic(diagnostic: Document) -> Diagnostic:
    names = ("code", "severity", "summary", "detail", "hint", "context")
    return Diagnostic(**{name: diagnostic[name] for name in names}, span=_span(diagnostic["at"]))


def _span(at: Document | None) -> Span | None:
    """A place in the spec as the document keeps it: file and line."""
    return Span(file=at["file"], line=at["line"], column=1, end_column=1) if at else None
