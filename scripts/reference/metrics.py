"""docs/reference/metrics.md: every number the services tell, from where its series is made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.reference.markup import code, table
from scripts.reference.source import Module, called, literal, modules

MAKERS = ("Counter", "Gauge", "Histogram", "Summary")
_SERVES = {"app": "App", "desk": "desk", "cosigner": "Keeper, Cooler", "adapters": "every service on the bus"}
_OPENING = """# Metrics

In Prometheus' text format. App and desk answer `GET /metrics`; signers and desk write the file `keeper.prom`,
`cooler.prom` or `desk.prom` in their data folder, for node_exporter's textfile collector. Counters are
exported with `_total` at the end, histograms as `_bucket`, `_sum` and `_count`.

"""


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    kind: str
    labels: tuple[str, ...]
    about: str
    room: str


def page() -> str:
    rows = [
        (code(one.name), one.kind, ", ".join(map(code, one.labels)), _told_by(one.room), one.about)
        for one in sorted(series(), key=lambda one: one.name)
    ]
    return _OPENING + table(("name", "kind", "labels", "told by", "meaning"), rows) + "\n"


def _told_by(room: str) -> str:
    return _SERVES.get(room, room.capitalize())


def series() -> list[Series]:
    """Each once."""
    return list(dict.fromkeys(one for module in modules() for one in _of(module)))


def _of(module: Module) -> Iterator[Series]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and called(node) in MAKERS and len(node.args) > 1:
            name, about = literal(node.args[0]), literal(node.args[1])
            if name and about and "{" not in name:
                yield Series(name, called(node).lower(), _labels(node), about, module.room)
        elif isinstance(node, ast.Dict):
            yield from _readings(node, module)


def _labels(node: ast.Call) -> tuple[str, ...]:
    given = node.args[2] if len(node.args) > 2 else None
    given = next((one.value for one in node.keywords if one.arg == "labelnames"), given)
    return tuple(literal(one) or "" for one in getattr(given, "elts", ()))


def _readings(node: ast.Dict, module: Module) -> Iterator[Series]:
    """Gauges that are read when they are written: name to explanation and reading."""
    for key, value in zip(node.keys, node.values, strict=True):
        name = literal(key)
        match value:
            case ast.Tuple(elts=[first, ast.Lambda() | ast.Attribute()]) if name and literal(first):
                full = name if name.startswith("keepcool_") else f"keepcool_{name}"
                yield Series(full, "gauge", (), literal(first) or "", module.room)
