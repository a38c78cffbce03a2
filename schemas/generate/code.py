"""The package's own source, parsed: what the code does is said in one place only, the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tokenvault
from schemas.generate.markdown import code, table
from tokenvault.operations.codes import CodePage, code_pages

PACKAGE = Path(tokenvault.__file__).resolve().parent
_ELSEWHERE = ("sandbox/", "flavors/runtime/")
"""The simulated tenant speaks with Auth0's codes, and preconditions have ids that look like codes."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module that can raise an error or read a variable: its path in the package, and its tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if not inside.as_posix().startswith(_ELSEWHERE):
            yield inside.as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def template(node: ast.AST | None) -> str:
    """A text as it stands in the source: what is filled in shows as `…`. Nothing, when it is no text."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(template(part) or "…" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return template(left) + template(right)
        case ast.IfExp(body=body):
            return template(body)
        case _:
            return ""


_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9…]+)+")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Scopes = tuple[ast.AST, ast.AST]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A code as one place of the source uses it."""

    code: str
    summary: str
    module: str


def codes_chapter() -> str:
    """One row for each code; `…` stands for what is filled in."""
    said: dict[str, list[Said]] = {}
    for one in sorted(found_codes(), key=lambda said: (said.code, said.module)):
        said.setdefault(one.code, []).append(one)
    rows = [(code(name), _summaries(uses), _modules(uses)) for name, uses in said.items()]
    head = (
        "## Error codes\n\nStable: scripts may rely on them (`validate --format json`, `apply --json`). "
        "`…` stands for what is filled in."
    )
    return f"{head}\n\n{table(('Code', 'What it says', 'From'), rows)}\n\n{_pages()}"


def _pages() -> str:
    """What `tokenvault explain CODE` says of every code."""
    head = "### What each code means\n\nAs `tokenvault explain CODE` says it, what doctor judges and Auth0 answers among it."
    return "\n\n".join([head, *map(_page, sorted(code_pages().values(), key=lambda page: page.code))])


def _page(page: CodePage) -> str:
    causes = "\n".join(f"{number}. {_plain(cause)}" for number, cause in enumerate(page.causes, 1))
    more = f"<{page.more}>" if page.more.startswith("http") else page.more
    return f"#### `{page.code}`\n\n{_plain(page.means)}\n\n{causes}\n\nWhat to do: {_plain(page.cure)} {more}"


def _plain(text: str) -> str:
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(text.split("`")))


def _summaries(uses: list[Said]) -> str:
    return " / ".join(dict.fromkeys(said.summary for said in uses if said.summary))


def _modules(uses: list[Said]) -> str:
    return " ".join(dict.fromkeys(code(said.module) for said in uses))


def found_codes() -> Iterator[Said]:
    """Every code in the source, at each place that uses it."""
    trees = list(modules())
    families = {text.split("-")[0] for _, tree in trees for text in _keyword_codes(tree)}
    for module, tree in trees:
        for function, node in _nodes(tree):
            for text in _codes(node, families):
                yield Said(code=text, summary=_summary(node, (function or tree, tree)), module=module)


def _nodes(tree: ast.Module) -> Iterator[tuple[Function | None, ast.AST]]:
    """Every node once, with the innermost function around it."""
    pending: list[tuple[Function | None, ast.AST]] = [(None, tree)]
    while pending:
        function, node = pending.pop()
        yield function, node
        inner = node if isinstance(node, Function) else function
        pending += [(inner, child) for child in ast.iter_child_nodes(node)]


def _keyword_codes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "code" and _CODE.fullmatch(template(node.value)):
            yield template(node.value)


def _codes(node: ast.AST, families: set[str]) -> Iterator[str]:
    """The codes that stand directly in a call, a tuple or an assignment."""
    for part in _parts(node):
        text = template(part)
        if _CODE.fullmatch(text) and text.split("-")[0] in families:
            yield text


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Call(args=args, keywords=keywords):
            yield from args[:2]
            yield from _branches(*(keyword.value for keyword in keywords if keyword.arg == "code"))
        case ast.Tuple(elts=elements, ctx=ast.Load()):
            yield from elements
        case ast.Assign(value=ast.Constant() | ast.IfExp() as value):
            yield from _branches(value)


def _branches(*values: ast.AST) -> Iterator[ast.AST]:
    for value in values:
        yield from (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)


def _summary(node: ast.AST, scopes: Scopes) -> str:
    """What is said with the code: beside it, or in the variable that is named there."""
    match node:
        case ast.Call(args=args, keywords=keywords):
            named = [keyword.value for keyword in keywords if keyword.arg == "summary"]
            beside = [*named, *args[1:]]
        case ast.Tuple(elts=elements):
            beside = elements
        case _:
            beside = [ast.Name(id="summary")] if isinstance(scopes[0], Function) else []
    texts = (_text(part, scopes) for part in (*beside, *_given(scopes)))
    return next((text for text in texts if " " in text), "")


def _given(scopes: Scopes) -> Iterator[ast.AST]:
    """What callers say, where the function around is given its words."""
    function, tree = scopes
    if isinstance(function, Function) and any(argument.arg == "summary" for argument in function.args.args):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function.name:
                yield from node.args


def _text(node: ast.AST, scopes: Scopes) -> str:
    if not isinstance(node, ast.Name):
        return template(node)
    texts = (template(value) for scope in scopes for value in _assigned(scope, node))
    return next((text for text in texts if text), "")


def _assigned(scope: ast.AST, name: ast.Name) -> Iterator[ast.AST]:
    """What is assigned to the variable before this use of it: the nearest first."""
    last = float("inf") if isinstance(scope, ast.Module) else getattr(name, "lineno", float("inf"))
    before = [n for n in ast.walk(scope) if isinstance(n, ast.Assign) and n.lineno <= last]
    for node in sorted(before, key=lambda node: -node.lineno):
        for target in node.targets:
            yield from _matching(target, node.value, name.id)


def _matching(target: ast.AST, value: ast.AST, name: str) -> Iterator[ast.AST]:
    match target, value:
        case ast.Name(id=found), _ if found == name:
            yield value
        case ast.Tuple(elts=names), ast.Tuple(elts=values):
            for one, its in zip(names, values, strict=False):
                yield from _matching(one, its, name)


_NAME = re.compile(r"(AUTH0|TOKENVAULT)_[A-Z_]+|NO_COLOR|FORCE_COLOR")
_MEANINGS = {
    "AUTH0_DOMAIN": "The tenant, when `--tenant` does not say.",
    "AUTH0_API_TOKEN": "A Management API token: used as it is.",
    "AUTH0_ACCESS_TOKEN": "The same, under the name that other tools use.",
    "AUTH0_CLIENT_ID": "A machine-to-machine application that gets tokens itself.",
    "AUTH0_CLIENT_SECRET": "Its secret.",
    "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY": "Instead of a secret: its private key (PEM), for Private Key JWT.",
    "AUTH0_CLIENT_ASSERTION_SIGNING_ALG": "What the key signs with. Default: RS256.",
    "AUTH0_AUDIENCE": "The Management API's identifier, where it is not the tenant's usual one.",
    "AUTH0_SUBJECT_TOKEN": "For `exchange` and what `usage` prints: the user's Auth0 token.",
    "AUTH0_USER_ID": "For what `usage` prints for a privileged worker: the user who is not there.",
    "TOKENVAULT_SANDBOX": "As `--sandbox`: 1 for the default file, or a file.",
    "TOKENVAULT_TIMEOUT": "Seconds that one request may take.",
    "TOKENVAULT_TRACEBACK": "Set: show the traceback of a bug.",
    "NO_COLOR": "Set: no colours.",
    "FORCE_COLOR": "Set: colours even into a pipe.",
}


def variables_chapter() -> str:
    """Every variable that the code reads; `LookupError` for one that nobody described."""
    found = sorted(set(_names()))
    if unknown := [name for name in (*found, *_MEANINGS) if name not in _MEANINGS or name not in found]:
        raise LookupError(f"described or read, but not both: {unknown}")
    head = "## Environment variables\n\nBesides those that a spec names with `${env:NAME}`."
    return f"{head}\n\n{table(('Variable', 'What it does'), [(code(name), _MEANINGS[name]) for name in found])}"


def _names() -> Iterator[str]:
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
                yield node.value
