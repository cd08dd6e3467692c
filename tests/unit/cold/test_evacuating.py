"""The cold key signs coins on their way to the harbor, and nothing that would move an owner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.chains import publickeys
from keepcool.chains.accounts import child_key
from keepcool.chains.families import family_named
from keepcool.chains.family import terms_of
from keepcool.chains.minter.data import CreateMultisig, EditMultisig, Multisend, Owners, Send
from keepcool.chains.minter.payouts import burn, pay
from keepcool.chains.minter.signature import SINGLE
from keepcool.chains.minter.transaction import Transaction
from keepcool.chains.minter.wallets import Birth
from keepcool.cold import evacuating, main
from keepcool.cold.evacuating import Order, Signed
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord
from keepcool.core.verdict import Approved
from keepcool.hazmat import coinkeys, papers
from tests.unit.cold.test_cold_key import words_on

NETWORK = NetworkId("minter:2")
COIN, TOKEN = AssetId("minter:2/coin:0"), AssetId("minter:2/coin:1993")
HARBOR, THIEF, CREATOR = "Mx" + "5a" * 20, "Mx" + "7e" * 20, "Mx" + "c1" * 20


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = main.new(tmp_path_factory.mktemp("cold") / "paper", SystemClock(), SystemEntropy())
    return words_on(made.sheet)


def fresh(role: Role) -> OwnerKey:
    secret, public = coinkeys.new_key(SystemEntropy())
    secret.wipe()
    return OwnerKey(role, public.hex())


def record_of(words: str, number: int | None) -> WalletRecord:
    """A wallet whose cold key is this paper's: child `number`, or the one key of the shared layout."""
    paper = papers.opened(words, Role.COLD)
    pin = next(one.pin for one in paper.accounts if one.pin.family == "minter")
    shared = OwnerKey(Role.COLD, paper.public.hex(), papers.EVM_ORIGIN_PATH)
    paper.wipe()
    cold = shared if number is None else child_key(pin, number)
    record = WalletRecord(
        wallet=WalletId("w-1"),
        revision=2,
        previous="1" * 64,
        family="minter",
        network=NETWORK,
        profile=Birth(CREATOR, 5).profile,
        threshold=2,
        owners=(fresh(Role.HOT), fresh(Role.COOL), cold),
        address="",
        owner="u-1",
        user_key="",
        policy_class="",
        standing=Standing.PROVEN,
        made_at_s=1,
    )
    return replace(record, address=family_named("minter").derive_address(terms_of(record)))


def evacuation() -> Transaction:
    outputs = [Output(HARBOR, Amount(COIN, 5)), Output(HARBOR, Amount(TOKEN, 7))]
    return pay(network=NETWORK, nonce=3, outputs=outputs)


def ordered(words: str, record: WalletRecord, tx: Transaction, **more: int) -> Signed:
    return evacuating.sign(words, Order(record.encoded(), tx.preimage(), HARBOR, **more))


@pytest.mark.parametrize("number", [0, 77, None], ids=["child 0", "child 77", "shared"])
def test_an_evacuation_is_signed_by_the_wallets_cold_key(words: str, number: int | None) -> None:
    """Everything to the harbor: the signature is that of the key on the record, over this very draft."""
    record = record_of(words, number)
    made = ordered(words, record, evacuation())
    owner = record.key(Role.COLD).public_key
    assert made.public_key == owner
    publickeys.verify(evacuation().digest(), made.signature, publickeys.parse_public_key(owner))


SEIZED = Owners(1, (1,), (THIEF,))
DRAFTS: dict[str, Transaction] = {
    "owners replaced": replace(evacuation(), data=EditMultisig(SEIZED)),
    "another multisig": replace(evacuation(), data=CreateMultisig(SEIZED)),
    "to a stranger": replace(evacuation(), data=Send(0, THIEF, 5)),
    "partly to a stranger": replace(evacuation(), data=Multisend((Send(0, HARBOR, 5), Send(0, THIEF, 1)))),
    "to nobody": burn(wallet=THIEF, network=NETWORK, nonce=3),
    "at any price": replace(evacuation(), gas_price=11),
    "the fee in another coin": replace(evacuation(), gas_coin=7),
    "with bytes beside": replace(evacuation(), payload=b"x"),
    "on another chain": replace(evacuation(), chain_id=1),
    "as a single account": replace(evacuation(), signature_type=SINGLE),
}


@pytest.mark.parametrize("number", [3, None], ids=["children", "shared"])
@pytest.mark.parametrize("name", DRAFTS)
def test_nothing_else_is_signed(words: str, name: str, number: int | None) -> None:
    """Whatever a draft does besides, it is not signed, in either layout."""
    with pytest.raises(KeepcoolError) as caught:
        ordered(words, record_of(words, number), DRAFTS[name])
    assert caught.value.code == "cold.refused"


def test_twin_without_rules_the_owners_are_replaced(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rules switched off the paper signs the wallet away: they are what holds it back."""
    record, tx = record_of(words, None), DRAFTS["to a stranger"]
    monkeypatch.setattr(evacuating, "_rules", lambda _: (("any", lambda _: Approved("any")),))
    made = ordered(words, record, tx)
    publickeys.verify(tx.digest(), made.signature, publickeys.parse_public_key(made.public_key))


def test_other_words_sign_nothing(words: str, tmp_path: Path) -> None:
    """Words of another paper are told apart before anything is signed, in either layout."""
    other = words_on(main.new(tmp_path / "other", SystemClock(), SystemEntropy()).sheet)
    for number in (0, None):
        with pytest.raises(KeepcoolError) as caught:
            ordered(other, record_of(words, number), evacuation())
        assert caught.value.code == "cold.other_words"


def test_a_record_that_does_not_add_up_is_refused(words: str) -> None:
    """An address that does not come from its creation, and a wallet of another family."""
    record = record_of(words, 0)
    for changed, code in (
        (replace(record, address=THIEF), "cold.refused"),
        (replace(record, family="evm", network=NetworkId("eip155:1")), "cold.family"),
    ):
        with pytest.raises(KeepcoolError) as caught:
            ordered(words, changed, evacuation())
        assert caught.value.code == code


def test_a_fee_may_be_allowed_in_another_coin(words: str) -> None:
    """A wallet without the native coin pays its fee in what it has, when the person at the paper says so."""
    record, tx = record_of(words, 0), replace(evacuation(), gas_coin=1993, gas_price=20)
    assert ordered(words, record, tx, gas_coin=1993, gas_price_max=20).signature
