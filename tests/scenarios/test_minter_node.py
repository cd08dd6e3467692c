"""The Minter nodes go away, stand still, lie or talk nonsense: orders wait, nothing is lost or believed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from keepcool.client.http import fresh_key
from keepcool.core.errors import KeepcoolError
from tests.fixtures.installation import COIN, eventually
from tests.fixtures.minterhouse import MNT, NETWORK, MinterHouse

pytestmark = pytest.mark.live
LIARS = ["Mx" + 20 * pair for pair in ("66", "77", "88")]


def test_killed_with_a_payment_in_its_mempool_pays_once(minter: MinterHouse) -> None:
    """The nodes die with a payment that no block has yet and forget it: App sends the same one again, and it
    is paid once."""
    payer, to = minter.wallet(), minter.outside()
    minter.chain.faults(stalled=True)
    asked = minter.client.withdraw(payer.id, MNT, COIN, to)
    minter.waiting(payer)
    minter.chain.kill()
    eventually(lambda: _node(minter) != "ok", "the nodes' absence is not seen")
    assert minter.client.withdrawal(asked.id).state in ("signed", "broadcast", "uncertain")
    minter.chain.start()
    minter.paid_once(asked, to, COIN)


def test_while_they_are_away_orders_wait_and_reads_go_on(minter: MinterHouse) -> None:
    """Without nodes an order is taken, nothing is signed, balances are still told; then it is paid."""
    payer, to = minter.wallet(), minter.outside()
    minter.until_spares_stand()
    rows = minter.rows("keeper"), minter.rows("cooler")
    minter.chain.stop()
    asked = minter.client.withdraw(payer.id, MNT, COIN, to)
    eventually(lambda: _node(minter) != "ok", "the nodes' absence is not seen")
    assert minter.client.withdrawal(asked.id).state == "requested"
    assert minter.available(payer, MNT) == 8 * COIN
    assert (minter.rows("keeper"), minter.rows("cooler")) == rows
    minter.chain.start()
    minter.paid_once(asked, to, COIN)


def test_while_no_block_comes_a_payment_is_not_confirmed(minter: MinterHouse) -> None:
    """Standing still, the chain confirms nothing and credits nothing; when it goes on, everything happens
    once."""
    payer, to = minter.wallet(), minter.outside()
    with minter.stalled():
        asked = minter.client.withdraw(payer.id, MNT, COIN, to)
        minter.waiting(payer)
        minter.until_state(asked, "broadcast")
        minter.chain.control("/give", address=payer.address, pip=str(COIN))
        assert minter.available(payer, MNT) == 8 * COIN
    minter.paid_once(asked, to, COIN)


SICK: dict[str, dict[str, Any]] = {
    "catching up": {"catching_up": True},
    "nonsense": {"nonsense": {"/address": "[]", "/block": "{}", "/status": "hello"}},
    "errors": {"broken": {"/address": 500, "/block": 503, "/status": 500}},
}


@pytest.mark.parametrize("how", SICK)
def test_a_sick_node_is_waited_for(minter: MinterHouse, how: str) -> None:
    """One of two nodes catches up, talks nonsense or breaks: nothing is credited or drafted meanwhile, health
    says so, and afterwards all is there once."""
    payer, to = minter.wallet(), minter.outside()
    minter.mirror.faults(**SICK[how])
    minter.chain.fund(payer.address, COIN)
    eventually(lambda: _node(minter) != "ok", "the sickness is not seen")
    asked = minter.client.withdraw(payer.id, MNT, COIN, to)
    assert minter.client.withdrawal(asked.id).state == "requested"
    assert minter.available(payer, MNT) == 8 * COIN
    minter.mend()
    minter.paid_once(asked, to, COIN)


LIES: dict[str, Callable[[list[str]], object]] = {
    "other owners": lambda _: _multisig(2, LIARS),
    "another threshold": lambda owners: _multisig(1, owners),
    "no multisig": lambda _: None,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_owners_attests_nothing(minter: MinterHouse, lie: str) -> None:
    """Both nodes show finished wallets with other owners than their records': Cooler attests none, no address
    is shown; when they are honest, it is."""
    minter.until_spares_stand()
    told = {one: LIES[lie](list(minter.chain.multisig(one)[1])) for one in minter.spares()}
    for face in (minter.chain, minter.mirror):
        face.faults(owners=told)
    rows, user, key = minter.rows("cooler"), minter.client.make_user().id, fresh_key()
    with suppress(KeepcoolError):
        minter.ask_wallet(user, key)
    (hidden,) = minter.client.read.wallets(user)
    assert hidden.address is None
    assert hidden.record_bytes is None
    assert not hidden.attestations
    assert minter.rows("cooler") == rows
    minter.mend()
    minter.until_shown(hidden)
    assert minter.chain.multisig(minter.client.wallet(hidden.id).address)[0] == 2


def test_one_node_alone_cannot_prove_a_wallet(minter: MinterHouse) -> None:
    """One of two nodes denies that a wallet stands: it is attested only when both show it."""
    minter.until_spares_stand()
    minter.mirror.faults(owners=dict.fromkeys(minter.spares()))
    user = minter.client.make_user().id
    with suppress(KeepcoolError):
        minter.ask_wallet(user, fresh_key())
    (hidden,) = minter.client.read.wallets(user)
    assert hidden.address is None
    minter.mend()
    minter.until_shown(hidden)


def _multisig(threshold: int, owners: list[str]) -> dict[str, object]:
    return {"threshold": str(threshold), "weights": ["1"] * len(owners), "addresses": owners}


def _node(minter: MinterHouse) -> str:
    health = minter.installation.health() or {}
    return health.get(f"node {NETWORK}", "")
