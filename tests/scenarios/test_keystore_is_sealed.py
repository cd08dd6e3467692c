"""A sealed keystore gives no key: withdrawals wait, and finish when it is unsealed."""

from __future__ import annotations

import pytest

from tests.fixtures.installation import COIN, House, eventually

pytestmark = pytest.mark.live


@pytest.mark.parametrize("signer", ["keeper", "cooler"])
def test_sealed_nothing_is_signed_and_unsealed_it_is_paid(house: House, signer: str) -> None:
    """The keystore starts again sealed: that signer gives no signature and says why; unsealed it is paid
    once, without a restart of anything else."""
    payer, to, name = house.wallet(), house.outside(), f"{signer}-keystore"
    keystore = house.installation._keystores[name]
    house.stop(name)
    keystore.start()
    said_before = house.log_size("app")
    asked = house.client.withdraw(payer.id, house.eth, COIN, to)
    eventually(lambda: "sealed" in house.client.withdrawal(asked.id).reason, "nobody said that it is sealed")
    assert house.client.withdrawal(asked.id).state in ("drafted", "partly_signed"), house.log_since(
        "app", said_before
    )
    assert house.chain.balance(to) == 0
    house.installation._unseal(keystore)
    house.paid_once(asked, to, COIN)
