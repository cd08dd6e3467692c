"""Lies about amounts, fees, coins, scripts and change: what robs a signer who believes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from keepcool.chains.bip32 import HARDENED
from keepcool.chains.bitcoin import script
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.psbt import KeyPath, Psbt, PsbtInput, PsbtOutput
from keepcool.chains.bitcoin.transaction import (
    SEQUENCE_FINAL,
    SEQUENCE_REPLACEABLE,
    Outpoint,
    Transaction,
    TxInput,
    TxOutput,
    encode,
    encode_stripped,
)
from tests.unit.chains.bitcoin.psbt.lying import Lie, lie
from tests.unit.chains.bitcoin.psbt.samples import (
    ALICE,
    BOB,
    COIN,
    LEGACY,
    NESTED,
    SEGWIT,
    THIEF,
    WALLETS,
    Coin,
    Wallet,
    coin,
    draft,
    honest,
    stated_change,
    stated_input,
    with_input,
    with_output,
    with_tx,
    with_tx_input,
    with_tx_output,
)


def all_of_them() -> Iterator[Lie]:
    for wallet in WALLETS:
        yield from amounts(wallet)
        yield from previous(wallet)
        yield from scripts(wallet)
        yield from change(wallet)
        yield from fees(wallet)
        yield from inputs(wallet)
        yield from outputs(wallet)
        yield from times(wallet)


def amounts(wallet: Wallet) -> Iterator[Lie]:
    """The witness_utxo says otherwise than the previous transaction."""
    psbt = honest(wallet)
    true = coin(wallet).output
    if wallet is LEGACY:
        yield lie(
            "a witness_utxo for a legacy coin",
            "psbt.witness_utxo",
            with_input(psbt, witness_utxo=true),
            wallet,
        )
    for name, amount in (
        ("one more", COIN + 1),
        ("one less", COIN - 1),
        ("twice", 2 * COIN),
        ("a tenth", COIN // 10),
        ("nothing", 0),
        ("all bitcoins", 21 * 10**14),
    ):
        lied = with_input(psbt, witness_utxo=replace(true, amount_sat=amount))
        yield lie(f"witness_utxo holds {name}", "psbt.witness_utxo_amount", lied, wallet)
    for name, pays in (("the thief", THIEF.at(0, 0)), ("another index", wallet.at(0, 1))):
        lied = with_input(psbt, witness_utxo=replace(true, script=pays.locking.script_pubkey))
        yield lie(f"witness_utxo pays {name}", "psbt.witness_utxo_script", lied, wallet)
    # two drafts, one lie each: signatures of both combine into one huge fee (found by Saleem Rashid, 2020)
    for place in (0, 1):
        other = coin(wallet, 3 * COIN, 7, 1, 1).output if place else true
        lied = with_input(psbt, place, witness_utxo=replace(other, amount_sat=other.amount_sat // 2))
        yield lie(f"the two-draft trick, input {place}", "psbt.witness_utxo_amount", lied, wallet)


def previous(wallet: Wallet) -> Iterator[Lie]:
    """The previous transaction is missing, another one, or unreadable."""
    psbt, real = honest(wallet), coin(wallet)
    raw = encode(real.previous)
    more = replace(real.output, amount_sat=9 * COIN)
    richer = replace(real.previous, outputs=(real.previous.outputs[0], more))
    cases: list[tuple[str, str, bytes | None]] = [
        ("missing", "psbt.previous_missing", None),
        ("another transaction", "psbt.previous_txid", encode(coin(wallet, COIN, salt=4).previous)),
        ("of a larger amount", "psbt.previous_txid", encode(richer)),
        ("the other input's", "psbt.previous_txid", encode(coin(wallet, 3 * COIN, 7, 1, 1).previous)),
        ("the draft itself", "psbt.previous_txid", encode_stripped(psbt.tx)),
        ("empty", "previous.truncated", b""),
        ("cut", "previous.truncated", raw[:-1]),
        ("cut in half", "previous.truncated", raw[: len(raw) // 2]),
        ("with a byte more", "previous.trailing", raw + b"\0"),
        ("of version 1 instead", "psbt.previous_txid", b"\1" + raw[1:]),
        ("with an extension block", "transaction.extension", raw[:4] + b"\0\x08" + raw[4:]),
        ("of an unknown form", "transaction.flag", raw[:4] + b"\0\x02" + raw[4:]),
        ("with an empty witness", "previous.witness", raw[:4] + b"\0\1" + raw[4:-4] + b"\0" + raw[-4:]),
        ("with a long count", "previous.compact", raw[:4] + b"\xfd\1\0" + raw[5:]),
        ("of a million inputs", "previous.truncated", raw[:4] + b"\xfe\x40\x42\x0f\0" + raw[5:]),
    ]
    for name, code, given in cases:
        yield lie(f"previous transaction {name}", code, with_input(psbt, previous_tx=given), wallet)
    only = with_input(psbt, previous_tx=None, witness_utxo=real.output)
    yield lie("a witness_utxo alone", "psbt.previous_missing", only, wallet)
    yield lie("output 9 of a coin's two", "psbt.previous_index", _spending(psbt, position=9), wallet)
    yield lie("the foreign output beside", "psbt.input_foreign", _spending(_bare(psbt), position=0), wallet)
    yield lie("the last of all positions", "psbt.previous_index", _spending(psbt, position=2**32 - 1), wallet)
    negative = raw[:-4].replace(COIN.to_bytes(8, "little"), b"\xff" * 8) + raw[-4:]
    yield lie("a negative amount", "previous.amount", with_input(psbt, previous_tx=negative), wallet)


def scripts(wallet: Wallet) -> Iterator[Lie]:
    """Another redeem or witness script, another key, another origin."""
    psbt, mine = honest(wallet), wallet.at(0, 0)
    one_of_three = script.multisig(1, [k.public_key for k in mine.keypaths], wallet.kind)
    swapped = {
        "missing": None,
        "empty": b"",
        "of the next index": wallet.at(0, 1).locking,
        "of the change branch": wallet.at(1, 0).locking,
        "of the thief's wallet": replace(THIEF, kind=wallet.kind).at(0, 0).locking,
        "of one key in three": script.locked(one_of_three, wallet.kind),
    }
    for name, other in swapped.items():
        for field in ("redeem", "witness"):
            if not getattr(mine.locking, field):
                continue
            value = other if other is None or isinstance(other, bytes) else getattr(other, field)
            lied = with_input(psbt, 0, **{field: value})
            yield lie(f"{field} script {name}", f"psbt.{field}", lied, wallet)
    if wallet is not SEGWIT and wallet is not NESTED:
        yield lie("a witness script too many", "psbt.witness", with_input(psbt, witness=b"\x51"), wallet)
    if wallet is SEGWIT:
        yield lie("a redeem script too many", "psbt.redeem", with_input(psbt, redeem=b"\x51"), wallet)
    yield from _origins(wallet, psbt, mine)


def _origins(wallet: Wallet, psbt: Psbt, mine: Owned) -> Iterator[Lie]:
    first, *rest = sorted(mine.keypaths, key=lambda one: one.public_key)
    stranger = replace(THIEF, kind=wallet.kind).at(0, 0).keypaths
    foreign = next(one for one in stranger if one.public_key not in {k.public_key for k in mine.keypaths})
    cases: list[tuple[str, str, tuple[KeyPath, ...]]] = [
        ("none", "psbt.input_foreign", ()),
        ("another path", "psbt.keypath", (first._replace(path=(*first.path[:-1], 9)), *rest)),
        ("another fingerprint", "psbt.keypath", (first._replace(fingerprint=b"\0\0\0\0"), *rest)),
        ("a stranger's key", "psbt.keypath", (*mine.keypaths, foreign)),
        ("a hardened index", "psbt.keypath", (first._replace(path=(*first.path[:-1], 5 + HARDENED)), *rest)),
        ("no path", "psbt.keypath", (first._replace(path=()), *rest)),
    ]
    all_wrong = tuple(one._replace(path=(*one.path[:-1], 9)) for one in mine.keypaths)
    cases.append(("all of another index", "psbt.input_foreign", all_wrong))
    many = tuple(KeyPath(b"\2" + bytes([n]) * 32, b"\0\0\0\0", (n,)) for n in range(1, 22))
    cases.append(("twenty-one", "psbt.keypaths", many))
    for name, code, keypaths in cases:
        ordered = tuple(sorted(keypaths, key=lambda one: one.public_key))
        yield lie(f"origins: {name}", code, with_input(psbt, keypaths=ordered), wallet)


def change(wallet: Wallet) -> Iterator[Lie]:
    """What comes back does not come back to us, or not where we would look."""
    psbt, mine = honest(wallet), wallet.at(1, 5)
    stated = stated_change(mine)
    thief = replace(THIEF, kind=wallet.kind)
    one_of_three = script.multisig(1, [k.public_key for k in mine.keypaths], wallet.kind)
    unsorted = script.multisig(2, [k.public_key for k in reversed(mine.keypaths)], wallet.kind)
    elsewhere = {
        "the thief's wallet": thief.at(1, 5).locking.script_pubkey,
        "Alice, claimed as ours": ALICE,
        "Bob, claimed as ours": BOB,
        "another index than claimed": wallet.at(1, 6).locking.script_pubkey,
        "the receiving branch, claimed as change": wallet.at(0, 5).locking.script_pubkey,
        "one of our keys in three": script.locked(one_of_three, wallet.kind).script_pubkey,
        "our keys in another order": script.locked(unsorted, wallet.kind).script_pubkey,
    }
    for name, script_pubkey in elsewhere.items():
        lied = with_tx_output(psbt, 1, script=script_pubkey)
        yield lie(f"change to {name}", "psbt.change_foreign", lied, wallet)
    yield lie(
        "change with the thief's own origins", "psbt.change_foreign", _change_to(psbt, thief.at(1, 5)), wallet
    )
    other_kind = SEGWIT if wallet is not SEGWIT else LEGACY
    yield lie(
        "change to our wallet of another kind",
        "psbt.change_foreign",
        _change_to(psbt, other_kind.at(1, 5)),
        wallet,
    )
    yield lie(
        "change to a receiving address", "psbt.change_branch", _change_to(psbt, wallet.at(0, 5)), wallet
    )
    for index in (100_000, 1_000_001, 2**31 - 1):
        yield lie(
            f"change to index {index}", "psbt.change_index", _change_to(psbt, wallet.at(1, index)), wallet
        )
    for field in ("redeem", "witness"):
        lied = with_output(psbt, 1, **{field: thief.at(1, 5).locking.multisig})
        yield lie(f"change with another {field} script", "psbt.change_script", lied, wallet)
        yield lie(
            f"a payment with a {field} script of ours",
            "psbt.change_foreign",
            with_output(psbt, 0, **{field: mine.locking.multisig}),
            wallet,
        )
    yield lie(
        "a payment with our origins",
        "psbt.change_foreign",
        with_output(psbt, 0, keypaths=stated.keypaths),
        wallet,
    )
    first, *rest = stated.keypaths
    for name, wrong in (
        ("path", first._replace(path=(*first.path[:-1], 6))),
        ("fingerprint", first._replace(fingerprint=b"\1\2\3\4")),
    ):
        lied = with_output(psbt, 1, keypaths=(wrong, *rest))
        yield lie(f"change with another {name} of one key", "psbt.keypath", lied, wallet)


def _change_to(psbt: Psbt, owned: Owned) -> Psbt:
    stated = stated_change(owned)
    lied = with_tx_output(psbt, 1, script=owned.locking.script_pubkey)
    return replace(lied, outputs=(lied.outputs[0], stated))


def fees(wallet: Wallet) -> Iterator[Lie]:
    """The change shrinks, and nobody mentions it."""
    psbt = honest(wallet)
    paid, back = psbt.tx.outputs
    for percent in (1, 2, 5, 10, 25, 50, 75, 90, 99):
        left = with_tx_output(psbt, 1, amount_sat=back.amount_sat * (100 - percent) // 100)
        yield lie(f"a fee of {percent} % of the change", "psbt.fee", left, wallet)
    alone = replace(with_tx(psbt, outputs=(paid,)), outputs=psbt.outputs[:1])
    yield lie("the change is left out", "psbt.fee", alone, wallet)
    over = with_tx_output(psbt, 1, amount_sat=back.amount_sat + 2_001)
    yield lie("one satoshi more than there is", "psbt.overspent", over, wallet)
    huge = with_tx_output(psbt, 1, amount_sat=21 * 10**14)
    yield lie("all bitcoins as change", "psbt.overspent", huge, wallet)
    small = draft([coin(wallet)], [TxOutput(1_000, BOB)], {0: wallet.at(1, 5)}, fee_sat=400)
    yield lie("a fee of 40 % of what is paid", "psbt.fee_share", small, wallet)
    dear = draft([coin(wallet)], [TxOutput(COIN // 2, BOB)], {0: wallet.at(1, 5)}, fee_sat=100_000)
    yield lie("a fee rate of hundreds", "psbt.fee_rate", dear, wallet)
    cheap = draft([coin(wallet)], [TxOutput(COIN // 2, BOB)], {0: wallet.at(1, 5)}, fee_sat=100)
    yield lie("a fee nobody relays", "psbt.fee_rate_low", cheap, wallet)
    free = draft([coin(wallet)], [TxOutput(COIN // 2, BOB)], {0: wallet.at(1, 5)}, fee_sat=0)
    yield lie("no fee at all", "psbt.fee_rate_low", free, wallet)


def inputs(wallet: Wallet) -> Iterator[Lie]:
    """Coins that are not ours, or twice."""
    psbt = honest(wallet)
    theirs = coin(replace(THIEF, kind=wallet.kind), COIN, salt=8)
    yield lie("the thief's coin as a third input", "psbt.input_foreign", _plus(psbt, theirs), wallet)
    other = coin(SEGWIT if wallet is not SEGWIT else NESTED, COIN, salt=8)
    yield lie("a coin of our other wallet", "psbt.input_foreign", _plus(psbt, other), wallet)
    yield lie("one coin twice", "psbt.input_twice", _plus(psbt, coin(wallet)), wallet)
    twice = _plus(psbt, coin(wallet))
    yield lie(
        "one coin twice, sequences differ",
        "psbt.input_twice",
        with_tx_input(twice, 2, sequence=SEQUENCE_FINAL),
        wallet,
    )
    null = _plus(psbt, coin(wallet, salt=6))
    null = with_tx_input(null, 2, outpoint=Outpoint(bytes(32), 2**32 - 1))
    yield lie("a coinbase input", "psbt.previous_txid", null, wallet)
    yield lie("no inputs", "psbt.inputs", replace(with_tx(psbt, inputs=()), inputs=()), wallet)
    signer = coin(wallet)
    for name, foreign in (("p2wpkh", ALICE), ("p2sh", BOB), ("anyone can spend", b"\x51"), ("empty", b"")):
        made = replace(signer.previous, outputs=(signer.previous.outputs[0], TxOutput(COIN, foreign)))
        stolen = Coin(made, 1, signer.owned)
        lied = draft([stolen], [TxOutput(COIN // 2, BOB)], {0: wallet.at(1, 5)})
        yield lie(f"a coin that is {name}, with our scripts", "psbt.input_foreign", lied, wallet)


def outputs(wallet: Wallet) -> Iterator[Lie]:
    """Outputs that pay nobody, or too little to be worth anything."""
    psbt = honest(wallet)
    nobody = {
        "an empty script": b"",
        "anyone": b"\x51",
        "a bare key": b"\x21" + b"\2" * 33 + b"\xac",
        "a bare multisig": wallet.at(0, 0).locking.multisig,
        "a witness of version 2": b"\x52\x20" + b"\3" * 32,
        "a witness of version 16": b"\x60\x20" + b"\3" * 32,
        "a taproot key of 31 bytes": b"\x51\x1f" + b"\3" * 31,
        "a witness of version 0 with 31 bytes": b"\0\x1f" + b"\3" * 31,
        "a script with a byte too many": ALICE + b"\0",
        "a script that ends early": BOB[:-1],
    }
    for name, script_pubkey in nobody.items():
        lied = with_tx_output(psbt, 0, script=script_pubkey)
        yield lie(f"pays {name}", "psbt.output_script", lied, wallet)
    burnt = with_tx_output(psbt, 0, script=b"\x6a\x04burn")
    yield lie("pays a data output", "psbt.burn", burnt, wallet)
    for amount in (0, 1, 293):
        hidden = replace(psbt, tx=replace(psbt.tx, outputs=(*psbt.tx.outputs, TxOutput(amount, ALICE))))
        hidden = replace(hidden, outputs=(*hidden.outputs, PsbtOutput()))
        short = with_tx_output(hidden, 1, amount_sat=psbt.tx.outputs[1].amount_sat - amount)
        yield lie(f"a hidden output of {amount}", "psbt.dust", short, wallet)
    for size in (1, 80, 10_000):
        note = TxOutput(0, b"\x6a" + bytes(size))
        noted = replace(psbt, tx=replace(psbt.tx, outputs=(*psbt.tx.outputs, note)))
        yield lie(
            f"{size} bytes of data",
            "psbt.data",
            replace(noted, outputs=(*noted.outputs, PsbtOutput())),
            wallet,
        )
    none = replace(with_tx(psbt, outputs=()), outputs=())
    yield lie("no outputs", "psbt.outputs", none, wallet)
    crumbs = draft(
        [coin(wallet)], [TxOutput(COIN // 2, BOB)], {COIN // 50 + n: wallet.at(1, n) for n in range(1, 22)}
    )
    yield lie(
        "change in 21 pieces", "psbt.change_many", crumbs, wallet, fee_sat_max=COIN, fee_rate_max=10 * COIN
    )


def times(wallet: Wallet) -> Iterator[Lie]:
    """Versions, sequences and locktimes that no payment has."""
    psbt = honest(wallet)
    for version in (0, 3, 4, 2**31, 2**32 - 1):
        yield lie(f"version {version}", "psbt.tx_version", with_tx(psbt, version=version), wallet)
    for sequence in (0, 1, 144, 0x400001, 0x80000000, 0xFFFFFFFC):
        yield lie(
            f"sequence {sequence:#x}", "psbt.sequence", with_tx_input(psbt, 1, sequence=sequence), wallet
        )
    for code, locktime in (
        ("psbt.locktime", 850_001),
        ("psbt.locktime", 499_999_999),
        ("psbt.locktime_time", 500_000_000),
        ("psbt.locktime_time", 1_800_000_000),
        ("psbt.locktime_time", 2**32 - 1),
    ):
        yield lie(f"locktime {locktime}", code, with_tx(psbt, locktime=locktime), wallet)
    void = with_tx_input(with_tx_input(psbt, 0, sequence=SEQUENCE_FINAL), 1, sequence=SEQUENCE_FINAL)
    yield lie("a locktime without effect", "psbt.locktime_void", void, wallet)


def _spending(psbt: Psbt, position: int) -> Psbt:
    outpoint = replace(psbt.tx.inputs[0].outpoint, position=position)
    return with_tx_input(psbt, 0, outpoint=outpoint)


def _bare(psbt: Psbt) -> Psbt:
    return with_input(psbt, witness_utxo=None)


def _plus(psbt: Psbt, more: Coin) -> Psbt:
    tx_input = TxInput(Outpoint(more.previous.txid, more.position), SEQUENCE_REPLACEABLE)
    tx: Transaction = replace(psbt.tx, inputs=(*psbt.tx.inputs, tx_input))
    stated: PsbtInput = stated_input(more)
    return replace(psbt, tx=tx, inputs=(*psbt.inputs, stated))
