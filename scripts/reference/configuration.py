"""docs/reference/configuration.md: every key of every service's TOML, from the settings' own classes."""

from __future__ import annotations

import ast
import importlib
import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import cast

import msgspec
from scripts.reference.markup import code, plain, table

FILES: Mapping[str, tuple[str, str]] = {
    "app.toml": ("keepcool.app.config", "AppSettings"),
    "keeper.toml": ("keepcool.keeper.config", "KeeperSettings"),
    "cooler.toml": ("keepcool.cooler.config", "CoolerSettings"),
    "desk.toml": ("keepcool.desk.settings", "DeskSettings"),
    "operator.toml": ("keepcool.client.profile", "ClientSettings"),
}
_UNITS = {
    "_s": "seconds", "_ms": "milliseconds", "_bytes_max": "bytes", "_blocks": "blocks",
    "_bytes": "bytes", "_s_max": "seconds", "_s_first": "seconds", "_s_min": "seconds",
    "_per_minute_max": "a minute", "_gwei": "gwei", "_wei": "wei",
}  # fmt: skip
_WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", object: "any"}
_OPENING = """# Configuration

Each service reads one TOML file. Unknown keys are errors that name the key; secrets are named by the file
that holds them and never written here; paths are relative to the file. `keepcool <service> check-config
--config FILE` says in sentences what a file allows, and `keepcool init` writes all of them. What signers may
sign stands in [the policy](policy.md), not here. A key without a default must be there.

"""


def page() -> str:
    parts = [_OPENING.strip()]
    for file, (module, name) in FILES.items():
        settings = getattr(importlib.import_module(module), name)
        parts.append(f"## {file}\n\n{plain(settings.__doc__)}")
        parts += [_section(where, one) for where, one in tables(settings)]
    return "\n\n".join(parts) + "\n"


def _section(where: str, settings: type[msgspec.Struct]) -> str:
    rows = [
        (
            code(one.encode_name),
            _type(one.type),
            _default(one),
            _unit(one.encode_name),
            meaning(settings, one.name),
        )
        for one in msgspec.structs.fields(settings)
        if not list(_inner(one.type)) or one.default is msgspec.NODEFAULT
    ]
    head = f"### `[{where}]`\n\n{plain(settings.__doc__)}\n\n" if where else ""
    return head + table(("key", "type", "default", "unit", "meaning"), rows)


def tables(settings: type[msgspec.Struct], where: str = "") -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """The table itself, then every table inside it, with its name in TOML."""
    yield where, settings
    for one in msgspec.structs.fields(settings):
        inner = list(_inner(one.type))
        for kind in inner:
            step = one.encode_name + _step(one.type, kind, alone=len(inner) == 1)
            yield from tables(kind, f"{where}.{step}" if where else step)


def _step(found: object, kind: type[msgspec.Struct], *, alone: bool) -> str:
    if typing.get_origin(found) is not dict:
        return "[]" if typing.get_origin(found) in (list, tuple) else ""
    tag = kind.__struct_config__.tag
    return "." + ("NAME" if alone else f"NAME: {tag}")


def _inner(found: object) -> Iterator[type[msgspec.Struct]]:
    if isinstance(found, type) and issubclass(found, msgspec.Struct):
        yield found
    for one in typing.get_args(found):
        yield from _inner(one)


def _type(found: object) -> str:
    return " or ".join(dict.fromkeys(_types(found)))


def _types(found: object) -> Iterator[str]:
    origin, given = typing.get_origin(found), typing.get_args(found)
    if origin is typing.Literal:
        yield from (f'`"{one}"`' for one in given)
    elif origin in (typing.Union, types.UnionType):
        for one in given:
            yield from _types(one)
    elif origin in (list, tuple):
        inside = [_type(one) for one in given if one is not ...]
        yield "list of " + (
            inside[0] if len(set(inside)) == 1 and len(inside) == 1 else f"[{', '.join(inside)}]"
        )
    elif origin is dict:
        yield f"table of {_type(given[1])}"
    elif isinstance(found, type) and found is not type(None):
        yield from _plain_types(found)


def _plain_types(found: type) -> Iterator[str]:
    if issubclass(found, Enum):
        yield from (f'`"{one.value}"`' for one in found)
    elif issubclass(found, msgspec.Struct):
        yield "table"
    else:
        yield _WORDS.get(found, found.__name__)


def _default(one: msgspec.structs.FieldInfo) -> str:
    if one.default_factory is not msgspec.NODEFAULT:
        return "empty"
    if one.default is msgspec.NODEFAULT:
        return ""
    if one.default is None:
        return "left out"
    if one.default in ("", ()):
        return "empty"
    return code(str(one.default).lower() if isinstance(one.default, bool) else str(one.default))


def _unit(name: str) -> str:
    fitting = [suffix for suffix in _UNITS if name.endswith(suffix)]
    return _UNITS[max(fitting, key=len)] if fitting else ""


def meaning(settings: type[msgspec.Struct], name: str) -> str:
    """The text below the key, where the key is written."""
    for kind in settings.__mro__:
        if name in (told := _told(kind)):
            return told[name]
    return ""


@cache
def _told(kind: type) -> Mapping[str, str]:
    if kind is object or not kind.__module__.startswith("keepcool"):
        return {}
    body = cast(ast.ClassDef, ast.parse(inspect.getsource(kind)).body[0]).body
    found = {}
    for one, after in pairwise(body):
        match one, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = plain(text)
    return found
