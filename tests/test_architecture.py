"""What every module keeps to. Which may import which is a contract of its own: `[tool.importlinter]` in pyproject.toml."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGE = ROOT / "tokenvault"


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def test_renderers_draw_from_data_and_print_nothing() -> None:
    for name, tree in modules():
        if name.startswith("tokenvault.render"):
            calls = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
            assert "print" not in calls, name


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
