"""Payouts that are handled by hand while the engine is at them, nonces that are missing, nodes that disagree:
the ways out that the page names, on a real chain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import pytest

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.app.config import EvmSettings
from keepcool.app.deposits import events, running
from keepcool.app.deposits.follower import Follower
from keepcool.app.deposits.outflows import own_payouts
from keepcool.app.payouts import answers, purses, urging
from keepcool.app.payouts.answers import Outcome
from keepcool.app.payouts.evm import sending
from keepcool.app.payouts.purses import Purpose, Stage
from keepcool.app.payouts.store import Withdrawal
from keepcool.chains.evm.transaction import parse_unsigned
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Breach, Conflict
from keepcool.core.registry import WalletRecord
from keepcool.ports.evmnode import At, Holding
from keepcool.wire import messages
from tests.fixtures.evmscene import Scene, scene
from tests.unit.app.payouts.workshop import ETHER, NETWORK, RECIPIENT

pytestmark = pytest.mark.live
_NUMBERS = count()


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("meanwhile"), bump_after_s=3600, batch_max=1) as made:
        yield made


@pytest.fixture(scope="module")
def record(at: Scene) -> WalletRecord:
    """A wallet that stands on the chain, of all tests."""
    made = at.wallet(f"w{next(_NUMBERS)}")
    at.ends(ordered(at, made))
    return made


def ordered(at: Scene, record: WalletRecord) -> str:
    name = f"wd{next(_NUMBERS)}"
    at.shop.order(name, record.wallet, ETHER)
    return name


def while_keeper_signs(
    at: Scene, monkeypatch: pytest.MonkeyPatch, name: str, deed: Callable[[], object]
) -> None:
    """`deed` is done once, while both signers have been asked about this payment and nobody has answered."""
    done: list[object] = []

    def objects(intent: str) -> str:
        if intent == name and not done:
            done.append(deed())
        return ""

    monkeypatch.setattr(at.shop.keeper, "objects", objects)


def outcomes(at: Scene, name: str) -> list[Outcome]:
    return [one.outcome for one in at.shop.store.transact(lambda tx: answers.of(tx, name)).values()]


def is_sent(at: Scene, name: str) -> bool:
    return isinstance(at.shop.state(name), lives.Broadcast)


def paid(at: Scene) -> int:
    return at.chain.balance(RECIPIENT)


def test_frozen_while_it_is_signed_it_is_paid_once_it_is_thawed(
    at: Scene, record: WalletRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both signatures come while it is frozen: kept, and not sent; thawed it goes on with them."""
    before, name, transact = paid(at), ordered(at, record), at.shop.store.transact
    freeze = lambda: transact(lambda tx: at.shop.desk.freeze(tx, name, "a call"))  # noqa: E731
    while_keeper_signs(at, monkeypatch, name, freeze)
    at.live(lambda: outcomes(at, name) == [Outcome.SIGNED] * 2)
    assert (isinstance(at.shop.state(name), lives.Frozen), paid(at)) == (True, before)
    transact(lambda tx: at.shop.desk.thaw(tx, name))
    at.ends(name)
    assert isinstance(at.shop.state(name), lives.Confirmed)
    assert (paid(at) - before, at.agrees(record)) == (ETHER, True)


def test_frozen_while_it_is_signed_and_cancelled_its_amount_is_held_until_it_is_burnt(
    at: Scene, record: WalletRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both signatures exist, and whoever reads them could send it: its owner has nothing back before a void
    has taken its nonce."""
    before, owed = paid(at), at.shop.balance(f"owed:{record.wallet}")
    name, transact = ordered(at, record), at.shop.store.transact
    freeze = lambda: transact(lambda tx: at.shop.desk.freeze(tx, name, "a call"))  # noqa: E731
    while_keeper_signs(at, monkeypatch, name, freeze)
    at.live(lambda: outcomes(at, name) == [Outcome.SIGNED] * 2)
    transact(lambda tx: at.shop.desk.cancel(tx, name))
    assert isinstance(at.shop.state(name), lives.Uncertain)
    assert at.shop.balance(f"held:{record.wallet}") == ETHER
    at.ends(name, f"{name}.v1")
    assert isinstance(at.shop.state(name), lives.Cancelled)
    assert (paid(at), at.shop.balance(f"owed:{record.wallet}")) == (before, owed)
    assert at.agrees(record)


def test_cancelled_while_it_is_signed_it_is_never_paid(
    at: Scene, record: WalletRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The amount is back at once; the signatures that come all the same are burnt before the wallet's next
    payment, which alone is paid."""
    before, owed = paid(at), at.shop.balance(f"owed:{record.wallet}")
    name, transact = ordered(at, record), at.shop.store.transact
    cancel = lambda: transact(lambda tx: at.shop.desk.cancel(tx, name))  # noqa: E731
    while_keeper_signs(at, monkeypatch, name, cancel)
    at.live(lambda: outcomes(at, name) == [Outcome.SIGNED] * 2)
    assert isinstance(at.shop.state(name), lives.Cancelled)
    assert at.shop.balance(f"owed:{record.wallet}") == owed
    following = ordered(at, record)
    at.ends(following)
    assert isinstance(at.shop.state(f"{name}.v1"), lives.Confirmed)
    assert (paid(at) - before, at.agrees(record)) == (ETHER, True)


def test_raised_by_hand_while_it_is_being_raised_it_is_raised_once(
    at: Scene, record: WalletRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for again while Keeper signs the dearer one: two attempts and no third."""
    before, name, purse = paid(at), ordered(at, record), at.shop.purse
    at.chain.ask("evm_setAutomine", False)
    at.live(lambda: is_sent(at, name), mining=False)

    def bump() -> Withdrawal:
        now_ms, networks = at.shop.clock.now_ms(), at.shop.settings.networks
        return at.shop.store.transact(lambda tx: urging.raise_now(tx, networks, name, now_ms))

    signed, asked = purse._item, count()

    def signs(item: messages.PurseItem) -> messages.PurseSigned | messages.Declined:
        if next(asked) == 0:
            bump()
        return signed(item)

    monkeypatch.setattr(purse, "_item", signs)
    bump()
    at.live(lambda: [one.stage for one in at.attempts(name)][1:] == [Stage.SENT], mining=False)
    at.chain.ask("evm_setAutomine", True)
    at.ends(name)
    assert (len(at.attempts(name)), paid(at) - before, at.agrees(record)) == (2, ETHER, True)


def test_a_nonce_that_a_node_has_lost_is_sent_again_and_what_waited_for_it_goes_on(
    at: Scene, record: WalletRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool forgets the lower of two nonces, and no block takes the higher one: nothing is done by hand,
    the same bytes are sent again, and both are paid once."""
    other = at.wallet(f"w{next(_NUMBERS)}")
    at.ends(ordered(at, other))
    before = paid(at)
    at.chain.ask("evm_setAutomine", False)
    low = ordered(at, record)
    at.live(lambda: is_sent(at, low), mining=False)
    high = ordered(at, other)
    at.live(lambda: is_sent(at, high), mining=False)
    (lost,) = at.attempts(low)
    at.chain.ask("anvil_dropTransaction", lost.hash)
    at.chain.ask("evm_setAutomine", True)
    at.chain.mine(2)
    assert (at.chain.ask("eth_getTransactionByHash", lost.hash), paid(at)) == (None, before)
    monkeypatch.setattr(sending, "RESEND_AFTER_MS", 200)
    at.ends(low, high)
    assert ([one.hash for one in at.attempts(low)], paid(at) - before) == ([lost.hash], 2 * ETHER)
    assert at.agrees(record)


def test_a_nonce_that_app_does_not_know_is_filled_with_nothing(at: Scene, record: WalletRecord) -> None:
    """Keeper has signed a nonce of which App's books know nothing: it is told, an empty transaction of the
    purse to itself takes that nonce, and the payment behind it is paid."""
    purse, before = at.shop.purse, paid(at)
    missing = purse.next_nonce
    purse.forgotten, purse.next_nonce = {missing}, missing + 1
    name = ordered(at, record)
    at.ends(name)
    filled = at.shop.store.transact(lambda tx: purses.at_nonce(tx, NETWORK, purse.address, missing))
    taken = [one for one in filled if one.stage in (Stage.SEEN, Stage.FINAL)]
    assert [one.purpose for one in taken] == [Purpose.CANCEL]
    empty = parse_unsigned(taken[0].unsigned)
    assert (empty.to, empty.value, empty.data) == (purse.address, 0, b"")
    assert ("purse.nonce_gap" in at.shop.notes(), paid(at) - before) == (True, ETHER)
    at.live(lambda: at.agrees(record))


class Astray(HttpEvmNode):
    """The same chain, and other balances, until somebody has mended it."""

    mended = False

    async def balances(self, holdings: Sequence[Holding], at: At) -> list[int]:
        found = await super().balances(holdings, at)
        return found if self.mended else [one + ETHER for one in found]


def test_two_nodes_that_disagree_credit_nothing_until_the_wrong_one_is_found(at: Scene) -> None:
    """Told once as an alarm, and no payment of what was not credited; with the node mended and the alarm
    thawed the deposit is credited, and paid out."""
    record, table = at.shop.issue(f"w{next(_NUMBERS)}"), at.shop.settings.networks[NETWORK]
    assert isinstance(table, EvmSettings)
    transact, plan = at.shop.store.transact, running.plan_of(NETWORK, table)

    async def followed(*, mended: bool, known: bool = True) -> None:
        nodes = [kind(NETWORK, at.chain.url, SystemClock()) for kind in (HttpEvmNode, Astray)]
        Astray.mended = mended
        follower = Follower(plan, nodes, at.shop.store, SystemClock(), own_payouts)
        try:
            while (await follower.step()).busy:
                continue
        finally:
            await asyncio.gather(*(one.close() for one in nodes))

    asyncio.run(followed(mended=True))
    at.chain.fund(record.address, 10 * ETHER)
    at.chain.mine(3)
    with pytest.raises(Breach, match=r"node\.disagree"):
        asyncio.run(followed(mended=False))
    with pytest.raises(Conflict, match=r"withdrawal\.balance"):
        ordered(at, record)
    (alarm,) = transact(lambda tx: events.list_events(tx, limit=10))
    assert alarm.code == "node.disagree"
    asyncio.run(followed(mended=True))
    transact(lambda tx: events.thaw(tx, alarm.number, 1))
    before = paid(at)
    at.ends(ordered(at, record))
    assert (paid(at) - before, at.shop.balance(f"owed:{record.wallet}")) == (ETHER, 9 * ETHER)
