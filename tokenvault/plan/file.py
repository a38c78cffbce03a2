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
from pathlib import Path

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.files import PLAN_FORMAT, is_plan_file, write_private
from tokenvault.plan.codec import Resolve, apply_part, plan_of
from tokenvault.plan.document import FORMAT_VERSION, Document, plan_document
from tokenvault.plan.model import Plan
from tokenvault.text import safe_json


def save_plan(path: Path, plan: Plan) -> None:
    """Writes the plan with mode 0600. `RefusedError` when a secret would have to go into it, or another file is there."""
    if path.exists() and not is_plan_file(path):
        summary = f"{path} exists and is not a plan: it is not overwritten"
        raise RefusedError(Diagnostic(code="plan-file-exists", summary=summary, hint="Give --out another name."))
    document = {**plan_document(plan), "apply": apply_part(plan)}
    document["integrity"] = _hash(document)
    try:
        write_private(path, safe_json(document, indent=2) + "\n")
    except OSError as error:
        summary = f"The plan cannot be written to {path}: {error.strerror}"
        raise RefusedError(Diagnostic(code="plan-file-write", summary=summary)) from None


def read_document(path: Path) -> Document:
    """What a plan file holds, when it is whole, unchanged, and of this version; `RefusedError` with the reason else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _refusal("plan-file-missing", f"There is no file {path}", "") from None
    except (OSError, ValueError, RecursionError):
        raise _refusal("plan-file-broken", f"{path} is not a whole plan file", _AGAIN) from None
    if not isinstance(document, dict) or document.get("format") != PLAN_FORMAT:
        hint = "Make one with `tokenvault plan --out plan.json`."
        raise _refusal("plan-file-broken", f"{path} is not a plan that tokenvault saved", hint)
    versions = document.get("format_version"), document.get("tokenvault_version")
    if versions != (FORMAT_VERSION, __version__):
        summary = f"{path} was made by tokenvault {versions[1]} (format {versions[0]}), and this is {__version__}"
        raise _refusal("plan-file-version", summary, f"{_AGAIN} One version plans and applies.")
    if "apply" not in document:
        summary = f"{path} is a plan to look at: it lacks the part that an apply needs"
        raise _refusal("plan-file-broken", summary, "Save one with `tokenvault plan --out plan.json`.")
    if not hmac.compare_digest(str(document.get("integrity")), _hash(document)):
        raise _refusal("plan-file-changed", f"{path} was changed after it was saved", _AGAIN)
    return document


def load_plan(document: Document, resolve: Resolve) -> Plan:
    """The plan to apply. `RefusedError` with every secret that is missing, or another than it was when it was made."""
    try:
        return plan_of(document, resolve)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise _refusal("plan-file-broken", "The file is not a plan that tokenvault saved", _AGAIN) from None


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
