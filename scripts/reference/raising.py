"""Where errors are made, from the source: code, kind and text of each place.

A text or a code that has a name is looked up where the name is given its value: in the function, in the
module, or by the function's callers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from scripts.reference.source import Module, called, functions, literal, modules

KINDS = ("Refused", "Malformed", "Conflict", "Unavailable", "Breach")
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_CODE = re.compile(r"[a-z][a-z0-9_{}]*(\.[a-z0-9_{}]+)+")


@dataclass(frozen=True, slots=True)
class Raised:
    """`text` is empty where the words of another error are passed on."""

    code: str
    kind: str
    text: str
    room: str


@cache
def raised() -> tuple[Raised, ...]:
    return tuple(_raised())


def _raised() -> Iterator[Raised]:
    for module in modules():
        for function in functions(module.tree):
            for call in _own_calls(function):
                if called(call) in KINDS and call.args:
                    yield from _from(call, function, module)


def _from(call: ast.Call, function: Function, module: Module) -> Iterator[Raised]:
    first = call.args[0]
    if isinstance(first, ast.Starred):
        pairs = [
            (_code(pair.elts[0]), literal(pair.elts[1])) for pair in _pairs(first.value, function, module)
        ]
    else:
        said = list(_values(call.args[1], function, module)) if len(call.args) > 1 else [""]
        pairs = [(code, text) for code in _codes(first, function, module) for text in said or [""]]
    for code, text in pairs:
        if code:
            yield Raised(code, called(call), text or "", module.room)


def _own_calls(function: ast.AST) -> Iterator[ast.Call]:
    """Calls in a function, but not those in functions inside it."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from _own_calls(node)


def _code(node: ast.AST) -> str:
    text = literal(node) or ""
    return text if _CODE.fullmatch(text) else ""


def _codes(node: ast.expr, function: Function, module: Module) -> Iterator[str]:
    yield from dict.fromkeys(one for one in _values(node, function, module) if _CODE.fullmatch(one))


def _values(node: ast.AST, function: Function, module: Module) -> Iterator[str]:
    """The texts this expression may be."""
    told = literal(node)
    if told is not None:
        yield told
        return
    match node:
        case ast.Name():
            yield from _named(node, function, module)
        case ast.BoolOp(values=several):
            yield from _each(several, function, module)
        case ast.IfExp(body=body, orelse=other):
            yield from _each([body, other], function, module)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            for before in _values(left, function, module):
                yield before + (literal(right) or "…")
        case ast.Subscript(value=ast.Name(id=name)):
            for given in _assigned(module.tree, name):
                yield from (literal(one) or "" for one in getattr(given, "values", ()))


def _each(nodes: Sequence[ast.expr], function: Function, module: Module) -> Iterator[str]:
    for node in nodes:
        yield from _values(node, function, module)


def _named(node: ast.Name, function: Function, module: Module) -> Iterator[str]:
    found = _nearest(function, node.id, node) or list(_assigned(module.tree, node.id))
    yield from _each(found, function, module)
    if not found:
        yield from (
            _constants().get(node.id, ()) if node.id.isupper() else _from_callers(function, node.id, module)
        )


def _nearest(function: ast.AST, name: str, node: ast.Name) -> list[ast.expr]:
    """What the function last gave this name, above where it is used."""
    above = [one for one in _assigned(function, name) if one.lineno <= node.lineno]
    return [max(above, key=lambda one: one.lineno)] if above else []


def _pairs(node: ast.expr, function: ast.AST, module: Module) -> Iterator[ast.Tuple]:
    """What `*name` unpacks."""
    name = node.id if isinstance(node, ast.Name) else ""
    for one in [*_assigned(function, name), *_assigned(module.tree, name)]:
        if isinstance(one, ast.Tuple):
            yield one


def _assigned(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=given)], value=value) if given == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=given), value=ast.expr() as value) if given == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=given), value=value) if given == name:
                yield value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for one, value in zip(names, values, strict=False):
                    if isinstance(one, ast.Name) and one.id == name:
                        yield value


@cache
def _constants() -> dict[str, list[str]]:
    """Module-level texts by name, of the whole product."""
    found: dict[str, list[str]] = {}
    for module in modules():
        for node in module.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                    found.setdefault(name, []).append(text)
    return found


def _from_callers(function: Function, name: str, module: Module) -> Iterator[str]:
    """What callers of this function give for its parameter: in its module, or, of a public one, anywhere."""
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    place = names.index(name) - (names[0] in ("self", "cls")) if name in names else None
    defaults = dict(zip(reversed(names), reversed(function.args.defaults), strict=False))
    if name in defaults:
        yield literal(defaults[name]) or ""
    calls = _calls()[module.name if function.name.startswith("_") else ""].get(function.name, ())
    for call in calls:
        given = [one.value for one in call.keywords if one.arg == name]
        if place is not None and place < len(call.args):
            given.append(call.args[place])
        yield from (text for one in given if (text := literal(one)))


@cache
def _calls() -> dict[str, dict[str, list[ast.Call]]]:
    """By module, "" for all of them, and by the name of what is called."""
    found: dict[str, dict[str, list[ast.Call]]] = {"": {}}
    for module in modules():
        found[module.name] = {}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                for place in ("", module.name):
                    found[place].setdefault(called(node), []).append(node)
    return found
