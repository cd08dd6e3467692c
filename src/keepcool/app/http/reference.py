"""The API reference as one plain page, made from the OpenAPI document: no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}
h2{margin-top:2.5rem;border-bottom:1px solid #ccd5de}
h3{margin:1.8rem 0 .3rem;font:600 1rem ui-monospace,monospace}
code,td:first-child{font-family:ui-monospace,monospace;font-size:.9em}.verb{color:#0a6e4f}
table{border-collapse:collapse;margin:.4rem 0;width:100%}td,th{text-align:left;vertical-align:top;
padding:.15rem .8rem .15rem 0;border-top:1px solid #eef1f4}small{color:#5b6b7a}
"""
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
Plain = Mapping[str, Any]


def page(document: Plain) -> str:
    """HTML of an OpenAPI 3.1 document."""
    title = escape(str(document["info"]["title"]))
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>",
        f"<h1>{title} <small>{escape(str(document['info']['version']))}</small></h1>",
        f"<p>{escape(str(document['info'].get('description', '')))}</p>",
        '<p>Machine-readable: <a href="/openapi.json">/openapi.json</a>.</p>',
    ]
    schemas: Plain = document.get("components", {}).get("schemas", {})
    for tag, calls in _by_tag(document).items():
        parts.append(f"<h2>{escape(tag)}</h2>")
        for path, method, call in calls:
            parts += _call(path, method, call, schemas)
    return "\n".join(parts)


def _by_tag(document: Plain) -> dict[str, list[tuple[str, str, Plain]]]:
    tags: dict[str, list[tuple[str, str, Plain]]] = {}
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            tags.setdefault((call.get("tags") or ["service"])[0], []).append((path, method, call))
    return tags


def _call(path: str, method: str, call: Plain, schemas: Plain) -> Iterator[str]:
    yield f"<h3><span class=verb>{method.upper()}</span> {escape(path)}</h3>"
    yield f"<p><b>{escape(str(call.get('summary', '')))}.</b> {escape(str(call.get('description', '')))}</p>"
    rows = [
        (one["name"], _kind(one.get("schema", {})), one["in"], _about(one))
        for one in call.get("parameters", [])
    ]
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    rows += [(name, kind, "body", about) for name, kind, about in _fields(body, schemas)]
    yield from _table("Takes", [(name, kind, f"{where}. {about}") for name, kind, where, about in rows])
    for status, answer in sorted(call.get("responses", {}).items()):
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if status.startswith("2"):
            yield from _table(f"Answers {status}", _fields(schema, schemas))


def _table(caption: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if not rows:
        return
    yield f"<table><tr><th colspan=3>{escape(caption)}</th></tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"


def _fields(schema: Plain, schemas: Plain) -> list[tuple[str, str, str]]:
    resolved = _resolved(schema, schemas)
    required = set(resolved.get("required", ()))
    return [
        (name if name in required else f"{name} (optional)", _kind(one), _about(one))
        for name, one in resolved.get("properties", {}).items()
    ]


def _resolved(schema: Plain, schemas: Plain) -> Plain:
    found: Plain = schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return found


def _kind(schema: Plain) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("type", "any"))


def _about(schema: Plain) -> str:
    told = str(schema.get("description") or schema.get("schema", {}).get("description") or "")
    inner = next((one["description"] for one in schema.get("anyOf", ()) if "description" in one), "")
    return told or str(inner)
