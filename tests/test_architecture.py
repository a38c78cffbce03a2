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


@pytest.mark.parametrize("folder", ["kinds", "flavors"])
def test_an_incomplete_kind_or_flavor_is_refused_when_it_is_imported(folder: str, tmp_path: Path) -> None:
    import importlib

    table = {"kinds": ("Kind", "kinds"), "flavors": ("Flavor", "flavors")}[folder]
    module = importlib.import_module(f"tokenvault.{folder}")
    with pytest.raises(TypeError):
        getattr(module, table[0])(name="half")


PROBLEMS = ("Diagnostic", "Problem", "Unresolved")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_every_error_has_a_way_out() -> None:
    """Warnings may have none. Where a hint can be empty is told from the source: left out, or empty in one of its cases."""
    without = [
        f"{name}:{call.lineno}"
        for name, tree in modules()
        for call, function in _problems(tree, None)
        if not _is_warning(call) and _may_be_empty(_hint(call), function)
    ]
    assert not without, without


def _problems(node: ast.AST, function: Function | None) -> Iterator[tuple[ast.Call, Function | None]]:
    """The calls that make a problem from its parts, each with the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and _called(child) in PROBLEMS and None not in {k.arg for k in child.keywords}:
            yield child, function
        yield from _problems(child, child if isinstance(child, Function) else function)


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def _is_warning(call: ast.Call) -> bool:
    severities = (k.value for k in call.keywords if k.arg == "severity")
    return any(isinstance(value, ast.Constant) and value.value == "warning" for value in severities)


def _hint(call: ast.Call) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == "hint"), call.args[2] if len(call.args) > 2 else None)


def _may_be_empty(value: ast.expr | None, function: Function | None) -> bool:
    match value:
        case None:
            return True
        case ast.Constant():
            return not value.value
        case ast.IfExp():
            return _may_be_empty(value.body, function) or _may_be_empty(value.orelse, function)
        case ast.BoolOp(op=ast.Or()):
            return _may_be_empty(value.values[-1], function)
        case ast.Call():
            return _called(value) == "did_you_mean"
        case ast.Name() if function:
            return any(_may_be_empty(each, function) for each in _values(value.id, function))
    return False


def _values(name: str, function: Function) -> Iterator[ast.expr]:
    """What a name of the function stands for: its default as a parameter, and all that is assigned to it."""
    arguments, given = [*function.args.posonlyargs, *function.args.args], function.args.defaults
    defaults = zip([None] * (len(arguments) - len(given)) + list(given), arguments, strict=True)
    keywords = zip(function.args.kw_defaults, function.args.kwonlyargs, strict=True)
    yield from (default for default, argument in (*defaults, *keywords) if default and argument.arg == name)
    for node in (node for node in ast.walk(function) if isinstance(node, ast.Assign)):
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            yield from (value for one, value in pairs if isinstance(one, ast.Name) and one.id == name)


def test_no_module_is_a_manager_of_everything() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert path.read_text().count("\n") <= 400, f"{path.name} has grown too big"
