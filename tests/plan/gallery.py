"""The gallery: what tokenvault says in each situation that a person meets. `golden/<case>/` holds what came out."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.plan.tenants import Edit, client, connection, edit, grant_of, remove, run
from tests.support import ROOT
from tokenvault.sandbox import open_sandbox

GOLDEN = Path(__file__).parent / "golden"
KEYS = ROOT / "examples" / "keys"

ALL_FORMS = ("txt", "md", "html")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A situation: the spec that was applied `before`, what others did then (`edit`), and the options of the plan.

    The JSON of every plan is kept. Text, Markdown and HTML are drawn from it alone, so they are kept where a form has
    something to show that no other case has (`drawn`).
    """

    title: str
    before: bool = False
    empty: bool = False
    edit: Edit | None = None
    options: Sequence[str] = ()
    env: dict[str, str] = field(default_factory=dict)
    drawn: Sequence[str] = ()

    def prepare(self, name: str, folder: Path) -> None:
        """The tenant as it is when the plan is made."""
        for file in (GOLDEN / name).glob("*.yaml"):
            shutil.copy(file, folder)
        for keys in (KEYS, GOLDEN.parent / "keys"):
            shutil.copytree(keys, folder / "keys", dirs_exist_ok=True)
        open_sandbox(folder / "tenant.db").close()
        if self.empty:
            edit(folder / "tenant.db", _emptied)
        if self.before:
            applied = run(folder, "apply", "before.yaml", "-y")
            assert applied.code == 0, applied.err
        if self.edit:
            edit(folder / "tenant.db", self.edit)


def _emptied(objects: dict[str, Any]) -> None:
    """A tenant in which nobody has done anything yet but make the connections that cannot be made for them."""
    for item in [i for i in objects["clients"].values() if not i.get("global") and i["name"] != "Acme Deploy"]:
        remove(objects["clients"], item)
    objects["enablements"] = {}


def _legacy(objects: dict[str, Any]) -> None:
    objects["tenant"]["policies"] = {"policies": ["all-applications"]}


def drifted(objects: dict[str, Any]) -> None:
    """Somebody clicked around in the dashboard."""
    assistant = client(objects, "Acme Assistant")
    assistant["callbacks"] = ["https://evil.example/callback"]
    assistant["grant_types"].remove("refresh_token")
    assistant["grant_types"].append("password")
    connection(objects, "github")["connected_accounts"] = {"active": False}
    remove(objects["client_grants"], grant_of(objects, assistant["client_id"], "/me/"))


def _hostile(objects: dict[str, Any]) -> None:
    storefront = client(objects, "Storefront")
    storefront["client_metadata"] = {"tokenvault": "acme/shop adopted"}
    storefront["name"] = "Portal\x1b[31m </script> | `x` \u202egnp"
    storefront["callbacks"] = ["https://shop.acme.example", "javascript:alert(1)\x07", "x" * 600]


CASES: dict[str, Case] = {
    "create-everything": Case(
        title="All four flavors, in a tenant that has only its connections", empty=True, drawn=ALL_FORMS
    ),
    "adopt": Case(
        title="An application of 2014 is adopted, with everything that must change against its will",
        edit=_legacy,
        drawn=ALL_FORMS,
    ),
    "one-changed-scope": Case(title="One scope more, of a provider and of an API", before=True),
    "unknown-values": Case(title="A new application joins: ids that Auth0 has yet to give", before=True),
    "sensitive-change": Case(
        title="The provider's client secret was rotated", before=True, env={"CRM_CLIENT_SECRET": "canary-new-secret"}
    ),
    "purpose-off": Case(
        title="Risks: login is switched off, MFA is taken back, a worker's key is replaced",
        before=True,
        edit=_legacy,
        drawn=ALL_FORMS,
    ),
    "orphans": Case(title="Two applications left the spec: listed, not touched", before=True, drawn=["txt", "html"]),
    "pruned": Case(title="The same with --prune", before=True, options=["--prune"], drawn=ALL_FORMS),
    "empty": Case(title="Nothing to do", before=True, drawn=ALL_FORMS),
    "targets": Case(
        title="Only one application and what it needs", options=["--target", "application.assistant"], drawn=["txt"]
    ),
    "excludes": Case(
        title="Everything but a connection and what needs it", options=["--exclude", "connection.acme-crm"]
    ),
    "summary": Case(title="One line per object", options=["--summary"], drawn=["txt"]),
    "full": Case(title="Every reason", before=True, edit=drifted, options=["--full"], drawn=["txt"]),
    "hostile": Case(title="Names and values that would like to be more than text", edit=_hostile, drawn=ALL_FORMS),
}
