"""A pool's users come back by the word of whoever runs the pool, and by nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.app.rebuilding import members
from keepcool.app.rebuilding.members import Word
from keepcool.core.errors import Malformed
from keepcool.core.ids import WalletId
from tests.fixtures.bitcoinrecords import OWN, bitcoin_record
from tests.unit.app.deposits.paperbitcoin import payment
from tests.unit.app.rebuilding.house import LostApp, address, script

pytestmark = pytest.mark.usefixtures("both_engines")

POOL = bitcoin_record("pool", owner="house")


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[LostApp]:
    app = LostApp(tmp_path)
    app.signers.keep(POOL, 9)
    app.signers.keep(bitcoin_record("own", profile=OWN, number=1, owner="zoe"))
    app.restore()
    yield app
    app.close()


def word(wallet: str, user: str, index: int) -> Word:
    return Word(wallet, user, address(script(POOL, index)))


def codes(lost: LostApp, *words: Word) -> list[str]:
    return [error.code for _, error in lost.claim(*words).refused]


def test_what_came_in_is_its_users_again(lost: LostApp) -> None:
    """Said before the chain is read: two users' wallets, one with a second address, are served with both
    attestations, and their deposits are theirs; the rest is the pool's own. Said again, nothing changes."""
    words = (word("alice", "u-alice", 3), word("alice", "u-alice", 5), word("bob", "u-bob", 4))
    assert (lost.claim(*words).given, lost.claim(*words).given) == (3, 0)
    amounts = {3: 10_000, 5: 20_000, 4: 40_000, 6: 80_000}
    lost.node.mine(payment([(script(POOL, index), sat) for index, sat in amounts.items()]), blocks=3)
    done = lost.rescan()
    assert [lost.owed(name) for name in ("alice", "bob", "pool")] == [30_000, 40_000, 80_000]
    assert (done.is_even, lost.books_balance()) == (True, True)
    shown = lost.store.transact(lambda tx: lost.attesters.wallet(tx, "alice"))
    assert (shown.address, shown.stored.asked.user) == (address(script(POOL, 3)), "u-alice")


def test_what_is_somebodys_stays_his(lost: LostApp) -> None:
    """An address that is another's, one no pool has, a wallet of another user or of its owner alone: each is
    refused by itself, and what stands beside it is done."""
    lost.claim(word("alice", "u-alice", 3))
    assert codes(lost, word("mallory", "u-mallory", 3)) == ["restore.given_twice"]
    assert codes(lost, word("alice", "u-mallory", 4)) == ["restore.given_other"]
    assert codes(lost, Word("eve", "u-eve", address(script(POOL, 10)))) == ["restore.no_address"]
    own = Word("eve", "u-eve", bitcoin_record("own", profile=OWN, number=1).address)
    assert codes(lost, own) == ["restore.no_address"]
    assert codes(lost, word("own", "zoe", 5)) == ["idempotency.key_reused"]
    mixed = lost.claim(word("mallory", "u-mallory", 3), word("carol", "u-carol", 7))
    assert (mixed.given, len(mixed.refused)) == (1, 1)
    shown = lost.store.transact(lambda tx: lost.attesters.wallet(tx, WalletId("alice")))
    assert shown.stored.asked.user == "u-alice"


def test_coins_that_are_booked_do_not_change_hands_by_a_word(lost: LostApp) -> None:
    """Once a coin has come to an address and is the pool's own, it is transferred, not claimed."""
    lost.node.mine(payment([(script(POOL, 3), 10_000)]), blocks=3)
    lost.rescan()
    assert codes(lost, word("alice", "u-alice", 3)) == ["restore.given_late"]
    assert lost.owed("pool") == 10_000


@pytest.mark.parametrize(
    "line", [b"{", b'{"wallet":"w","user":"u"}', b'{"wallet":"w","user":"u","address":"a","more":1}']
)
def test_a_file_that_is_none_is_refused_whole(line: bytes) -> None:
    """Not JSON, a field missing, a field too many."""
    good = b'{"wallet":"w","user":"u","address":"a"}\n'
    assert len(members.parse(good + b"\n" + good)) == 2
    with pytest.raises(Malformed, match=r"restore\.given"):
        members.parse(good + line)
