"""A plan in a file: its public JSON, and an `apply` part with what the writes need. It holds no secret.

Where a write needs a secret, the file holds the reference that the spec gives it by and a salted fingerprint: the secret
is resolved again when the plan is applied, and one that differs is refused. A plan that another version of tokenvault
made is refused, and so is one whose content does not have the hash that it says. That hash catches accidents: a merge,
an editor, half a download. It is no signature: whoever may write the file can make a new one with a hash that fits, so
keep a plan as you keep the spec. What a forged plan still cannot do is to have a secret of the environment sent
somewhere: it would have to hold the fingerprint of a value that its maker does not know.

A spec that changed since does not matter: what was reviewed is what is applied. An object of the tenant that changed
does; `apply/` re-reads each one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError, Span
from tokenvault.files import PLAN_FORMAT, is_plan_file, write_private, written
from tokenvault.kinds import kinds
from tokenvault.model.constraints import Ref
from tokenvault.model.desired import Provenance
from tokenvault.model.spec import Variable
from tokenvault.plan.document import FORMAT_VERSION, Document, change_document, plan_document
from tokenvault.plan.judgement import judgement_of
from tokenvault.plan.model import Action, Attribute, Change, Orphan, Pace, Plan, PlannedNode, Selection
from tokenvault.secrets import Secret, sounds_secret
from tokenvault.text import json_page

# ---- what the writes need, as JSON and back: references to objects, and secrets as the references they came by


REFERENCE, SECRET, LITERAL = "$ref", "$secret", "$literal"
_WHOLE_REFERENCE = re.compile(r"\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]+)\}")

Resolve = Callable[[str, str], Secret]
"""The secret that a reference stands for now; the second argument is the folder that its files count from."""


# ---- to JSON


def apply_part(plan: Plan) -> Document:
    """The `apply` part of a saved plan: by address, what the writes need and the public part does not show."""
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

    `RefusedError` with every secret that is missing or has changed. Malformed input raises KeyError, TypeError or
    ValueError.
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
    rest = {name: value for name, value in attribute.items() if name not in ("path", "why")}
    provenance = tuple(_provenance(entry) for entry in attribute["why"])
    return Attribute(path=tuple(attribute["path"]), provenance=provenance, **rest)


def _provenance(provenance: Document) -> Provenance:
    return Provenance(
        source=provenance["source"], reason=provenance["reason"], span=_span(provenance["at"]), doc=provenance["doc"]
    )


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


def save_plan(path: Path, plan: Plan) -> None:
    """Writes the plan with mode 0600. `RefusedError` when a secret would have to go into it, or another file is there."""
    if path.exists() and not is_plan_file(path):
        summary = f"{path} exists and is not a plan: it is not overwritten"
        raise RefusedError(Diagnostic(code="plan-file-exists", summary=summary, hint="Give --out another name."))
    document = {**plan_document(plan), "apply": apply_part(plan)}
    document["integrity"] = _hash(document)
    with written(path, code="plan-file-write"):
        write_private(path, json_page(document))


def read_document(path: Path) -> Document:
    """What a plan file holds, when it is whole, unchanged, and of this version; `RefusedError` with the reason else."""
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except FileNotFoundError:
        raise _refusal("plan-file-missing", f"There is no file {path}", _SAVE) from None
    except (OSError, ValueError, RecursionError):
        raise _no_plan(path, text) from None
    if not isinstance(document, dict) or document.get("format") != PLAN_FORMAT:
        raise _refusal("plan-file-broken", f"{path} is not a plan that tokenvault saved", _SAVE)
    versions = document.get("format_version"), document.get("tokenvault_version")
    if versions != (FORMAT_VERSION, __version__):
        summary = f"{path} was made by tokenvault {versions[1]} (format {versions[0]}), and this is {__version__}"
        raise _refusal("plan-file-version", summary, f"{_AGAIN} One version plans and applies.")
    if "apply" not in document:
        summary = f"{path} is a plan to look at: it lacks the part that an apply needs"
        raise _refusal("plan-file-broken", summary, _SAVE)
    if not hmac.compare_digest(str(document.get("integrity")), _hash(document)):
        raise _refusal("plan-file-changed", f"{path} was changed after it was saved", _AGAIN)
    return document


_SPEC = re.compile(r"^(version|name|applications|connections|fleet)[ \t]*:", re.MULTILINE)


def _no_plan(path: Path, text: str) -> RefusedError:
    """The refusal of what is no JSON: of a folder with the plan in it, of a spec or a fleet with the way to its plan."""
    if path.is_dir():
        held = next((file for file in sorted(path.iterdir()) if is_plan_file(file)), None)
        hint = f"It holds plans: `tokenvault show {shlex.quote(str(held))}`." if held else _SAVE
        return _refusal("plan-file-broken", f"{path} is a folder, not a saved plan", hint)
    found = set(_SPEC.findall(text))
    if not found:
        return _refusal("plan-file-broken", f"{path} is not a whole plan file", _AGAIN)
    what, command = ("a fleet", "fleet plan") if "fleet" in found else ("a spec", "plan")
    plan = f"tokenvault {command} {shlex.quote(str(path))}"
    hint = (
        f"`{plan}` shows what it would change. `{plan} --out {_OUT[command]}` also saves that, to be shown and applied."
    )
    return _refusal("plan-is-spec", f"{path} is {what}, not a saved plan", hint)


_OUT = {"plan": "plan.json", "fleet plan": "plans"}


def load_plan(document: Document, resolve: Resolve) -> Plan:
    """The plan to apply. `RefusedError` with every secret that is missing, or another than it was when it was made."""
    try:
        return plan_of(document, resolve)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise _refusal("plan-file-broken", "The file is not a plan that tokenvault saved", _AGAIN) from None


_SAVE = "Save one with `tokenvault plan --out plan.json`."
_AGAIN = "Plan again (`tokenvault plan --out new.json`), and review what it says."


def _refusal(code: str, summary: str, hint: str) -> RefusedError:
    return RefusedError(Diagnostic(code=code, summary=summary, hint=hint))


def public_part(document: Document) -> Document:
    """The document as `plan --format json` prints it."""
    return {name: value for name, value in document.items() if name not in ("apply", "integrity")}


def _hash(document: Document) -> str:
    content = {name: value for name, value in document.items() if name != "integrity"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


# ---- what a plan does, as one hash: equal for two plans that would do the same, whenever and by whomever they were made


_BESIDE_THE_POINT = frozenset({"source", "requires", "unmanaged", "unmanaged_options", "kept", "risks", "reason"})


def content_hash(plan: Plan) -> str:
    """The hash of the plan's changes, from the values before to the values after.

    Where a line stands in the spec and how many requests planning took are no part of it. Secrets are, by the slow salted
    hash that saved plans hold: a plan with another secret is another plan. It takes a moment for each.
    """
    changes = sorted((_content(change, plan) for change in plan.changes), key=lambda found: str(found["address"]))
    content = {"tenant": plan.tenant, "spec": plan.spec_name, "command": plan.command, "changes": changes}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _content(change: Change, plan: Plan) -> Document:
    shown = {name: value for name, value in change_document(change).items() if name not in _BESIDE_THE_POINT}
    shown["attributes"] = [{**attribute, "why": None} for attribute in shown["attributes"]]
    salt = f"{plan.tenant}/{plan.spec_name}/{change.address}"
    written = {"patch": change.patch, "deferred": change.deferred}
    return {**shown, "secrets": [[path, secret.fingerprint(salt)] for path, secret in _secrets(written, "")]}


def _secrets(value: Any, path: str) -> Iterator[tuple[str, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, Mapping):
        for name in sorted(value):
            yield from _secrets(value[name], f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secrets(item, f"{path}[{index}]")
