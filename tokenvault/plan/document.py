"""The public, versioned JSON form of a plan. Text, Markdown and HTML are drawn from it, so they cannot disagree."""

from __future__ import annotations

from typing import Any

from tokenvault import __version__
from tokenvault.errors import Diagnostic, Span
from tokenvault.files import PLAN_FORMAT
from tokenvault.model.desired import Provenance
from tokenvault.model.spec import Variable
from tokenvault.plan.judgement import judgement_document
from tokenvault.plan.model import Action, Attribute, Change, Orphan, Plan, PlannedNode
from tokenvault.plan.preflight import plan_scopes

FORMAT_VERSION = "1.1"
Document = dict[str, Any]


def plan_document(plan: Plan) -> Document:
    """The plan as JSON data; `schemas/plan.schema.json` describes it."""
    return {
        "format": PLAN_FORMAT,
        "format_version": FORMAT_VERSION,
        "tokenvault_version": __version__,
        "spec": {
            "name": plan.spec_name,
            "files": list(plan.files),
            "variables": [variable_document(variable) for variable in plan.variables],
        },
        "tenant": plan.tenant,
        "selection": _selection(plan),
        "summary": _summary(plan),
        "scopes": {
            "needed": list(plan_scopes(plan)),
            "lacking": None if plan.lacking is None else list(plan.lacking),
        },
        "changes": [change_document(change) for change in plan.changes],
        "nodes": [_node(node) for node in plan.nodes],
        "orphans": [orphan_document(orphan) for orphan in plan.orphans],
        "warnings": [diagnostic_document(warning) for warning in plan.warnings],
        "judgement": judgement_document(plan.judgement),
    }


def variable_document(variable: Variable) -> Document:
    """A variable that the spec may show; `at` is nothing where the command line says so."""
    return {"name": variable.name, "sensitive": variable.sensitive, "at": source_document(variable.span)}


def _selection(plan: Plan) -> Document | None:
    chosen = plan.selection
    if chosen is None:
        return None
    return {"targets": list(chosen.targets), "excludes": list(chosen.excludes), "left_out": chosen.left_out}


def _summary(plan: Plan) -> Document:
    return {
        **{action.value: plan.count(action) for action in Action},
        "adopt": sum(change.adopts for change in plan.changes),
        "unchanged": plan.unchanged,
        "risks": sum(bool(change.risks) for change in plan.changes),
        "reads": plan.reads,
        "writes": plan.writes,
        "rereads": plan.rereads,
        "seconds": round(plan.pace.seconds(plan.writes + plan.rereads), 1),
        "pace": {"per_second": plan.pace.per_second, "burst": plan.pace.burst},
    }


def change_document(change: Change) -> Document:
    """What happens to one object."""
    return {
        "address": change.address,
        "kind": change.kind,
        "name": change.name,
        "id": change.id,
        "action": change.action.value,
        "adopts": change.adopts,
        "reason": change.reason,
        "source": source_document(change.span),
        "requires": list(change.requires),
        "attributes": [_attribute(attribute) for attribute in change.attributes],
        "kept": dict(sorted(change.kept.items())),
        "unmanaged": change.unmanaged,
        "unmanaged_options": change.unmanaged_options,
        "risks": list(change.risks),
    }


def _node(node: PlannedNode) -> Document:
    """An object with what it refers to, changed or not: enough to draw the graph."""
    action = node.action.value if node.action else "none" if node.known else "unknown"
    return {
        "address": node.address,
        "kind": node.kind,
        "name": node.name,
        "action": action,
        "requires": list(node.requires),
    }


def _attribute(attribute: Attribute) -> Document:
    return {
        "path": list(attribute.path),
        "op": attribute.op,
        "element": attribute.element,
        "before": attribute.before,
        "after": attribute.after,
        "sensitive": attribute.sensitive,
        "unknown": attribute.unknown,
        "why": [provenance_document(each) for each in attribute.provenance],
    }


def provenance_document(provenance: Provenance) -> Document:
    """Who asked for something, and why."""
    return {
        "source": provenance.source,
        "reason": provenance.reason,
        "at": source_document(provenance.span),
        "doc": provenance.doc,
    }


def orphan_document(orphan: Orphan) -> Document:
    """An object that the spec left behind."""
    return {
        "address": orphan.address,
        "kind": orphan.kind,
        "id": orphan.id,
        "name": orphan.name,
        "protected": orphan.protected,
    }


def source_document(span: Span | None) -> Document | None:
    """A place in a spec file."""
    return {"file": span.file, "line": span.line} if span else None


def diagnostic_document(diagnostic: Diagnostic) -> Document:
    """A diagnostic as JSON data."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "context": diagnostic.context,
        "at": source_document(diagnostic.span),
    }
