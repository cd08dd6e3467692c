"""The desk on Minter: what can be asked of a wallet that pays many recipients at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection

from keepcool.app.books import ledger, people, registry
from keepcool.app.books.registry import Asked
from keepcool.app.config import AssetSettings, MinterSettings
from keepcool.app.payouts.requests import Order, PayoutDesk
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId, UserId, WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import FixedClock, Signers

NETWORK = NetworkId("minter:2")
COIN = AssetId(f"{NETWORK}/coin:0")
OWN, BOB = "Mx" + "c3" * 20, "Mx" + "b2" * 20
RECORD = WalletRecord(
    wallet=WalletId("w1"),
    revision=2,
    previous="ab" * 32,
    family="minter",
    network=NETWORK,
    profile=f"multisig-v2:{BOB}:1",
    threshold=2,
    owners=(OwnerKey(Role.HOT, "02aa"), OwnerKey(Role.COOL, "02bb"), OwnerKey(Role.COLD, "02cc")),
    address=OWN,
    owner="owner",
    user_key="",
    policy_class="",
    standing=Standing.PROVEN,
    made_at_s=1,
)


@pytest.mark.parametrize("outputs", [((OWN, 5),), ((BOB, 3), (OWN, 2))], ids=["alone", "among others"])
def test_what_a_wallet_would_pay_itself_is_refused(
    tmp_path: Path, outputs: tuple[tuple[str, int], ...]
) -> None:
    """Such coins would leave the books and not the wallet. Nothing is held; the same to others is taken."""
    store, signers = Store(open_books(tmp_path / "app.db")), Signers()
    store.create_tables()
    table = MinterSettings(
        name="minter", node_urls=["-"], assets=[AssetSettings(id=COIN, symbol="MNT", decimals=18)]
    )
    desk = PayoutDesk({NETWORK: table}, Attesters(signers.peers), FixedClock())

    def wallet(tx: Connection) -> None:
        signed = {by.value: signers.sign(by, RECORD.encoded()) for by in (Service.KEEPER, Service.COOLER)}
        people.create_user(tx, user=UserId("owner"), external_id=None, about={}, now_ms=1)
        registry.ask(tx, Asked(RECORD.wallet, UserId("owner"), NETWORK, "multisig-v2", None, {}), 1)
        registry.store_record(tx, RECORD.wallet, record=RECORD.encoded(), address=OWN, **signed)
        registry.mark_registered(tx, [RECORD.wallet], 1)
        ledger.credit_deposit(tx, deposit="d", wallet=RECORD.wallet, asset=COIN, units=10**21, at_ms=1)

    def asked(name: str, outputs: tuple[tuple[str, int], ...]) -> None:
        order = Order(name, "w1", COIN, 5, outputs=outputs, again=tuple(to for to, _ in outputs))
        store.transact(lambda tx: desk.request(tx, order))

    store.transact(wallet)
    with pytest.raises(Malformed, match="the wallet itself"):
        asked("wd1", outputs)
    assert store.transact(lambda tx: ledger.balance(tx, "held:w1", COIN)) == 0
    asked("wd2", ((BOB, 5),))
    store.close()
