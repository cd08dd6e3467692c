"""Whatever happened, and whatever the clock did: statements are proven, leave nothing out and tile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from keepcool.app.books import ledger, postings
from keepcool.app.books.accounts import side_of
from keepcool.app.books.people import create_user
from keepcool.app.books.registry import Asked, ask
from keepcool.app.statements import scope
from keepcool.app.store import Store, metadata
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, UserId, WalletId
from tests.fixtures.effort import examples
from tests.unit.app.statements.telling import told

NETWORK = NetworkId("eip155:1")
ASSETS = [AssetId("eip155:1/slip44:60"), AssetId("eip155:10/slip44:60")]
OWNERS = {"a": "ann", "b": "ann", "c": "cleo"}
MOVES = st.tuples(
    st.sampled_from(["deposit", "reverse", "hold", "release", "payout", "topup"]),
    st.integers(0, 4).map(str),
    st.sampled_from(sorted(OWNERS)),
    st.sampled_from(ASSETS),
    st.integers(1, 50) | st.just(2**200),
    st.integers(1, 100),
)
TIMES = st.lists(st.integers(0, 101), min_size=3, max_size=3, unique=True).map(sorted)


@contextmanager
def house() -> Iterator[Store]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    store = Store(engine)
    store.transact(_peopled)
    yield store
    store.close()


def _peopled(tx: Connection) -> None:
    for user in sorted(set(OWNERS.values())):
        create_user(tx, user=UserId(user), external_id=None, about={}, now_ms=1)
    for wallet, user in OWNERS.items():
        ask(tx, Asked(WalletId(wallet), UserId(user), NETWORK, "safe-1.5.0-l2", None, {}), 1)


def moved(store: Store, move: tuple[str, str, str, AssetId, int, int]) -> None:
    what, name, owner, asset, units, at_ms = move
    wallet = WalletId(owner)
    of_withdrawal = {"hold": ledger.hold, "release": ledger.release, "payout": ledger.settle_payout}

    def work(tx: Connection) -> int:
        if what == "deposit":
            return ledger.credit_deposit(
                tx, deposit=name, wallet=wallet, asset=asset, units=units, at_ms=at_ms
            )
        if what == "reverse":
            return ledger.reverse_deposit(
                tx, deposit=name, wallet=wallet, asset=asset, units=units, at_ms=at_ms
            )
        if what == "topup":
            return ledger.purse_topup(tx, network=NETWORK, asset=asset, units=units, source=name, at_ms=at_ms)
        step = of_withdrawal[what]
        return step(tx, withdrawal=name, wallet=wallet, asset=asset, units=units, at_ms=at_ms)

    try:
        store.transact(work)
    except Conflict:
        return  # what cannot be is not posted


@settings(max_examples=examples(20), deadline=None)
@given(moves=st.lists(MOVES, max_size=25), times=TIMES, page=st.integers(1, 7))
def test_statements_are_proven_and_tile(
    moves: list[tuple[str, str, str, AssetId, int, int]], times: list[int], page: int
) -> None:
    """Every statement's sums hold; two periods in a row are the long one, line by line; all wallets together
    are their user; all accounts together balance; what is left at the end is what the books say."""
    with house() as store:
        for move in moves:
            moved(store, move)
        first, middle, last = times
        for whose in (scope.of_everything(), scope.of_network(NETWORK), _user(store, "ann")):
            long = told(store, whose, first, last, page)
            one, two = told(store, whose, first, middle, page), told(store, whose, middle, last, page)
            assert all(part.closing.is_proven for part in (long, one, two))
            assert long.lines == one.lines + two.lines
            assert one.closing.sums.items() == two.opening.sums.items()
            assert all(size <= page for size in long.pages)
            assert [line.entry.id for line in long.lines] == sorted({line.entry.id for line in long.lines})
        ann = told(store, _user(store, "ann"), first, last)
        alone = [told(store, _wallet(store, name), first, last) for name in ("a", "b")]
        assert sorted(one.entry.id for one in ann.lines) == sorted(
            line.entry.id for part in alone for line in part.lines
        )
        _whole(store, page)


def _whole(store: Store, page: int) -> None:
    """From the first to the last moment: every entry once, and the balances of today."""
    everything = told(store, scope.of_everything(), 0, 1000, page)
    entries = store.transact(lambda tx: postings.entries(tx, limit=10_000))
    assert [line.entry for line in everything.lines] == entries
    assert not everything.opening.sums.items()
    for asset in everything.closing.sums.assets():
        assert everything.closing.sums.trial(asset) == 0
    for account in {one.account for one in entries}:
        mine: int = sum(one.delta * side_of(account).value for one in entries if one.account == account)
        assert mine == sum(store.transact(partial(postings.balances, account=account)).values())


def _user(store: Store, user: str) -> scope.Scope:
    return store.transact(lambda tx: scope.of_user(tx, user))


def _wallet(store: Store, wallet: str) -> scope.Scope:
    return store.transact(lambda tx: scope.of_wallet(tx, wallet))
