"""The product's source as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "src" / "keepcool"


@dataclass(frozen=True, slots=True)
class Module:
    """`name`: its path below keepcool."""

    name: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.name.partition("/")[0].removesuffix(".py")


@cache
def modules() -> tuple[Module, ...]:
    return tuple(
        Module(str(path.relative_to(PRODUCT)), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(PRODUCT.rglob("*.py"))
    )


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def literal(node: ast.AST | None) -> str | None:
    """A text as it stands; inside braces what is filled in. None for what is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_part(one) for one in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            both = literal(left), literal(right)
            return None if both[0] is None or both[1] is None else both[0] + both[1]
    return None


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.FormattedValue):
        return f"{{{_named(node.value)}}}"
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _named(node: ast.expr) -> str:
    """A word for what is filled in."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Subscript(value=inner) | ast.BinOp(left=inner):
            return _named(inner)
        case (
            ast.Call(func=ast.Attribute(value=ast.Constant()), args=[inner, *_]) | ast.Call(args=[inner, *_])
        ):
            return _named(inner)
        case ast.Call(func=ast.Attribute(value=inner)) | ast.Call(func=inner):
            return _named(inner)
        case ast.GeneratorExp(generators=[first, *_]) | ast.ListComp(generators=[first, *_]):
            return _named(first.iter)
    return "…"
