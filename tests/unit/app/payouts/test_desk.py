"""The desk: what is refused at once and changes nothing, what is held, what can still be cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keepcool.app.deposits import events
from keepcool.app.deposits.events import Freezes
from keepcool.app.payouts import answers, purses, store, turns
from keepcool.app.payouts.purses import Purpose, Stage
from keepcool.app.payouts.requests import Query
from keepcool.app.payouts.store import Kind
from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_states as lives
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict, KeepcoolError, Malformed
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from tests.unit.app.payouts.workshop import ETHER, NATIVE, NETWORK, RECIPIENT, Workshop

pytestmark = pytest.mark.usefixtures("both_engines")

TOKEN = AssetId(f"{NETWORK}/erc20:0x5FbDB2315678afecb367f032d93F642f64180aa3")
DIGEST = "ab" * 32


@dataclass
class Till:
    shop: Workshop
    record: WalletRecord

    @property
    def wallet(self) -> WalletId:
        return self.record.wallet

    def order(
        self, name: str = "wd1", units: int = ETHER, wallet: str = "w1", **more: Any
    ) -> store.Withdrawal:
        return self.shop.order(name, WalletId(wallet), units, **more)

    def freeze(self, name: str = "wd1") -> store.Withdrawal:
        return self.shop.store.transact(lambda tx: self.shop.desk.freeze(tx, name, "a call from the bank"))

    def found(self, text: str) -> list[str]:
        return [one.id for one in self.shop.store.transact(lambda tx: self.shop.desk.find(tx, text))]

    def held(self) -> int:
        return self.shop.balance(f"held:{self.wallet}")

    def step(self, event: life.Event, name: str = "wd1", **columns: object) -> store.Withdrawal:
        return self.shop.store.transact(lambda tx: store.step(tx, name, event, 1, **columns))

    def draft(self, name: str = "wd1") -> None:
        slot = Slot(NETWORK, f"safe:{self.record.address}", 0)
        self.step(life.DraftMade(lives.Draft(slot, DIGEST)), name, digest=DIGEST, slot=0)

    def cancel(self, name: str = "wd1") -> store.Withdrawal:
        return self.shop.store.transact(lambda tx: self.shop.desk.cancel(tx, name))

    def attempt(self, name: str = "wd1") -> purses.Attempt:
        return self.shop.store.transact(
            lambda tx: purses.add(
                tx,
                network=NETWORK,
                account=RECIPIENT,
                nonce=purses.next_nonce(tx, NETWORK, RECIPIENT, 0),
                purpose=Purpose.EXECUTE,
                wallet=self.wallet,
                withdrawal=name,
                unsigned=b"bytes",
                fee_max=1,
                now_ms=1,
            )
        )


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    shop = Workshop(tmp_path, tokens=(TOKEN,))
    record = shop.issue("w1")
    shop.credit(record.wallet, 10 * ETHER)
    yield Till(shop, record)
    shop.close()


def test_a_request_holds_its_amount(till: Till) -> None:
    """The row and its hold come together, and the same order again is the same withdrawal."""
    one = till.order(external_id="order-7", metadata={"memo": "rent"})
    assert (one.state, till.held()) == (lives.Requested(), ETHER)
    assert till.order(external_id="order-7", metadata={"memo": "rent"}) == one
    assert till.order("another", external_id="order-7", metadata={"memo": "rent"}) == one
    assert till.held() == ETHER


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("zero", {"units": 0}, "amount.zero"),
    ("over 2^256", {"units": 2**256}, "amount.range"),
    ("over the balance", {"units": 11 * ETHER}, "withdrawal.balance"),
    ("an address without checksum", {"recipient": RECIPIENT.lower()}, "address.checksum"),
    (
        "another network's address",
        {"recipient": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"},
        "address.network",
    ),
    ("nobody's address", {"recipient": "0x" + 40 * "0"}, "address.reserved"),
    ("no address", {"recipient": ""}, "address.form"),
    ("an asset of elsewhere", {"asset": AssetId("eip155:1/slip44:60")}, "asset.unknown"),
    ("an unlisted token", {"asset": AssetId(f"{NETWORK}/erc20:{RECIPIENT}")}, "asset.unknown"),
    ("no asset", {"asset": "ETH"}, "id.form"),
    ("an unknown wallet", {"wallet": "nobody"}, "wallet.not_found"),
    ("no fee at all", {"fee_max": 0}, "withdrawal.fee_max"),
    ("more fee than the network's bound", {"fee_max": ETHER}, "withdrawal.fee_max"),
    ("a transfer to nowhere", {"kind": Kind.TRANSFER, "to_wallet": "nobody"}, "wallet.not_found"),
    ("a transfer to itself", {"kind": Kind.TRANSFER, "to_wallet": "w1"}, "withdrawal.to_itself"),
    ("a top-up of a purse not known yet", {"kind": Kind.TOPUP}, "purse.unknown"),
    ("a top-up with tokens", {"kind": Kind.TOPUP, "asset": TOKEN}, "topup.asset"),
    ("a void", {"kind": Kind.VOID}, "withdrawal.kind"),
]


@pytest.mark.parametrize(("changes", "code"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_refuses_what_can_never_be_paid_and_changes_nothing(
    till: Till, changes: dict[str, Any], code: str
) -> None:
    """Bad input is named by its code; no row, no hold."""
    with pytest.raises(KeepcoolError) as refused:
        till.order(**changes)
    assert refused.value.code == code
    assert till.held() == 0
    assert till.shop.store.transact(lambda tx: till.shop.desk.page(tx, Query())) == []


def test_a_name_stands_for_one_order(till: Till) -> None:
    """An external id or an id used for another order is a Conflict, and nothing more is held."""
    till.order(external_id="order-7")
    for name, more in (("wd1", {"units": 5}), ("wd2", {"units": 5, "external_id": "order-7"})):
        with pytest.raises(Conflict):
            till.order(name, **more)
    assert till.held() == ETHER


def test_a_wallet_that_is_its_own_recipient_is_refused(till: Till) -> None:
    """Paying oneself would only burn fees."""
    with pytest.raises(Malformed) as refused:
        till.order(recipient=till.record.address)
    assert refused.value.code == "withdrawal.to_itself"


def test_cancelling_before_a_signature_gives_the_hold_back(till: Till) -> None:
    """At once, and twice is once."""
    till.order()
    till.draft()
    assert isinstance(till.cancel().state, lives.Cancelled)
    assert isinstance(till.cancel().state, lives.Cancelled)
    assert till.held() == 0
    assert till.shop.is_balanced()


def test_cancelling_after_a_signature_holds_until_the_slot_is_burnt(till: Till) -> None:
    """A void is asked for in the same transaction; only its finality releases."""
    till.order()
    till.draft()
    till.step(life.SignatureMade(Service.KEEPER))
    assert isinstance(till.cancel().state, lives.Uncertain)
    assert till.cancel().state == till.shop.state("wd1")
    assert (till.held(), till.shop.read("wd1.v1").kind) == (ETHER, Kind.VOID)
    till.step(life.SlotUsed(lives.Inclusion("0x1", 1, "0x2")))
    assert isinstance(till.shop.state("wd1"), lives.Cancelled)
    assert till.held() == 0


def test_too_late_to_cancel_or_freeze_once_the_purse_was_asked(till: Till) -> None:
    """A purse transaction may be out: refused, and nothing changed; one that was declined does not count."""
    till.order()
    till.draft()
    for signer in (Service.KEEPER, Service.COOLER):
        till.step(life.SignatureMade(signer))
    made = till.attempt()
    for act in (till.cancel, till.freeze):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "withdrawal.too_late"
    assert till.held() == ETHER
    till.shop.store.transact(lambda tx: purses.update(tx, made.number, stage=Stage.DECLINED.value))
    assert isinstance(till.cancel().state, lives.Uncertain)


def test_frozen_and_thawed_it_goes_on_where_it_was(till: Till) -> None:
    """A freeze keeps the hold and the place."""
    till.order()
    till.freeze()
    assert till.shop.state("wd1") == lives.Frozen(lives.Requested(), "a call from the bank")
    assert till.shop.store.transact(lambda tx: till.shop.desk.thaw(tx, "wd1")).state == lives.Requested()
    assert till.held() == ETHER


def test_found_by_the_hash_of_its_safe_tx_and_of_its_transaction(till: Till) -> None:
    """Either leads to the withdrawal; another leads nowhere."""
    till.order()
    till.draft()
    till.step(life.Froze("x"), transaction="0x" + "cd" * 32)
    for text in ("0x" + "cd" * 32, "0x" + DIGEST, DIGEST, "0x" + DIGEST.upper()):
        assert till.found(text) == ["wd1"]
    assert till.found("0x" + "00" * 32) == []


def test_pages_go_newest_first_and_leave_voids_out(till: Till) -> None:
    """`after` is the number of the last one seen."""
    for n in range(4):
        till.order(f"wd{n}", 1)
    till.draft("wd0")
    till.step(life.SignatureMade(Service.KEEPER), "wd0")
    till.cancel("wd0")
    first = till.shop.store.transact(lambda tx: till.shop.desk.page(tx, Query(limit=3)))
    rest = till.shop.store.transact(lambda tx: till.shop.desk.page(tx, Query(after=first[-1].number)))
    assert [one.id for one in (*first, *rest)] == ["wd3", "wd2", "wd1", "wd0"]
    assert [one.id for one in till.shop.store.transact(
        lambda tx: till.shop.desk.page(tx, Query(kind=Kind.VOID))
    )] == ["wd0.v1"]  # fmt: skip


def test_one_turn_per_wallet(till: Till) -> None:
    """The oldest goes first; while it is on its way nobody else of the wallet is drafted."""

    def turn() -> str | None:
        opened = till.shop.store.transact(lambda tx: store.open_of_wallet(tx, till.wallet))
        found = turns.whose_turn(opened)
        return None if found is None else found.id

    till.order("wd1", 1)
    till.order("wd2", 1)
    assert turn() == "wd1"
    till.draft("wd1")
    assert turn() is None
    till.step(life.SignatureMade(Service.KEEPER))
    till.cancel("wd1")
    assert turn() == "wd1.v1"
    till.step(life.SlotUsed(lives.Inclusion("0x1", 1, "0x2")))
    till.draft("wd1.v1")
    assert turn() is None
    till.step(life.SlotUsed(lives.Inclusion("0x1", 1, "0x2")), "wd1.v1")
    assert turn() == "wd2"


def test_a_signer_that_was_asked_may_have_signed(till: Till) -> None:
    """Asked without an answer counts as signed; a no after the question does not."""
    till.order()

    def may() -> bool:
        return till.shop.store.transact(lambda tx: answers.may_be_signed(tx, "wd1"))

    assert not may()
    till.shop.store.transact(lambda tx: answers.asked(tx, Service.KEEPER, ["wd1"], 1))
    assert may()
    no = answers.Answer(Service.KEEPER, answers.Outcome.DENIED, None, (), "", None, 1)
    till.shop.store.transact(lambda tx: answers.put(tx, "wd1", no))
    assert not may()
    yes = answers.Answer(Service.KEEPER, answers.Outcome.SIGNED, b"s", (), "", 1, 1)
    till.shop.store.transact(lambda tx: answers.put(tx, "wd1", yes))
    till.shop.store.transact(lambda tx: answers.asked(tx, Service.KEEPER, ["wd1"], 1))
    assert till.shop.store.transact(lambda tx: answers.of(tx, "wd1"))[Service.KEEPER].signature == b"s"


def test_a_shortfall_stops_new_requests(till: Till) -> None:
    """What the chain showed of a wallet stands in the way; a freeze elsewhere does not."""
    till.shop.store.transact(
        lambda tx: events.record(
            tx, key="k", at_ms=1, network=NETWORK, code="c", text="t", wallet=WalletId("w2"),
            freezes=Freezes.WALLET,
        )
    )  # fmt: skip
    assert till.shop.store.transact(lambda tx: events.frozen(tx, NETWORK, till.wallet)) is None
    assert till.order().asset == NATIVE
