"""The fields of docs/reference/messages.md: every body on the bus, struct by struct."""

from __future__ import annotations

import typing
from collections.abc import Iterator

import msgspec
from scripts.reference.markup import code, plain, table

from keepcool.wire.messages import ErrorAnswer, Message
from keepcool.wire.requests import REQUESTS


def drawn() -> str:
    rows = [
        (code(typ), _link(kind.body), _link(kind.answer), f"{kind.frame_bytes_max // 1024} KiB",
         f"{kind.answer_bytes_max // 1024} KiB")
        for typ, kind in REQUESTS.items()
    ]  # fmt: skip
    parts = [
        "## Bodies",
        "What each request and its answer hold, and the longest frame of each. A request that is refused "
        f"whole is answered by {_link(ErrorAnswer)}, type `error.v1`. `bytes` are base64.",
        table(("request", "body", "answer", "request's frame", "answer's frame"), rows),
    ]
    return "\n\n".join([*parts, *(_struct(one) for one in _reached())])


def _reached() -> list[type[Message]]:
    """Every struct that can travel, sorted by name."""
    found: dict[str, type[Message]] = {}
    waiting: list[object] = [
        ErrorAnswer,
        *(one for kind in REQUESTS.values() for one in (kind.body, kind.answer)),
    ]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, Message) and kind.__name__ not in found:
            found[kind.__name__] = kind
            waiting += [one.type for one in msgspec.structs.fields(kind)]
        waiting += typing.get_args(kind)
    return [found[name] for name in sorted(found)]


def _struct(kind: type[Message]) -> str:
    tag = kind.__struct_config__.tag
    tagged = [(f"`{kind.__struct_config__.tag_field}`", code(f'"{tag}"'), "")] if tag else []
    rows = [
        (code(one.encode_name), _type(one.type), "" if one.required else _default(one))
        for one in msgspec.structs.fields(kind)
    ]
    about = plain(kind.__doc__ if kind.__doc__ != Message.__doc__ else "")
    listed = table(("field", "type", "when left out"), tagged + rows) if tagged + rows else "No fields."
    return "\n\n".join(filter(None, (f"### {kind.__name__}", about, listed)))


def _default(one: msgspec.structs.FieldInfo) -> str:
    if one.default_factory is not msgspec.NODEFAULT or one.default in ("", (), b""):
        return "empty"
    return code("null" if one.default is None else str(one.default).lower())


def _type(found: object) -> str:
    return " or ".join(_types(found))


def _types(found: object) -> Iterator[str]:
    origin, given = typing.get_origin(found), typing.get_args(found)
    if origin in (list, tuple):
        inside = [_type(one) for one in given if one is not ...]
        yield f"list of {inside[0]}" if len(set(inside)) == 1 else f"[{', '.join(inside)}]"
    elif origin is dict:
        yield f"table of {_type(given[1])}"
    elif origin is typing.Literal:
        yield from (code(f'"{one}"') for one in given)
    elif given:
        for one in given:
            yield from _types(one)
    elif isinstance(found, type) and issubclass(found, Message):
        yield _link(found)
    else:
        name = getattr(found, "__name__", str(found))
        yield {"str": "text", "int": "integer", "bool": "true or false", "NoneType": "null"}.get(name, name)


def _link(kind: type[Message]) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"
