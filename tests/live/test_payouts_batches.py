"""Many payouts of one Safe in one transaction, on a real chain: who is paid, who is set aside, and what of it
survives crashes, reverts and stuck fees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keepcool.app.payouts.requests import Query
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.pools import rows
from keepcool.app.pools.rows import Marks
from keepcool.core import withdrawal_states as lives
from keepcool.core.faults import FaultPoint
from keepcool.core.intent import Intent
from keepcool.core.registry import WalletRecord
from tests.fixtures.chain import address_number
from tests.fixtures.evmscene import Scene, scene
from tests.unit.app.payouts.workshop import ETHER, Crash

pytestmark = pytest.mark.live
REFUSES = "60006000fd"  # whatever is sent to it
ON_CHAIN_ONLY = "3a15600a5760006000fd5b00"  # refuses where gas has a price: in no rehearsal
BURNS_ALL = "5b600056"
SWITCHED = "3615600b576001600055005b6000541560185760006000fd5b00"  # once it was called with data


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("batches")) as found:
        yield found


def deployed(at: Scene, runtime: str) -> str:
    """A contract of these bytes."""
    code = bytes.fromhex(runtime)
    return at.chain.deploy(bytes.fromhex(f"60{len(code):02x}80600b6000396000f3") + code)


def ordered(at: Scene, record: WalletRecord, name: str, recipients: list[str], units: int = 7) -> list[str]:
    """One withdrawal for each recipient, all waiting before the engine sees any."""
    names = [f"{name}-{number}" for number in range(len(recipients))]
    for one, to in zip(names, recipients, strict=True):
        at.shop.order(one, record.wallet, units, recipient=to, asset=at.token)
    return names


def read(at: Scene, names: list[str]) -> list[Withdrawal]:
    return [at.shop.read(one) for one in names]


def strangers(name: str, count: int) -> list[str]:
    return [address_number(int.from_bytes(name.encode()) * 100 + number) for number in range(count)]


def batches(at: Scene, record: WalletRecord) -> list[Withdrawal]:
    """Of a wallet, oldest first."""
    query = Query(wallet=record.wallet, kind=Kind.BATCH)
    return at.shop.store.transact(lambda tx: at.shop.desk.page(tx, query))[::-1]


def tokens(at: Scene, to: list[str]) -> list[int]:
    return [at.chain.balance(one, at.token_address) for one in to]


def test_what_waits_together_is_paid_together(at: Scene) -> None:
    """Withdrawals that wait for one Safe share one transaction, each is paid once, ledger equals chain."""
    record = at.wallet("together", tokens=500)
    to = strangers("together", 5)
    names = ordered(at, record, "tg", to)
    names.append(at.shop.order("tg-eth", record.wallet, ETHER, recipient=to[0]).id)
    at.ends(*names)
    paid = read(at, names)
    assert all(isinstance(one.state, lives.Confirmed) for one in paid), at.shop.told()
    assert len({one.transaction for one in paid}) == 1
    assert len({one.batch for one in paid}) == 1
    assert tokens(at, to) == [7] * 5
    assert at.chain.balance(to[0]) == ETHER
    assert at.agrees(record)
    assert at.shop.balance(f"held:{record.wallet}") == 0


def test_a_recipient_that_refuses_is_set_aside_and_the_rest_is_paid(at: Scene) -> None:
    """Whom the chain would not pay, or only for all the gas there is, never gets into a batch: it fails with
    the reason told, the others are paid at once and by one transaction."""
    record = at.wallet("aside")
    refuses, burns = deployed(at, REFUSES), deployed(at, BURNS_ALL)
    to = strangers("aside", 4)
    wanted = [to[0], refuses, to[1], burns, to[2], to[3]]
    names = [at.shop.order(f"as-{n}", record.wallet, 5, recipient=one).id for n, one in enumerate(wanted)]
    at.ends(*names)
    found = dict(zip(wanted, read(at, names), strict=True))
    assert {found[one].transaction for one in to} == {found[to[0]].transaction}
    assert all(isinstance(found[one].state, lives.Confirmed) for one in to)
    for one in (refuses, burns):
        failed = found[one].state
        assert isinstance(failed, lives.Failed), failed
        assert failed.code == "payout.reverts"
    assert at.chain.balance(to[3]) == 5
    assert "payout.set_aside" in at.shop.notes()
    assert at.agrees(record)
    assert at.shop.balance(f"held:{record.wallet}") == 0


def test_one_that_fails_only_on_chain_is_found_by_halves(at: Scene) -> None:
    """A batch that a block undoes is voided, split and paid again without whom it failed for: everybody else
    is paid exactly once."""
    record = at.wallet("chainonly")
    sly = deployed(at, ON_CHAIN_ONLY)
    to = strangers("chainonly", 3)
    wanted = [to[0], sly, to[1], to[2]]
    names = [at.shop.order(f"oc-{n}", record.wallet, 5, recipient=one).id for n, one in enumerate(wanted)]
    at.live(lambda: all(not lives.is_open(at.shop.state(name)) for name in names), 120)
    found = dict(zip(wanted, read(at, names), strict=True))
    assert isinstance(found[sly].state, lives.Failed), at.shop.told()
    assert all(isinstance(found[one].state, lives.Confirmed) for one in to)
    assert [at.chain.balance(one) for one in to] == [5] * 3
    assert at.chain.balance(sly) == 0
    assert at.agrees(record)


def test_one_that_refuses_after_it_was_signed_holds_up_nobody_for_ever(at: Scene) -> None:
    """What both have signed and would now revert is not sent: its nonce is burnt, and the others are paid."""
    record = at.wallet("midflight")
    switch = deployed(at, SWITCHED)
    to = strangers("midflight", 2)
    names = [
        at.shop.order(f"mf-{n}", record.wallet, 5, recipient=one).id for n, one in enumerate([switch, *to])
    ]
    at.shop.faults.at = FaultPoint.APP_SIGNED
    with pytest.raises(BaseExceptionGroup) as died:
        at.live(lambda: False)
    assert died.group_contains(Crash), died.value
    assert all(isinstance(one.state, lives.Signed) for one in read(at, names)), at.shop.told()
    at.chain.send(switch, data=b"1")
    at.live(lambda: all(not lives.is_open(at.shop.state(name)) for name in names), 120)
    first, *others = read(at, names)
    assert isinstance(first.state, lives.Failed), at.shop.told()
    assert all(isinstance(one.state, lives.Confirmed) for one in others)
    assert [at.chain.balance(one) for one in (switch, *to)] == [0, 5, 5]
    assert at.agrees(record)


@pytest.mark.parametrize(
    "point",
    [FaultPoint.APP_DRAFTED, FaultPoint.APP_PARTLY_SIGNED, FaultPoint.APP_PURSE_STORED, FaultPoint.APP_SENT],
)
def test_a_batch_interrupted_anywhere_pays_once(at: Scene, point: FaultPoint) -> None:
    """App dies in the middle of a batch and starts again: each is paid once."""
    record = at.wallet(f"dies-{point.value}"[:30], tokens=500)
    to = strangers(f"d{point.value[-6:]}", 3)
    names = ordered(at, record, f"di-{point.value}", to)
    at.shop.faults.at = point
    with pytest.raises(BaseExceptionGroup) as died:
        at.live(lambda: False)
    assert died.group_contains(Crash), died.value
    at.ends(*names)
    assert all(isinstance(one.state, lives.Confirmed) for one in read(at, names)), at.shop.told()
    assert tokens(at, to) == [7] * 3
    assert at.agrees(record)


def test_what_a_signer_refuses_is_found_by_halves(at: Scene) -> None:
    """A batch that a signer denies is split until the one is alone: he is refused, the others are paid."""
    record = at.wallet("denied", tokens=500)
    to = strangers("denied", 5)
    names = ordered(at, record, "dn", to)
    bad = to[3]

    def objection(intent: Intent) -> str:
        return "deny" if any(one.recipient == bad for one in intent.outputs) else ""

    at.shop.cooler.objects_to = objection
    try:
        at.live(lambda: all(not lives.is_open(at.shop.state(name)) for name in names), 120)
    finally:
        at.shop.cooler.objects_to = lambda _: ""
    states = [one.state for one in read(at, names)]
    assert isinstance(states[3], lives.Refused), at.shop.told()
    assert all(isinstance(state, lives.Confirmed) for state in states[:3] + states[4:])
    assert tokens(at, to) == [7, 7, 7, 0, 7]
    assert at.agrees(record)


def member_of(at: Scene, pool: WalletRecord, name: str) -> WalletRecord:
    """Of a pool, with a deposit that its treasury holds."""
    made = at.shop.issue(name)
    at.shop.store.transact(lambda tx: rows.add_member(tx, made.wallet, pool.wallet))
    at.chain.fund(pool.address, ETHER)
    at.shop.credit(made.wallet, ETHER)
    return made


def test_who_waits_for_people_keeps_no_other_member_of_his_pool_waiting(at: Scene) -> None:
    """A member's payment waits for an approval: others are paid at the treasury's nonce meanwhile. Approved,
    the same intent is signed at another nonce, and paid once."""
    pool = at.shop.issue("reviewed-pool")
    at.shop.store.transact(lambda tx: rows.insert_pool(tx, pool.wallet, pool.network, Marks(), 1))
    big, small = member_of(at, pool, "rv-big"), member_of(at, pool, "rv-small")
    to = strangers("reviewed", 3)
    waits = at.shop.order("rv-waits", big.wallet, 900, recipient=to[0]).id

    def objection(intent: Intent) -> str:
        return "review" if any(one.recipient == to[0] for one in intent.outputs) else ""

    signers = (at.shop.keeper, at.shop.cooler)
    for one in signers:
        one.objects_to = objection
    try:
        at.live(lambda: isinstance(at.shop.state(waits), lives.NeedsReview), 90)
        before, slot = at.shop.read(waits), at.shop.read(at.shop.read(waits).batch or "").slot
        paid = [at.shop.order(f"rv-{n}", small.wallet, 5, recipient=to[n]).id for n in (1, 2)]
        at.live(lambda: all(not lives.is_open(at.shop.state(name)) for name in paid), 90)
        assert all(isinstance(one.state, lives.Confirmed) for one in read(at, paid)), at.shop.told()
        assert isinstance(at.shop.state(waits), lives.NeedsReview)
    finally:
        for one in signers:
            one.objects_to = lambda _: ""
    at.live(lambda: not lives.is_open(at.shop.state(waits)), 90)
    after = at.shop.read(waits)
    assert isinstance(after.state, lives.Confirmed), at.shop.told()
    assert (after.batch, after.intent) == (before.batch, before.intent)
    assert (at.shop.read(after.batch or "").slot or 0) > (slot or 0)
    assert [at.chain.balance(one) for one in to] == [900, 5, 5]
    safe = [place for place in at.shop.keeper.slots if place[0] == pool.address]
    assert at.shop.keeper.slots == at.shop.cooler.slots
    assert len({at.shop.keeper.slots[place] for place in safe}) == len(safe)
    assert at.shop.is_balanced()
