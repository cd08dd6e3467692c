"""docs/reference/api.md and openapi.json: the HTTP API, from the document that App serves."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from scripts.reference.markup import code, table

from keepcool.app.config import AppSettings
from keepcool.app.http.api import make_api
from keepcool.app.http.parts import Parts
from keepcool.ports.settings import BusSettings

Plain = Mapping[str, Any]
_OPENING = """# HTTP API

{about}

Every call but `/health`, `/metrics`, `/sign` and the reference wants `Authorization: Bearer <API key>`
(`keepcool app api-key new`), and a key has scopes. App serves this reference at `/docs` and the same document
for programs at `/openapi.json`, which stands beside this page as [openapi.json](openapi.json). Errors are
explained in [errors](errors.md).

"""


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    return _api().openapi()


def _api() -> FastAPI:
    """The routes alone: nothing behind them is asked."""
    bus = BusSettings(url="", nkey_seed="", ca="", certificate="", certificate_key="")
    settings = AppSettings(identity="", database="", bus=bus, peers={}, networks={})
    parts = SimpleNamespace(settings=settings, metrics=CollectorRegistry())
    return make_api(cast(Parts, parts))


def scopes() -> dict[tuple[str, str], str]:
    """By path and method: what the API key must be allowed."""
    found: dict[tuple[str, str], str] = {}
    for router in _api().routes:
        for route in getattr(getattr(router, "original_router", None), "routes", ()):
            if isinstance(route, APIRoute):
                given = [
                    inspect.getclosurevars(one).nonlocals.get("scope") for one in _asked(route.dependant)
                ]
                scope = next((str(one) for one in given if one), "")
                found |= {(route.path, method.lower()): scope for method in route.methods or ()}
    return found


def _asked(dependant: Dependant) -> Iterator[Callable[..., object]]:
    """The functions that a route asks before it runs."""
    for one in dependant.dependencies:
        if inspect.isfunction(one.call):
            yield one.call
        yield from _asked(one)


def unexplained() -> list[tuple[str, str]]:
    """Paths of calls that say nothing of themselves but their function's name."""
    return [
        (path, call["summary"])
        for path, methods in document()["paths"].items()
        for call in methods.values()
        if call["summary"].count(" ") + call.get("description", "").count(" ") < 1
    ]


def openapi() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    told, needed = document(), scopes()
    parts = [_OPENING.format(about=told["info"]["description"]).strip()]
    tags: dict[str, list[str]] = {}
    for path, methods in told["paths"].items():
        for method, call in methods.items():
            tag = (call.get("tags") or ["service"])[0]
            scope = needed.get((path, method), "")
            tags.setdefault(tag, []).append(_call(path, method, call, told["components"]["schemas"], scope))
    for tag, calls in tags.items():
        parts += [f"## {tag}", *calls]
    parts += ["## Objects", *_objects(told["components"]["schemas"])]
    return "\n\n".join(parts) + "\n"


def _call(path: str, method: str, call: Plain, schemas: Plain, scope: str) -> str:
    said = " ".join(f"{call.get('summary', '')}. {call.get('description', '')}".split())
    takes = [
        (
            code(one["name"]),
            one["in"],
            _kind(one["schema"]),
            "needed" if one.get("required") else "",
            _about(one),
        )
        for one in call.get("parameters", ())
    ]
    body = _schema(call.get("requestBody", {}))
    fields = _resolved(body, schemas)
    takes += [
        (code(name), "body", _kind(one), _needed(name in fields.get("required", ())), _about(one))
        for name, one in fields.get("properties", {}).items()
    ]
    answers = [f"{status} {_answer(answer)}".strip() for status, answer in sorted(call["responses"].items())]
    shown = [f"### `{method.upper()} {path}`", said]
    if takes:
        shown.append(table(("name", "in", "type", "", "meaning"), takes))
    wants = f"Scope `{scope}`" if scope else "No API key"
    return "\n\n".join([*shown, f"{wants}. Answers: {', '.join(answers)}."])


def _needed(given: object) -> str:
    return "needed" if given else ""


def _answer(answer: Plain) -> str:
    schema = _schema(answer)
    return _kind(schema) if schema else ""


def _schema(holder: Plain) -> Plain:
    found: Plain = holder.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _resolved(schema: Plain, schemas: Plain) -> Plain:
    found: Plain = schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return found


def _objects(schemas: Plain) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        rows = [(code(key), _kind(one), _about(one)) for key, one in schema.get("properties", {}).items()]
        about = " ".join(str(schema.get("description", "")).split())
        listed = table(("field", "type", "meaning"), rows) if rows else _kind(schema)
        yield "\n\n".join(filter(None, (f"### {name}", about, listed)))


def _kind(schema: Plain) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(_kind(one) for one in schema.get("anyOf") or schema["oneOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    return {"string": "text", "object": "table", "null": "null"}.get(
        str(schema.get("type", "any")), str(schema.get("type", "any"))
    )


def _about(schema: Plain) -> str:
    told = str(schema.get("description") or schema.get("schema", {}).get("description") or "")
    inner = next((str(one["description"]) for one in schema.get("anyOf", ()) if "description" in one), "")
    bounds = {
        key: schema.get("schema", schema).get(key) for key in ("minimum", "maximum", "maxLength", "pattern")
    }
    spelled = ", ".join(f"{key} `{value}`" for key, value in bounds.items() if value is not None)
    return " ".join(filter(None, (told or inner, f"({spelled})" if spelled else "")))
