"""Batches with tokens that misbehave, and what people do to batches meanwhile, on a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from keepcool.app.payouts.store import Withdrawal
from keepcool.chains.evm import abi
from keepcool.chains.evm.purse import check_replacement
from keepcool.chains.evm.transaction import parse_unsigned
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Conflict
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import AssetId
from keepcool.core.intent import Intent, parse_intent
from keepcool.core.registry import WalletRecord
from tests.fixtures.chain import address_number
from tests.fixtures.evmscene import Scene, scene
from tests.unit.app.payouts.workshop import ETHER, NETWORK, Crash

pytestmark = pytest.mark.live
HOSTILE = ("FalseToken", "SilentToken", "FeeToken", "LyingFeeToken", "BlacklistingToken", "BurningToken")
REFUSED = ("FalseToken", "FeeToken", "LyingFeeToken", "BurningToken")


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("hostile"), HOSTILE, bump_after_s=2) as found:
        yield found


def asset_of(at: Scene, name: str) -> AssetId:
    return AssetId(f"{NETWORK}/erc20:{at.hostile[name].address}")


def held(at: Scene, record: WalletRecord, name: str, units: int) -> None:
    """Tokens of a hostile contract, on chain and credited."""
    at.hostile[name].mint(record.address, units)
    at.shop.credit(record.wallet, units, asset_of(at, name))


def ended(at: Scene, *names: str, timeout_s: float = 90) -> list[Withdrawal]:
    at.live(lambda: all(not lives.is_open(at.shop.state(name)) for name in names), timeout_s)
    return [at.shop.read(name) for name in names]


def interrupted(at: Scene, point: FaultPoint) -> None:
    at.shop.faults.at = point
    with pytest.raises(BaseExceptionGroup) as died:
        at.live(lambda: False)
    assert died.group_contains(Crash), died.value


def test_tokens_that_do_not_pay_in_full_are_left_out(at: Scene) -> None:
    """A token that says no, keeps a part, or burns all gas fails before anybody signs; one that says nothing
    and an honest one are paid, by one transaction."""
    record = at.wallet("tokens", tokens=100)
    for name in (*REFUSED, "SilentToken"):
        held(at, record, name, 1000)
    to = address_number(7_001)
    for name in (*REFUSED, "SilentToken"):
        at.shop.order(f"tk-{name}", record.wallet, 200, recipient=to, asset=asset_of(at, name))
    at.shop.order("tk-honest", record.wallet, 50, recipient=to, asset=at.token)
    *refused, silent, honest = ended(at, *(f"tk-{one}" for one in (*REFUSED, "SilentToken")), "tk-honest")
    assert isinstance(silent.state, lives.Confirmed), at.shop.told()
    assert honest.transaction == silent.transaction is not None
    for one in refused:
        assert isinstance(one.state, lives.Failed), at.shop.told()
        assert one.state.code == "payout.reverts"
        assert at.shop.balance(f"owed:{record.wallet}", one.asset) == 1000
    assert at.hostile["SilentToken"].held(to) == 200
    assert at.chain.balance(to, at.token_address) == 50
    assert at.agrees(record)


def test_one_that_is_blacklisted_after_it_was_signed_is_found(at: Scene) -> None:
    """A recipient that a token blocks while the batch is on its way fails; the others are paid once."""
    record = at.wallet("blocked")
    held(at, record, "BlacklistingToken", 1000)
    asset, to = asset_of(at, "BlacklistingToken"), [address_number(7_100 + n) for n in range(4)]
    names = [
        at.shop.order(f"bl-{n}", record.wallet, 10, recipient=one, asset=asset).id for n, one in enumerate(to)
    ]
    interrupted(at, FaultPoint.APP_SIGNED)
    at.hostile["BlacklistingToken"].send("list(address)", abi.address(to[2]))
    found = ended(at, *names)
    assert isinstance(found[2].state, lives.Failed), at.shop.told()
    assert [at.hostile["BlacklistingToken"].held(one) for one in to] == [10, 10, 0, 10]
    assert at.shop.balance(f"coins:{record.wallet}", asset) == 970
    assert at.hostile["BlacklistingToken"].held(record.address) == 970
    assert at.agrees(record)


def test_one_withdrawal_pays_several_by_one_intent(at: Scene) -> None:
    """`outputs` are one intent, which an owner signs once, and one transaction; one that cannot be paid
    spoils the whole, because it is one."""
    record = at.wallet("several", tokens=100)
    to = [address_number(7_200 + n) for n in range(3)]
    shared = tuple((one, 10 + n) for n, one in enumerate(to))
    at.shop.order("sv-1", record.wallet, 33, recipient="", outputs=shared, asset=at.token)
    at.shop.order("sv-2", record.wallet, 3, recipient="", outputs=((to[0], 1), (at.token_address, 2)))
    paid, refused = ended(at, "sv-1", "sv-2")
    assert isinstance(paid.state, lives.Confirmed), at.shop.told()
    assert isinstance(refused.state, lives.Failed), at.shop.told()
    assert [at.chain.balance(one, at.token_address) for one in to] == [10, 11, 12]
    assert at.chain.balance(to[0]) == 0
    carrier = at.shop.read(paid.batch or paid.id)
    intent = parse_intent(carrier.intent or b"")
    assert [(one.recipient, one.amount.units) for one in intent.outputs] == list(shared)
    assert at.agrees(record)


def test_whom_a_person_stops_is_taken_out_while_nobody_has_signed(at: Scene) -> None:
    """One frozen while his batch is drafted holds up nobody: the others are paid, he is once he is thawed."""
    record = at.wallet("stopped", tokens=100)
    to = [address_number(7_300 + n) for n in range(3)]
    names = [
        at.shop.order(f"st-{n}", record.wallet, 9, recipient=one, asset=at.token).id
        for n, one in enumerate(to)
    ]
    interrupted(at, FaultPoint.APP_DRAFTED)
    with pytest.raises(Conflict) as late:
        at.shop.store.transact(lambda tx: at.shop.desk.cancel(tx, names[0]))
    assert late.value.code == "withdrawal.too_late"
    at.shop.store.transact(lambda tx: at.shop.desk.freeze(tx, names[1], "look"))
    ended(at, names[0], names[2])
    assert [at.chain.balance(one, at.token_address) for one in to] == [9, 0, 9]
    at.shop.store.transact(lambda tx: at.shop.desk.thaw(tx, names[1]))
    (paid,) = ended(at, names[1])
    assert isinstance(paid.state, lives.Confirmed), at.shop.told()
    assert at.agrees(record)


def test_a_stuck_batch_is_raised_and_pays_once(at: Scene) -> None:
    """No block takes it: the same nonce with rising fees, until one attempt confirms; each is paid once."""
    record = at.wallet("stuck", tokens=100)
    at.shop.order("sk-0", record.wallet, 1)  # deploys it
    at.ends("sk-0")
    to = [address_number(7_400 + n) for n in range(3)]
    names = [
        at.shop.order(f"sk-{n + 1}", record.wallet, 9, recipient=one, asset=at.token).id
        for n, one in enumerate(to)
    ]
    at.chain.ask("evm_setAutomine", False)
    try:
        at.live(lambda: len(at.attempts(at.shop.read(names[0]).batch or "")) >= 2, 90, mining=False)
    finally:
        at.chain.ask("evm_setAutomine", True)
    raised = [parse_unsigned(one.unsigned) for one in at.attempts(at.shop.read(names[0]).batch or "")]
    for old, new in pairwise(raised):
        check_replacement(old, new)
    assert all(isinstance(one.state, lives.Confirmed) for one in ended(at, *names)), at.shop.told()
    assert [at.chain.balance(one, at.token_address) for one in to] == [9] * 3
    at.live(lambda: at.agrees(record), 90)
    assert at.shop.balance(f"owed:{record.wallet}") == 10 * ETHER - 1


def test_a_sum_that_a_signer_refuses_is_not_tried_again(at: Scene) -> None:
    """Batches above a signer's cap are refused a few times, not once for each halving, and later ones stay
    below it from the start."""
    record, cap = at.wallet("capped", tokens=1000), 50
    to = [address_number(7_500 + n) for n in range(10)]
    asked = list[int]()

    def objection(intent: Intent) -> str:
        asked.append(sum(one.amount.units for one in intent.outputs))
        return "deny" if asked[-1] > cap else ""

    at.shop.cooler.objects_to, at.shop.cooler.rule = objection, "cap_transaction"
    try:
        for begun, end in ((0, 8), (8, 10)):
            names = [
                at.shop.order(f"cp-{begun + n}", record.wallet, 10, recipient=one, asset=at.token).id
                for n, one in enumerate(to[begun:end])
            ]
            paid = ended(at, *names)
            assert all(isinstance(one.state, lives.Confirmed) for one in paid), at.shop.told()
    finally:
        at.shop.cooler.objects_to, at.shop.cooler.rule = lambda _: "", "test"
    assert [units for units in asked if units > cap] == [80]
    assert [at.chain.balance(one, at.token_address) for one in to] == [10] * 10
    assert at.agrees(record)
