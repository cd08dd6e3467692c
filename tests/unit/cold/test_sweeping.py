"""A paper signs Bitcoin's coins on their way to the harbor, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.chains.accounts import AccountPin, child_key
from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.bip45 import CHANGE
from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.psbt import encode_psbt, parse_psbt
from keepcool.chains.bitcoin.restoring import KeptWallet, backup_of, flat
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.transaction import TxOutput, encode, parse_transaction
from keepcool.chains.bitcoin.wallets import profile_of, wallet_of
from keepcool.chains.family import terms_of
from keepcool.cold import sweeping
from keepcool.cold.sweeping import Holder, Signed, Terms
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.ids import WalletId
from keepcool.core.registry import NO_PREVIOUS, Role, Standing, WalletRecord
from keepcool.core.verdict import Approved
from keepcool.hazmat import hotseeds, papers
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import draft
from tests.unit.hazmat.test_papers import ABANDON_ART, LETTERS
from tests.unit.keeper.bitcoin_house import COIN_SAT, LITECOIN, coins_of

COOL_WORDS, COLD_WORDS = ABANDON_ART, LETTERS
OTHER_WORDS = " ".join(["zoo"] * 23 + ["vote"])
HARBOR = address.spell(LITECOIN, b"\x00\x14" + b"\x5a" * 20)
THIEF = address.spell(LITECOIN, b"\x00\x14" + b"\x7e" * 20)


def pin_of(words: str, role: Role) -> AccountPin:
    paper = papers.opened(words, role)
    paper.wipe()
    return next(one.pin for one in paper.accounts if one.pin.family == "bitcoin")


def record_of(number: int | None = 7, kind: ScriptKind = ScriptKind.P2WSH) -> WalletRecord:
    """Cool and cold from the papers, hot from a seed nobody keeps. A pool without a number."""
    seed, hot = hotseeds.new_seed(SystemEntropy(), "bitcoin", number)
    seed.wipe()
    cool = child_key(pin_of(COOL_WORDS, Role.COOL), number)
    cold = child_key(pin_of(COLD_WORDS, Role.COLD), number)
    blank = WalletRecord(
        wallet=WalletId("w-1"),
        revision=1,
        previous=NO_PREVIOUS,
        family="bitcoin",
        network=LITECOIN.id,
        profile=profile_of(kind, number is None),
        threshold=2,
        owners=(hot, cool, cold),
        address="",
        owner="u-1",
        user_key="",
        policy_class="",
        standing=Standing.PROVEN,
        made_at_s=1,
    )
    return replace(blank, address=BitcoinFamily().derive_address(terms_of(blank)))


@dataclass(frozen=True)
class Paid:
    """What a draft pays: addresses and amounts; `change`: the rest comes back."""

    outputs: tuple[tuple[str, int], ...]
    change: bool = False
    fee_sat: int = 5_000
    data: bytes = b""


EVERYTHING = 3 * COIN_SAT - 5_000


def sweep_of(record: WalletRecord, paid: Paid | None = None) -> bytes:
    """Three coins; all to the harbor unless told."""
    paid = paid or Paid(((HARBOR, EVERYTHING),))
    outputs = [TxOutput(units, address.parse_address(LITECOIN, to)) for to, units in paid.outputs]
    outputs += [TxOutput(0, b"\x6a" + paid.data)] if paid.data else []
    wallet = wallet_of(record)
    change = {0: wallet.owned(wallet.place(CHANGE, 4))} if paid.change else None
    return encode_psbt(draft(coins_of(record, 3, 100), outputs, change, paid.fee_sat))


def done(holder: Holder, raw: bytes, words: Sequence[str], terms: Terms | None = None) -> Signed:
    return sweeping.signed(sweeping.examined(raw, holder, terms or Terms(HARBOR)), words)


@pytest.mark.parametrize("kind", ScriptKind)
@pytest.mark.parametrize("number", [0, 7, None], ids=["wallet 0", "wallet 7", "pool"])
def test_both_papers_together_finish_a_sweep(number: int | None, kind: ScriptKind) -> None:
    """Without any server: two papers' words give a transaction that Bitcoin Core's code lets through, of
    every script, with the record or the descriptors alone."""
    record = record_of(number, kind)
    raw = sweep_of(record)
    for holder in (
        sweeping.holder_of_record(record.encoded()),
        sweeping.holder_of_backup(backup_of([record], LITECOIN)),
    ):
        made = done(holder, raw, [COOL_WORDS, COLD_WORDS])
        assert made.signatures == (2, 2, 2)
        assert made.final is not None
        proven = sweeping.examined(raw, holder, Terms(HARBOR)).proven
        core(made.final.raw, [one.coin for one in proven.inputs])


def test_one_paper_after_the_other_gives_the_same_transaction() -> None:
    """The first person's draft holds one signature for each coin and no transaction; the second's words, in
    any order, complete it."""
    record = record_of()
    holder, raw = sweeping.holder_of_record(record.encoded()), sweep_of(record)
    together = done(holder, raw, [COOL_WORDS, COLD_WORDS]).final
    assert together is not None
    for first, second in ((COOL_WORDS, COLD_WORDS), (COLD_WORDS, COOL_WORDS)):
        half = done(holder, raw, [first])
        assert (half.signatures, half.final) == ((1, 1, 1), None)
        assert done(holder, half.psbt, [first]) == half
        whole = done(holder, half.psbt, [second])
        assert whole.final == together
    assert encode(parse_transaction(together.raw)) == together.raw


REFUSED: dict[str, Paid] = {
    "to a stranger": Paid(((THIEF, EVERYTHING),)),
    "partly to a stranger": Paid(((HARBOR, EVERYTHING - 60_000), (THIEF, 60_000))),
    "a part comes back": Paid(((HARBOR, COIN_SAT),), change=True),
    "nothing but change": Paid((), change=True),
    "at any price": Paid(((HARBOR, 2 * COIN_SAT),), fee_sat=COIN_SAT),
    "with bytes beside": Paid(((HARBOR, EVERYTHING),), data=b"\x01x"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_else_is_signed(name: str) -> None:
    """Whatever a draft does besides paying the harbor is refused before any words are asked for."""
    record = record_of()
    with pytest.raises(Refused, match=r"cold\.refused"):
        sweeping.examined(
            sweep_of(record, REFUSED[name]), sweeping.holder_of_record(record.encoded()), Terms(HARBOR)
        )


def test_twin_without_rules_a_stranger_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rules switched off the papers sign the coins away: they are what holds it back."""
    monkeypatch.setattr(sweeping, "_rules", lambda *_: (("any", lambda _: Approved("any")),))
    record = record_of()
    holder = sweeping.holder_of_record(record.encoded())
    made = done(holder, sweep_of(record, REFUSED["to a stranger"]), [COOL_WORDS, COLD_WORDS])
    assert made.final is not None


def test_change_comes_back_when_it_was_asked_for() -> None:
    """With `change` a part may return to the wallet's own script; to a stranger's still nothing goes."""
    record = record_of()
    holder, terms = sweeping.holder_of_record(record.encoded()), Terms(HARBOR, change=True)
    for name in ("a part comes back", "nothing but change"):
        assert done(holder, sweep_of(record, REFUSED[name]), [COLD_WORDS], terms).signatures == (1, 1, 1)
    with pytest.raises(Refused):
        sweeping.examined(sweep_of(record, REFUSED["to a stranger"]), holder, terms)


@pytest.mark.parametrize("control", [True, False])
@pytest.mark.parametrize("slipped", [True, False], ids=["under the wallet's name", "by itself"])
def test_change_goes_to_no_other_wallet_of_the_file(
    slipped: bool, control: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who slips descriptors of his own into the backup, the paper's public key in them, gets nothing: what
    comes back, comes back to the wallet that pays. The twin: believed, his draft would be signed."""
    record, thief = record_of(7), thiefs_record()
    backup = backup_of([record, thief], LITECOIN)
    under_one_name = KeptWallet("w-1", tuple(flat(one) for one in backup.descriptors()))
    holder = sweeping.holder_of_backup(replace(backup, wallets=(under_one_name,)) if slipped else backup)
    wallet, terms = wallet_of(thief), Terms(HARBOR, change=True)
    outputs = [TxOutput(COIN_SAT, address.parse_address(LITECOIN, HARBOR))]
    change = {0: wallet.owned(wallet.place(CHANGE, 0))}
    raw = encode_psbt(draft(coins_of(record, 3, 100), outputs, change, 5_000))
    if control:
        with pytest.raises(Refused, match=r"cold\.refused.*another wallet"):
            sweeping.examined(raw, holder, terms)
        assert done(holder, sweep_of(record, Paid(((HARBOR, COIN_SAT),), change=True)), [COLD_WORDS], terms)
        return
    monkeypatch.setattr(sweeping, "_strayed", lambda *_: "")
    assert done(holder, raw, [COOL_WORDS, COLD_WORDS], terms).final is not None


def thiefs_record() -> WalletRecord:
    """Two keys of his, and the cold paper's own."""
    honest, his = record_of(7), [hotseeds.new_seed(SystemEntropy(), "bitcoin", 7) for _ in range(2)]
    for seed, _ in his:
        seed.wipe()
    (_, hot), (_, cool) = his
    owners = (hot, replace(cool, role=Role.COOL), honest.key(Role.COLD))
    blank = replace(honest, wallet=WalletId("w-2"), owners=owners)
    return replace(blank, address=BitcoinFamily().derive_address(terms_of(blank)))


def test_other_words_sign_nothing() -> None:
    """A paper of no key of this wallet, and words of no paper."""
    record = record_of()
    holder, raw = sweeping.holder_of_record(record.encoded()), sweep_of(record)
    with pytest.raises(Malformed, match=r"cold\.other_words"):
        done(holder, raw, [OTHER_WORDS])
    with pytest.raises(Malformed, match=r"paper\.word"):
        done(holder, raw, [COLD_WORDS.replace("letter", "lettre", 1)])


def test_a_lying_draft_or_record_is_refused() -> None:
    """A coin's amount that its transaction does not bear out, another wallet's coins, a record whose address
    is not its keys', a record of another family: nothing is signed."""
    record, other = record_of(7), record_of(8)
    holder = sweeping.holder_of_record(record.encoded())
    honest = parse_psbt(sweep_of(record))
    coin = honest.inputs[0].witness_utxo
    assert coin is not None
    lying = replace(honest.inputs[0], witness_utxo=replace(coin, amount_sat=coin.amount_sat + 1))
    attacks = {
        encode_psbt(replace(honest, inputs=(lying, *honest.inputs[1:]))): holder,
        sweep_of(other): holder,
        sweep_of(record): sweeping.holder_of_record(replace(record, address=other.address).encoded()),
    }
    for raw, whose in attacks.items():
        with pytest.raises(KeepcoolError):
            sweeping.examined(raw, whose, Terms(HARBOR))
    with pytest.raises(Refused, match=r"cold\.family"):
        sweeping.holder_of_record(replace(record, family="minter").encoded())
    with pytest.raises(Malformed):
        sweeping.examined(sweep_of(record), holder, Terms("not an address"))
    assert SHIPPED.of(record.network) == LITECOIN
