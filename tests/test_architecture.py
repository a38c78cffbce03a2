"""One direction and no way back: what each part of the inside may import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGE = ROOT / "tokenvault"
# The pure middle may know neither the network nor the terminal nor the sandbox.
PURE = (
    "spec",
    "kinds",
    "flavors",
    "want",
    "desired",
    "graph",
    "diff",
    "plan",
    "planner",
    "document",
    "ownership",
    "paths",
)
OUTER = ("tokenvault.cli", "tokenvault.tenant.", "tokenvault.sandbox", "tokenvault.applier", "httpx", "auth0")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_the_pure_middle_knows_no_network_and_no_terminal() -> None:
    for name, tree in modules():
        if name.removeprefix("tokenvault.").split(".")[0] in PURE:
            outer = [module for module in imports(tree) if f"{module}.".startswith(OUTER)]
            assert not outer, f"{name} imports {outer}"


def test_renderers_draw_from_data_and_print_nothing() -> None:
    for name, tree in modules():
        if name.startswith("tokenvault.render"):
            calls = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
            assert "print" not in calls, name
            forbidden = ("tokenvault.tenant", "tokenvault.state.live", "tokenvault.plan.planner", "tokenvault.sandbox")
            assert not [m for m in imports(tree) if m.startswith(forbidden)], name


def test_only_the_tenant_package_talks_to_auth0() -> None:
    for name, tree in modules():
        if not name.startswith(("tokenvault.tenant", "tokenvault.sandbox")):
            assert not [m for m in imports(tree) if m.split(".")[0] in ("auth0", "requests", "urllib3")], name


def test_the_sandbox_is_an_island() -> None:
    """It imitates Auth0, so it must not share our own beliefs about Auth0."""
    for name, tree in modules():
        if name.startswith("tokenvault.sandbox"):
            ours = [m for m in imports(tree) if m.startswith("tokenvault.") and not m.startswith("tokenvault.sandbox")]
            assert not ours, f"{name} imports {ours}"


def test_every_public_thing_says_what_it_promises() -> None:
    for name, tree in modules():
        assert ast.get_docstring(tree), f"{name} has no docstring"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith(
                "_"
            ):
                assert ast.get_docstring(node), f"{name}.{node.name} has no docstring"


@pytest.mark.parametrize("folder", ["kinds", "flavors"])
def test_an_incomplete_kind_or_flavor_is_refused_when_it_is_imported(folder: str, tmp_path: Path) -> None:
    import importlib

    table = {"kinds": ("Kind", "kinds"), "flavors": ("Flavor", "flavors")}[folder]
    module = importlib.import_module(f"tokenvault.{folder}")
    with pytest.raises(TypeError):
        getattr(module, table[0])(name="half")


def test_no_module_is_a_manager_of_everything() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert path.read_text().count("\n") <= 400, f"{path.name} has grown too big"
