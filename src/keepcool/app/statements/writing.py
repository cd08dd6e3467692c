"""A statement as text, piece by piece: one JSON document, or one CSV table (RFC 4180).

CSV is opened by spreadsheets: a text that one would take for a formula gets an apostrophe before it. Numbers
stay numbers.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias, assert_never

from keepcool.app.statements.making import Closing, Line, Opening, Piece, Pieces
from keepcool.app.statements.shown import Names, fields_of, time_of
from keepcool.app.statements.sums import Sums

Form: TypeAlias = Literal["csv", "json"]
FORMS: tuple[Form, ...] = ("csv", "json")
MEDIA: dict[Form, str] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = (
    "row", "entry", "posting", "time", "at_ms", "kind", "wallet", "account", "asset", "symbol", "decimals",
    "amount", "amount_decimal", "balance", "balance_decimal", "counterparty", "transaction", "external_id",
    "reference",
)  # fmt: skip
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class Writer(Protocol):
    """One form of statement."""

    def write(self, piece: Piece) -> str: ...


async def written(pieces: Pieces, form: Form, names: Names) -> AsyncIterator[str]:
    writer = writer_of(form, names)
    async for piece in pieces:
        yield writer.write(piece)


def writer_of(form: Form, names: Names) -> Writer:
    match form:
        case "csv":
            return CsvWriter(names)
        case "json":
            return JsonWriter(names)
        case _ as never:
            assert_never(never)


def safe(cell: str) -> str:
    """The cell as a spreadsheet shows and never runs it."""
    if _NUMBER.fullmatch(cell) or not cell.lstrip(" ").startswith(_FORMULA):
        return cell
    return f"'{cell}"


class CsvWriter:
    """Rows by `row`: opening (kind: of account), entry, closing, and a proof for each asset."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._end_ms = 0

    def write(self, piece: Piece) -> str:
        match piece:
            case Opening():
                self._end_ms = piece.period.to_ms
                return _csv([COLUMNS, *self._sums("opening", piece.sums, piece.period.from_ms)])
            case list():
                return _csv(_cells("entry", fields_of(one, self._names)) for one in piece)
            case Closing():
                return _csv([*self._sums("closing", piece.sums, self._end_ms), *self._proofs(piece)])
            case _ as never:
                assert_never(never)

    def _sums(self, row: str, sums: Sums, at_ms: int) -> list[Sequence[str]]:
        return [
            _cells(row, {**self._asset(asset), "kind": kind, "time": time_of(at_ms), "at_ms": at_ms,
                         "balance": str(units), "balance_decimal": self._names.decimal(asset, units)})
            for asset, kind, units in sums.items()
        ]  # fmt: skip

    def _proofs(self, piece: Closing) -> list[Sequence[str]]:
        wrong = {asset for asset, *_ in piece.differences} | {asset for asset, _ in piece.unbalanced}
        return [
            _cells("proof", {**self._asset(asset), "kind": "differs" if asset in wrong else "proven",
                             "reference": "opening and entries are closing"})
            for asset in sorted({*piece.sums.assets(), *wrong})
        ]  # fmt: skip

    def _asset(self, asset: str) -> dict[str, str | int | None]:
        found = self._names
        return {"asset": asset, "symbol": found.symbol(asset), "decimals": found.decimals(asset)}


class JsonWriter:
    """{about, opening, entries, closing, proof}; what comes last says whether all of it holds."""

    def __init__(self, names: Names) -> None:
        self._names, self._begun = names, False

    def write(self, piece: Piece) -> str:
        match piece:
            case Opening():
                return self._opening(piece)
            case list():
                return self._lines(piece)
            case Closing():
                return self._closing(piece)
            case _ as never:
                assert_never(never)

    def _opening(self, piece: Opening) -> str:
        about = {
            "of": piece.scope.kind,
            "id": piece.scope.id,
            "from": time_of(piece.period.from_ms),
            "to": time_of(piece.period.to_ms),
            "from_ms": piece.period.from_ms,
            "to_ms": piece.period.to_ms,
        }
        opening = [self._standing(piece.sums, asset) for asset in piece.sums.assets()]
        return f'{{"about":{_json(about)},\n"opening":{_json(opening)},\n"entries":['

    def _lines(self, page: Sequence[Line]) -> str:
        text = ",\n".join(_json(fields_of(one, self._names)) for one in page)
        comma, self._begun = (",\n" if self._begun else "\n"), True
        return comma + text

    def _closing(self, piece: Closing) -> str:
        closing = [self._standing(piece.sums, asset) for asset in piece.sums.assets()]
        proof = {
            "proven": piece.is_proven,
            "entries": piece.entries,
            "moved": [self._standing(piece.moved, asset) for asset in piece.moved.assets()],
            "differences": [
                {"asset": asset, "kind": kind, "computed": str(computed), "stored": str(stored)}
                for asset, kind, computed, stored in piece.differences
            ],
            "unbalanced": [{"asset": asset, "units": str(units)} for asset, units in piece.unbalanced],
        }
        return f'],\n"closing":{_json(closing)},\n"proof":{_json(proof)}}}\n'

    def _standing(self, sums: Sums, asset: str) -> dict[str, object]:
        """`balances` by kind of account; `total`: what belongs to owners."""
        total = sums.owners(asset)
        return {
            "asset": asset,
            "symbol": self._names.symbol(asset),
            "decimals": self._names.decimals(asset),
            "balances": {kind: str(units) for kind, units in sums.of(asset).items()},
            "total": str(total),
            "total_decimal": self._names.decimal(asset, total),
        }


def _cells(row: str, fields: dict[str, str | int | None]) -> Sequence[str]:
    found = {"row": row, **{name: "" if value is None else str(value) for name, value in fields.items()}}
    return [found.get(column, "") for column in COLUMNS]


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([[safe(cell) for cell in row] for row in rows])
    return text.getvalue()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
