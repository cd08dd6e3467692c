"""The way out of each state in which a payout can stand still, on a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy import Connection

from keepcool.app.controls import suspensions
from keepcool.app.controls.suspensions import Kind, Wish
from keepcool.app.payouts import advice, notes, purses, store, urging
from keepcool.app.payouts.purses import Stage
from keepcool.app.payouts.store import Withdrawal
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Conflict
from keepcool.core.registry import WalletRecord
from tests.fixtures.evmscene import Scene, scene
from tests.unit.app.payouts.workshop import ETHER, NETWORK, RECIPIENT

pytestmark = pytest.mark.live
_NUMBERS = count()


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("stuck"), bump_after_s=3600, batch_max=1) as made:
        yield made


@pytest.fixture
def record(at: Scene) -> WalletRecord:
    return at.wallet(f"w{next(_NUMBERS)}")


def ordered(at: Scene, record: WalletRecord) -> str:
    name = f"wd{next(_NUMBERS)}"
    at.shop.order(name, record.wallet, ETHER)
    return name


def bump(at: Scene, name: str) -> Withdrawal:
    now_ms, networks = at.shop.clock.now_ms(), at.shop.settings.networks
    return at.shop.store.transact(lambda tx: urging.raise_now(tx, networks, name, now_ms))


def commands(at: Scene, name: str) -> tuple[str, ...]:
    return advice.of(at.shop.read(name)).commands


def is_sent(at: Scene, name: str) -> bool:
    return isinstance(at.shop.state(name), lives.Broadcast)


def paid(at: Scene) -> int:
    return at.chain.balance(RECIPIENT)


def test_one_that_no_block_takes_is_raised_by_hand(at: Scene, record: WalletRecord) -> None:
    """Not before its hour by itself; by hand at once, the lowest nonce first, and paid once."""
    first, before = ordered(at, record), paid(at)
    at.ends(first)  # deploys the wallet
    other = at.wallet(f"w{next(_NUMBERS)}")
    at.chain.ask("evm_setAutomine", False)
    second = ordered(at, record)
    at.live(lambda: is_sent(at, second), mining=False)
    behind = ordered(at, other)
    at.live(
        lambda: any(
            one.stage is Stage.SENT
            for one in at.shop.store.transact(lambda tx: urging.attempts_of(tx, store.get(tx, behind)))
        ),
        mining=False,
    )
    assert commands(at, second)[0] == f"keepcool payouts bump {second}"
    with pytest.raises(Conflict, match=f"for {second}") as caught:
        bump(at, behind)
    assert caught.value.code == "payout.not_lowest"
    assert len(at.attempts(second)) == 1
    bump(at, second)
    at.live(lambda: len(at.attempts(second)) == 2, mining=False)
    old, new = at.attempts(second)
    assert (old.nonce, new.fee_max > old.fee_max) == (new.nonce, True)
    at.chain.ask("evm_setAutomine", True)
    at.ends(second, behind)
    assert (paid(at) - before, at.agrees(record)) == (3 * ETHER, True)
    with pytest.raises(Conflict) as late:
        bump(at, second)
    assert late.value.code == "payout.not_waiting"


def test_one_of_a_suspended_user_waits_and_goes_on(at: Scene, record: WalletRecord) -> None:
    """The engine drafts nothing for him, says why, and pays once he is resumed."""
    name, before = ordered(at, record), paid(at)
    wish = Wish(Kind.USER, "owner", "a court order", "operator")
    at.shop.store.transact(lambda tx: suspensions.suspend(tx, wish, 1))
    at.live(lambda: "a court order" in (at.shop.read(name).problem or ""))
    assert isinstance(at.shop.state(name), lives.Requested)
    assert at.shop.balance(f"held:{record.wallet}") == ETHER

    def resumed(tx: Connection) -> None:
        suspensions.resume(tx, Kind.USER, "owner", reason="over", by="operator", at_ms=2)
        store.at_once(tx, name)

    at.shop.store.transact(resumed)
    at.ends(name)
    assert (paid(at) - before, at.agrees(record)) == (ETHER, True)


def test_a_frozen_one_is_thawed_and_paid_or_cancelled(at: Scene, record: WalletRecord) -> None:
    """A person stops two, lets one go and ends the other: one is paid, the other's amount is back."""
    one, other, before = ordered(at, record), ordered(at, record), paid(at)
    desk, transact = at.shop.desk, at.shop.store.transact
    transact(lambda tx: [desk.freeze(tx, name, "a call") for name in (one, other)])
    for name in (one, other):
        assert commands(at, name) == (f"keepcool payouts thaw {name}", f"keepcool payouts cancel {name}")
    transact(lambda tx: desk.thaw(tx, one))
    transact(lambda tx: desk.cancel(tx, other))
    at.ends(one, other)
    assert isinstance(at.shop.state(other), lives.Cancelled)
    assert (paid(at) - before, at.shop.balance(f"owed:{record.wallet}")) == (ETHER, 9 * ETHER)


def test_an_empty_purse_says_so_and_goes_on_when_it_is_filled(at: Scene, record: WalletRecord) -> None:
    """What both have signed waits, operators are told, and anybody's coins to its address let it go."""
    name, before, purse = ordered(at, record), paid(at), at.shop.purse.address
    kept = at.chain.balance(purse)
    at.chain.ask("anvil_setBalance", purse, "0x0")
    at.live(lambda: any(kind.startswith("purse.") for kind in at.shop.notes()))
    at.chain.ask("anvil_setBalance", purse, hex(kept))
    at.ends(name)
    assert paid(at) - before == ETHER
    found = at.shop.store.transact(lambda tx: notes.about(tx, [NETWORK, purse, name]))
    assert {one.kind.partition(".")[0] for one in found} <= {"purse", "payout"}
    assert not at.shop.store.transact(lambda tx: purses.in_stages(tx, NETWORK, (Stage.SENT,)))
