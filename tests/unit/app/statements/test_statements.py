"""Statements of account: what they show, what they prove, what spreadsheets make of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.books import open_books
from keepcool.app.books import ledger
from keepcool.app.books.people import create_user
from keepcool.app.books.registry import Asked, ask
from keepcool.app.books.tables import entry
from keepcool.app.config import AssetSettings
from keepcool.app.statements import cuts, scope, writing
from keepcool.app.statements.making import Piece
from keepcool.app.statements.scope import Scope
from keepcool.app.statements.shown import Names
from keepcool.app.store import Store
from keepcool.cli.main import main
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId, UserId, WalletId
from tests.unit.app.http.test_config import GOOD
from tests.unit.app.statements.telling import told

ETH, NETWORK = AssetId("eip155:31337/slip44:60"), NetworkId("eip155:31337")
NAMES = Names({ETH: AssetSettings(id=ETH, symbol="ETH", decimals=18)})
WALLET = WalletId("w1")
EVIL = "=cmd|'/c calc'!A1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "app.toml").write_text(GOOD, encoding="utf-8")
    made = Store(open_books(tmp_path / "app.sqlite"))
    made.create_tables()
    made.transact(lambda tx: create_user(tx, user=UserId("u1"), external_id=None, about={}, now_ms=1))
    made.transact(lambda tx: ask(tx, Asked(WALLET, UserId("u1"), NETWORK, "safe-1.5.0-l2", None, {}), 1))
    for name, units, at_ms in (("d1", 10**18, 10), ("d2", 5, 20)):
        credit(made, name, units, at_ms)
    for at_ms, step in ((30, ledger.hold), (40, ledger.settle_payout)):
        made.transact(partial(step, withdrawal=EVIL, wallet=WALLET, asset=ETH, units=4, at_ms=at_ms))
    yield made
    made.close()


def credit(store: Store, name: str, units: int, at_ms: int) -> None:
    store.transact(
        lambda tx: ledger.credit_deposit(tx, deposit=name, wallet=WALLET, asset=ETH, units=units, at_ms=at_ms)
    )


def of_user(store: Store) -> Scope:
    return store.transact(lambda tx: scope.of_user(tx, "u1"))


def text_of(store: Store, form: writing.Form, whose: Scope, from_ms: int = 15, to_ms: int = 50) -> str:
    found, writer = told(store, whose, from_ms, to_ms, 2), writing.writer_of(form, NAMES)
    lines = [found.lines[start : start + 2] for start in range(0, len(found.lines), 2)]
    pieces: list[Piece] = [found.opening, *lines, found.closing]
    return "".join(writer.write(piece) for piece in pieces)


def test_a_statement_says_what_was_what_happened_and_what_is(store: Store) -> None:
    """Opening, each entry with exact amounts in both units, closing, and the proof, as JSON."""
    found = json.loads(text_of(store, "json", of_user(store)))
    assert found["about"]["of"] == "user"
    assert found["opening"][0]["balances"] == {"owed": str(10**18)}
    assert found["opening"][0]["total_decimal"] == "1.000000000000000000"
    assert [(one["kind"], one["account"], one["amount"]) for one in found["entries"]] == [
        ("deposit", "owed:w1", "5"),
        ("hold", "held:w1", "4"),
        ("hold", "owed:w1", "-4"),
        ("payout", "held:w1", "-4"),
    ]
    assert found["entries"][0]["amount_decimal"] == "0.000000000000000005"
    assert found["entries"][0]["reference"] == "deposit:d2"
    assert found["closing"][0]["total"] == str(10**18 + 1)
    assert (found["proof"]["proven"], found["proof"]["entries"]) == (True, 4)


def test_the_table_has_the_same_rows_and_no_formula(store: Store) -> None:
    """CSV shows the same entries; a text that a spreadsheet would run is led by an apostrophe."""
    rows = list(csv.DictReader(io.StringIO(text_of(store, "csv", scope.of_everything()), newline="")))
    assert {row["row"] for row in rows} == {"opening", "entry", "closing", "proof"}
    assert [row["amount"] for row in rows if row["account"] == "owed:w1"] == ["5", "-4"]
    assert [row["kind"] for row in rows if row["row"] == "proof"] == ["proven"]
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "\t"))]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("  =1+1", "'  =1+1"),
        ("+49 30", "'+49 30"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\uff1d1", "'\uff1d1"),
        ("-5", "-5"),
        ("-0.5", "-0.5"),
        ("0x5FbD", "0x5FbD"),
        ("", ""),
    ],
)
def test_a_cell_is_no_formula(cell: str, shown: str) -> None:
    """Numbers stay numbers, whatever else could be run is text."""
    assert writing.safe(cell) == shown


def edited(store: Store) -> None:
    store.transact(lambda tx: tx.exec_driver_sql("DROP TRIGGER entry_no_update"))
    mine = (entry.c.account == "owed:w1", entry.c.posting == 2)
    store.transact(lambda tx: tx.execute(entry.update().where(*mine).values(units=7)))


def test_an_edited_entry_is_found(store: Store) -> None:
    """An entry changed under the ledger's feet leaves sums that do not hold; untouched they do."""
    assert told(store, of_user(store), 0, 50).closing.is_proven
    edited(store)
    closing = told(store, of_user(store), 0, 50).closing
    assert closing.differences == [(ETH, "owed", 10**18 + 3, 10**18 + 1)]


def test_what_comes_later_changes_no_statement(store: Store) -> None:
    """An entry written later, even by a clock set back, leaves an ended period's statement as it was."""
    before = text_of(store, "json", scope.of_everything(), 0, 30)
    credit(store, "late", 9, 25)
    assert text_of(store, "json", scope.of_everything(), 0, 30) == before


@pytest.mark.parametrize(("since", "until"), [(5, 5), (9, 3), (0, 101), (-1, 5)])
def test_a_period_that_is_none_is_refused(since: int, until: int) -> None:
    """Empty, reversed, negative and unfinished periods are refused."""
    with pytest.raises(Malformed):
        cuts.checked(since, until, 100)


def typed(tmp_path: Path, *words: str) -> int:
    return main(["app", "statement", "--config", str(tmp_path / "app.toml"), *words])


def test_the_command_writes_a_file_and_proves_it(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole house's statement goes into a new file, beside a running App; a file that is there stays."""
    out = tmp_path / "house.json"
    assert typed(tmp_path, "--house", "--format", "json", "--out", str(out)) == 0
    assert json.loads(out.read_text())["proof"]["proven"] is True
    assert "opening and entries make the closing" in capsys.readouterr().err
    kept = out.read_bytes()
    assert typed(tmp_path, "--house", "--out", str(out)) == 2
    assert out.read_bytes() == kept
    assert typed(tmp_path, "--user", "nobody") == 2
    assert typed(tmp_path, "--house", "--from", "yesterday") == 2
    edited(store)
    capsys.readouterr()
    assert typed(tmp_path, "--wallet", WALLET, "--to", "2026-01-01") == 1
    assert "DIFFERENCE" in capsys.readouterr().err
