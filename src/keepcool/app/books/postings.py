"""The double-entry ledger: postings of signed lines that sum to zero per asset.

A line's delta is a debit when positive, a credit when negative. One key is posted once. No account goes
below zero on its own side (`accounts`). Every function runs inside the caller's transaction and
leaves nothing behind when it raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, Select, select

from keepcool.app.books import accounts
from keepcool.app.books import totals as pool_totals
from keepcool.app.books.accounts import Side, side_of
from keepcool.app.books.tables import balance_row, entry, posting
from keepcool.app.upserts import upsert
from keepcool.core import canonical
from keepcool.core.errors import Conflict, Malformed
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.money import UNITS_LIMIT

LINES_MAX = 200
_ROWS_AT_ONCE = 10_000
_POSTING_CONTEXT = b"keepcool-posting-v1"


@dataclass(frozen=True, slots=True)
class Line:
    """`delta` base units: debit positive, credit negative, never zero."""

    account: str
    asset: AssetId
    delta: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One posted line. `balance` is the account's, on its own side, right after it."""

    id: int
    posting: int
    key: str
    kind: str
    at_ms: int
    wallet: str | None
    account: str
    asset: AssetId
    delta: int
    balance: int
    reference: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in the books that is not what the entries say; `stored` and `computed` in base units."""

    what: str
    asset: str
    stored: int
    computed: int


def post(
    tx: Connection,
    *,
    key: str,
    kind: str,
    lines: Sequence[Line],
    at_ms: int,
    wallet: str | None = None,
    reference: Mapping[str, str] | None = None,
) -> int:
    """The posting's id. The same key with the same lines gives the same id again and changes nothing.

    Raises Malformed when lines do not balance, Conflict `ledger.key_reused` when the key stands for
    other lines, `ledger.overdrawn` when an account would go below zero.
    """
    merged = _merged(lines)
    digest = _digest(kind, merged)
    known = tx.execute(select(posting.c.id, posting.c.digest).where(posting.c.key == key)).one_or_none()
    if known is not None:
        if known.digest != digest:
            raise Conflict("ledger.key_reused", f"{key} is already posted with other lines")
        return int(known.id)
    after = _moved(tx, merged)  # before any write: what raises here has changed nothing
    row = {"key": key, "kind": kind, "at_ms": at_ms, "wallet": wallet, "digest": digest}
    text = canonical.encode(dict(reference or {})).decode("ascii")
    done = tx.execute(posting.insert().values(**row, reference=text)).inserted_primary_key
    if done is None:
        raise Conflict("ledger.insert", f"{key} was not stored")
    number = int(done[0])
    for line, units in zip(merged, after, strict=True):
        _write(tx, number, line, units)
    pool_totals.moved(
        tx, [(line.account, line.asset, line.delta * side_of(line.account).value) for line in merged]
    )
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What `post` takes."""

    key: str
    kind: str
    lines: tuple[Line, ...]
    at_ms: int
    wallet: str
    reference: Mapping[str, str]


def post_all(tx: Connection, some: Sequence[Posting]) -> None:
    """As `post` of each in this order, in a few statements for all; raises the same, and then nothing is
    posted."""
    merged = {one.key: _merged(one.lines) for one in some}
    digests = {one.key: _digest(one.kind, merged[one.key]) for one in some}
    known = _known(tx, list(merged))
    for key, (_, digest) in known.items():
        if digest != digests[key]:
            raise Conflict("ledger.key_reused", f"{key} is already posted with other lines")
    new = list({one.key: one for one in some if one.key not in known}.values())
    accounts_of = sorted({line.account for one in new for line in merged[one.key]})
    before = {(account, asset): held for account, asset, held in balances_of(tx, accounts_of)}
    units = dict(before)
    lines = [(one.key, line, _after(units, line)) for one in new for line in merged[one.key]]
    if lines:
        numbers = _inserted(tx, new, digests)
        tx.execute(entry.insert(), [_entry_of(numbers[key], line, left) for key, line, left in lines])
        changed = sorted({(line.account, line.asset) for _, line, _ in lines})
        _keep(tx, [(*where, units[where]) for where in changed])
        pool_totals.moved(tx, [(*where, units[where] - before.get(where, 0)) for where in changed])


def is_posted(tx: Connection, key: str) -> bool:
    return tx.execute(select(posting.c.id).where(posting.c.key == key)).one_or_none() is not None


def lines_of(tx: Connection, key: str) -> list[Line]:
    """What was posted under this key; nothing where nothing was."""
    query = select(entry).join(posting, posting.c.id == entry.c.posting).where(posting.c.key == key)
    rows = tx.execute(query.order_by(entry.c.id))
    return [Line(row.account, AssetId(row.asset), row.sign * row.units) for row in rows]


def balance(tx: Connection, account: str, asset: AssetId) -> int:
    """Base units on the account's own side; zero for an account never used."""
    side_of(account)
    where = (balance_row.c.account == account, balance_row.c.asset == asset)
    return int(tx.execute(select(balance_row.c.units).where(*where)).scalar_one_or_none() or 0)


def balances(tx: Connection, account: str) -> dict[AssetId, int]:
    """Every asset the account has ever held, in the order of its name."""
    rows = tx.execute(
        select(balance_row.c.asset, balance_row.c.units)
        .where(balance_row.c.account == account)
        .order_by(balance_row.c.asset)
    )
    return {AssetId(row.asset): int(row.units) for row in rows}


def balances_of(tx: Connection, names: Sequence[str]) -> Iterator[tuple[str, AssetId, int]]:
    """(account, asset, base units) of every balance row of these accounts."""
    for start in range(0, len(names), 500):
        chosen = balance_row.c.account.in_(names[start : start + 500])
        for row in tx.execute(select(balance_row).where(chosen).order_by(balance_row.c.asset)):
            yield row.account, AssetId(row.asset), int(row.units)


def entries(
    tx: Connection,
    *,
    limit: int,
    wallets: Sequence[str] | None = None,
    account: str | None = None,
    asset: str | None = None,
    after: int | None = None,
    newest_first: bool = False,
    narrowed: Sequence[ColumnElement[bool]] = (),
) -> list[Entry]:
    """At most `limit` entries beyond the entry id `after`, in the order asked for."""
    query = _entry_query().where(*narrowed).limit(limit)
    if wallets is not None:
        query = query.where(posting.c.wallet.in_(wallets))
    if account is not None:
        query = query.where(entry.c.account == account)
    if asset is not None:
        query = query.where(entry.c.asset == asset)
    if after is not None:
        query = query.where(entry.c.id < after if newest_first else entry.c.id > after)
    query = query.order_by(entry.c.id.desc() if newest_first else entry.c.id)
    return [
        Entry(
            id=row.id,
            posting=row.posting,
            key=row.key,
            kind=row.kind,
            at_ms=row.at_ms,
            wallet=row.wallet,
            account=row.account,
            asset=AssetId(row.asset),
            delta=row.sign * row.units,
            balance=row.balance,
            reference={
                str(name): str(value)
                for name, value in canonical.decode(row.reference.encode(), "reference").items()
            },
        )
        for row in tx.execute(query)
    ]


def check_books(tx: Connection) -> list[Difference]:
    """Recompute everything from the entries: each posting sums to zero per asset, each balance row is the
    sum of its entries and not below zero, each pool's total that of its members. Empty when all is right."""
    sums: dict[tuple[str, str], int] = {}
    wrong: list[Difference] = []
    rows = tx.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(entry).order_by(entry.c.posting))
    for number, lines in groupby(rows, key=lambda row: int(row.posting)):
        totals: dict[str, int] = {}
        for row in lines:
            delta = row.sign * row.units
            where: tuple[str, str] = (row.account, row.asset)
            sums[where] = sums.get(where, 0) + delta * side_of(row.account).value
            totals[row.asset] = totals.get(row.asset, 0) + delta
        wrong += [Difference(f"posting {number}", one, total, 0) for one, total in totals.items() if total]
    stored: dict[tuple[str, str], int] = {
        (row.account, row.asset): int(row.units) for row in tx.execute(select(balance_row))
    }
    for where in sorted(stored.keys() | sums.keys()):
        cached, computed = stored.get(where, 0), sums.get(where, 0)
        if cached != computed:
            wrong.append(Difference(*where, cached, computed))
    wrong += [Difference(*one) for one in pool_totals.differences(tx, sums)]
    return wrong


def wallet_short(tx: Connection, wallet: WalletId) -> dict[AssetId, int]:
    """What is missing after a credited deposit vanished; a wallet with anything here pays nothing out."""
    return {asset: units for asset, units in balances(tx, accounts.short(wallet)).items() if units}


def _merged(lines: Sequence[Line]) -> list[Line]:
    sums: dict[tuple[str, AssetId], int] = {}
    totals: dict[AssetId, int] = {}
    for line in lines:
        if type(line.delta) is not int or not 0 < abs(line.delta) < UNITS_LIMIT:
            raise Malformed("ledger.line", "a line moves between 1 and 2**256 - 1 base units")
        side_of(line.account)
        sums[line.account, line.asset] = sums.get((line.account, line.asset), 0) + line.delta
        totals[line.asset] = totals.get(line.asset, 0) + line.delta
    if not 2 <= len(lines) <= LINES_MAX or any(totals.values()):
        raise Malformed("ledger.unbalanced", "a posting has 2 or more lines that sum to zero per asset")
    # one order for everybody: of two postings neither waits for the other's rows
    return [Line(account, asset, delta) for (account, asset), delta in sorted(sums.items()) if delta]


def _digest(kind: str, lines: Sequence[Line]) -> str:
    rows = [[line.account, line.asset, str(line.delta)] for line in lines]
    return canonical.digest(_POSTING_CONTEXT, canonical.encode({"kind": kind, "lines": rows})).hex()


def _moved(tx: Connection, lines: Sequence[Line]) -> list[int]:
    units = {(line.account, line.asset): balance(tx, line.account, line.asset) for line in lines}
    return [_after(units, line) for line in lines]


def _after(units: dict[tuple[str, AssetId], int], line: Line) -> int:
    """The balance after this line, which `units` has from then on."""
    before = units.get((line.account, line.asset), 0)
    after = before + line.delta * side_of(line.account).value
    if after < 0:
        text = f"{line.account}: balance is {before}, {before - after} needed"
        raise Conflict("ledger.overdrawn", text, balance=str(before), needed=str(before - after))
    if after >= UNITS_LIMIT:
        raise Conflict("ledger.overflow", f"{line.account}: would exceed 2**256 - 1 base units")
    units[line.account, line.asset] = after
    return after


def _known(tx: Connection, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Of those that are posted: number and digest."""
    found: dict[str, tuple[int, str]] = {}
    for start in range(0, len(keys), 500):
        query = select(posting.c.key, posting.c.id, posting.c.digest)
        rows = tx.execute(query.where(posting.c.key.in_(keys[start : start + 500])))
        found |= {row.key: (int(row.id), row.digest) for row in rows}
    return found


def _inserted(tx: Connection, some: Sequence[Posting], digests: Mapping[str, str]) -> dict[str, int]:
    """The number each key was given, growing in this order."""
    rows = [
        {
            "key": one.key,
            "kind": one.kind,
            "at_ms": one.at_ms,
            "wallet": one.wallet,
            "digest": digests[one.key],
            "reference": canonical.encode(dict(one.reference)).decode("ascii"),
        }
        for one in some
    ]
    tx.execute(posting.insert(), rows)
    return {key: number for key, (number, _) in _known(tx, [one.key for one in some]).items()}


def _entry_of(number: int, line: Line, units: int) -> dict[str, object]:
    sign = Side.DEBIT if line.delta > 0 else Side.CREDIT
    return {
        "posting": number,
        "account": line.account,
        "asset": line.asset,
        "sign": sign.value,
        "units": abs(line.delta),
        "balance": units,
    }


def _write(tx: Connection, number: int, line: Line, units: int) -> None:
    tx.execute(entry.insert().values(**_entry_of(number, line, units)))
    _keep(tx, [(line.account, line.asset, units)])


def _keep(tx: Connection, balances: Sequence[tuple[str, AssetId, int]]) -> None:
    row = upsert(balance_row)
    kept = row.on_conflict_do_update(index_elements=["account", "asset"], set_={"units": row.excluded.units})
    tx.execute(kept, [{"account": one, "asset": asset, "units": units} for one, asset, units in balances])


def _entry_query() -> Select[tuple[object, ...]]:
    return select(
        entry, posting.c.key, posting.c.kind, posting.c.at_ms, posting.c.wallet, posting.c.reference
    ).join(posting, posting.c.id == entry.c.posting)
