"""Lies about form: fields nobody needs, keys twice, bytes that could be read in two ways, signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from coincurve import PrivateKey

from keepcool.chains.bitcoin.compact import sized
from keepcool.chains.bitcoin.psbt import MAGIC, Psbt, PsbtInput, encode_psbt
from keepcool.chains.bitcoin.transaction import encode_stripped
from keepcool.chains.publickeys import CURVE_ORDER
from tests.unit.chains.bitcoin.psbt.lying import (
    Lie,
    Pairs,
    edited,
    lie,
    maps_of,
    with_field,
    with_value,
    written,
)
from tests.unit.chains.bitcoin.psbt.samples import (
    SEGWIT,
    WALLETS,
    Wallet,
    honest,
    secret,
    sign,
    with_input,
)

GLOBAL, FIRST, SECOND, PAYMENT, CHANGE = range(5)  # the maps of an honest draft
_KEY = b"\2" * 33


def all_of_them() -> Iterator[Lie]:
    for wallet in WALLETS:
        yield from fields(wallet)
        yield from keys(wallet)
        yield from counts(wallet)
        yield from sighashes(wallet)
        yield from signatures(wallet)
    yield from cuts(SEGWIT)


def fields(wallet: Wallet) -> Iterator[Lie]:
    """Fields that a payment from a multisig never needs."""
    psbt = honest(wallet)
    cases: list[tuple[str, str, int, bytes, bytes]] = [
        ("an extended key", "psbt.field", GLOBAL, b"\1" + bytes(78), bytes(4)),
        ("version 0 said aloud", "psbt.field", GLOBAL, b"\xfb", bytes(4)),
        ("version 1", "psbt.version", GLOBAL, b"\xfb", b"\1\0\0\0"),
        ("version 2", "psbt.version", GLOBAL, b"\xfb", b"\2\0\0\0"),
        ("a version of 3 bytes", "psbt.version", GLOBAL, b"\xfb", bytes(3)),
        ("a proprietary global field", "psbt.proprietary", GLOBAL, b"\xfc\3abc", b"x"),
        ("a proprietary input field", "psbt.proprietary", FIRST, b"\xfc\3abc", b"x"),
        ("a proprietary output field", "psbt.proprietary", CHANGE, b"\xfc\3abc", b"x"),
        ("an unknown global field", "psbt.unknown", GLOBAL, b"\x77", b"x"),
        ("an unknown input field", "psbt.unknown", SECOND, b"\x77", b"x"),
        ("an unknown output field", "psbt.unknown", PAYMENT, b"\x77key", b"x"),
        ("an unknown field of a long type", "psbt.unknown", FIRST, b"\xfd\0\1", b"x"),
        ("a final signature script", "psbt.final", FIRST, b"\7", b"\x51"),
        ("a final witness", "psbt.final", FIRST, b"\x08", b"\0"),
        ("a proof of reserves", "psbt.field", FIRST, b"\x09", b"x"),
        ("a RIPEMD-160 preimage", "psbt.field", FIRST, b"\x0a" + bytes(20), b"x"),
        ("a SHA-256 preimage", "psbt.field", FIRST, b"\x0b" + bytes(32), b"x"),
        ("a HASH160 preimage", "psbt.field", FIRST, b"\x0c" + bytes(20), b"x"),
        ("a HASH256 preimage", "psbt.field", FIRST, b"\x0d" + bytes(32), b"x"),
        ("a taproot signature", "psbt.taproot", FIRST, b"\x13", bytes(64)),
        ("a taproot script signature", "psbt.taproot", FIRST, b"\x14" + bytes(64), bytes(64)),
        ("a taproot leaf", "psbt.taproot", FIRST, b"\x15" + bytes(33), b"\x51\xc0"),
        ("a taproot origin", "psbt.taproot", FIRST, b"\x16" + bytes(32), b"\0" * 5),
        ("a taproot key", "psbt.taproot", SECOND, b"\x17", bytes(32)),
        ("a taproot root", "psbt.taproot", SECOND, b"\x18", bytes(32)),
        ("MuSig2 participants", "psbt.taproot", FIRST, b"\x1a" + _KEY, _KEY),
        ("a taproot output key", "psbt.taproot", CHANGE, b"\5", bytes(32)),
        ("a taproot output tree", "psbt.taproot", CHANGE, b"\6", b"\0\xc0\1\x51"),
        ("a taproot output origin", "psbt.taproot", PAYMENT, b"\7" + bytes(32), b"\0" * 5),
    ]
    cases += [
        (f"version 2's global field {n}", "psbt.version", GLOBAL, bytes([n]), b"\0") for n in range(2, 7)
    ]
    cases += [
        (f"version 2's input field {n}", "psbt.version", FIRST, bytes([n]), bytes(4)) for n in range(14, 19)
    ]
    cases += [(f"version 2's output field {n}", "psbt.version", CHANGE, bytes([n]), bytes(8)) for n in (3, 4)]
    for name, code, place, key, value in cases:
        yield Lie(name, code, with_field(psbt, place, key, value), wallet)


def keys(wallet: Wallet) -> Iterator[Lie]:
    """Every field of an honest draft once more, and with a key that is too long."""
    psbt = honest(wallet)
    signed = replace(psbt, inputs=_signed_inputs(wallet, psbt))
    names = ("global", "first input", "second input", "payment", "change")
    for place, pairs in enumerate(maps_of(encode_psbt(signed))):
        for number, (key, value) in enumerate(pairs):
            what = f"{names[place]} field {key[0]} ({number})"
            yield Lie(f"{what} twice", "psbt.key_twice", edited(signed, _inserted(place, key, value)), wallet)
            other = value[:-1] + bytes([value[-1] ^ 1])
            yield Lie(
                f"{what} twice, differing",
                "psbt.key_twice",
                edited(signed, _inserted(place, key, other)),
                wallet,
            )
            if place in (GLOBAL, FIRST, CHANGE):
                longer = edited(signed, _renamed(place, key, key + b"\0"))
                yield Lie(f"{what} with a longer key", "psbt.key_form", longer, wallet)
    swapped = edited(psbt, lambda maps: maps[FIRST].reverse())
    yield Lie("fields in descending order", "psbt.order", swapped, wallet)
    last_first = edited(psbt, lambda maps: maps[CHANGE].insert(0, maps[CHANGE].pop()))
    yield Lie("the last origin first", "psbt.order", last_first, wallet)


def _signed_inputs(wallet: Wallet, psbt: Psbt) -> tuple[PsbtInput, ...]:
    given = sign(wallet.proven(encode_psbt(psbt)), "hot")
    pairs = zip(psbt.inputs, given, strict=True)
    return tuple(replace(one, signatures=tuple(found.items())) for one, found in pairs)


def _inserted(place: int, key: bytes, value: bytes) -> Callable[[list[Pairs]], object]:
    return lambda maps: maps[place].append((key, value))


def _renamed(place: int, key: bytes, other: bytes) -> Callable[[list[Pairs]], object]:
    def edit(maps: list[Pairs]) -> None:
        maps[place] = [(other if known == key else known, value) for known, value in maps[place]]

    return edit


def counts(wallet: Wallet) -> Iterator[Lie]:
    """Numbers spelled too long, maps too few or too many, values of the wrong size."""
    psbt = honest(wallet)
    raw, maps = encode_psbt(psbt), maps_of(encode_psbt(psbt))
    tx = encode_stripped(psbt.tx)
    yield Lie("nothing", "psbt.magic", b"", wallet)
    yield Lie("the transaction alone", "psbt.magic", tx, wallet)
    yield Lie("another magic", "psbt.magic", b"psbu\xff" + raw[5:], wallet)
    yield Lie("a map too few", "psbt.truncated", written(maps[:-1]), wallet)
    yield Lie("a map too many", "psbt.trailing", raw + b"\0", wallet)
    yield Lie("something behind it", "psbt.trailing", raw + b"surprise", wallet)
    yield Lie("a second PSBT behind it", "psbt.trailing", raw + raw, wallet)
    yield Lie("no transaction", "psbt.unsigned_missing", written([[], *maps[1:]]), wallet)
    padded = MAGIC + b"\xfd\1\0" + raw[6:]
    yield Lie("a length spelled in three bytes", "psbt.compact", padded, wallet)
    endless = MAGIC + b"\1\0\xff" + b"\xff" * 8 + raw[10:]
    yield Lie("a field of 2**64 bytes", "psbt.truncated", endless, wallet)
    for name, code, value in (
        ("with a signature script", "psbt.unsigned_script", tx[:41] + b"\1\x51" + tx[42:]),
        ("cut", "psbt.unsigned_form", tx[:-1]),
        ("with a byte more", "psbt.unsigned_form", tx + b"\0"),
        ("with a witness", "psbt.unsigned_form", tx[:4] + b"\0\1" + tx[4:-4] + b"\0\0" + tx[-4:]),
        ("of no bytes", "psbt.unsigned_form", b""),
        ("with a padded count", "psbt.unsigned_form", tx[:4] + b"\xfd\2\0" + tx[5:]),
        ("with an output below zero", "psbt.unsigned_form", _negative(psbt)),
        ("of a billion inputs", "psbt.unsigned_form", tx[:4] + b"\xfe\0\xca\x9a\x3b" + tx[5:]),
    ):
        yield Lie(f"a transaction {name}", code, with_value(psbt, GLOBAL, b"\0", value), wallet)
    for size in (0, 1, 3, 5):
        lied = with_value(psbt, FIRST, b"\3", bytes(size))
        yield Lie(f"a sighash type of {size} bytes", "psbt.sighash_form", lied, wallet)
    for size in (0, 3, 5, 6, 7):
        lied = with_value(psbt, FIRST, b"\6", bytes(size))
        yield Lie(f"an origin of {size} bytes", "psbt.keypath_form", lied, wallet)
    if wallet is SEGWIT:
        for name, value in (("empty", b""), ("cut", bytes(40)), ("of 60 bytes", bytes(60))):
            lied = with_value(psbt, FIRST, b"\1", value)
            yield Lie(f"a witness_utxo {name}", "psbt.witness_utxo_form", lied, wallet)


def _negative(psbt: Psbt) -> bytes:
    amount = psbt.tx.outputs[0].amount_sat.to_bytes(8, "little")
    return encode_stripped(psbt.tx).replace(amount, b"\xff" * 8)


def sighashes(wallet: Wallet) -> Iterator[Lie]:
    """Types that leave something open: NONE, SINGLE, ANYONECANPAY, FORKID, and numbers that mask to ALL."""
    for kind in (0, 2, 3, 0x41, 0x80, 0x81, 0x82, 0x83, 0xC1, 0x101, 0x10001, 0x80000001, 0xFFFFFFFF):
        lied = with_input(honest(wallet), 1, sighash=kind)
        yield lie(f"sighash type {kind:#x}", "psbt.sighash", lied, wallet)


def signatures(wallet: Wallet) -> Iterator[Lie]:
    """Signatures that are there already, and are not what they should be."""
    psbt = honest(wallet)
    proven = wallet.proven(encode_psbt(psbt))
    mine, other = sign(proven, "hot")
    (key, good), (_, of_other) = next(iter(mine.items())), next(iter(other.items()))
    cold_key = next(iter(sign(proven, "cold")[0]))
    stranger = PrivateKey(b"\x09" * 32)
    theirs = stranger.sign(proven.inputs[0].digest, hasher=None) + b"\1"
    wrong = next(k for k in proven.inputs[0].owned.keypaths if k.public_key == key)
    blank = secret(wrong).sign(bytes(32), hasher=None) + b"\1"
    r, s = _numbers(good)
    cases = [
        ("of a stranger", "psbt.signature_key", stranger.public_key.format(), theirs),
        ("of ours under another key", "signature.owner", cold_key, good),
        ("of the other input", "signature.owner", key, of_other),
        ("over nothing", "signature.owner", key, blank),
        ("with a flipped bit", "signature.owner", key, good[:20] + bytes([good[20] ^ 1]) + good[21:]),
        ("with a high s", "signature.high_s", key, _der(r, CURVE_ORDER - s) + b"\1"),
        ("of type NONE", "signature.sighash", key, good[:-1] + b"\2"),
        ("of type SINGLE", "signature.sighash", key, good[:-1] + b"\3"),
        ("of type ALL and ANYONECANPAY", "signature.sighash", key, good[:-1] + b"\x81"),
        ("without a type", "signature.sighash", key, good[:-1]),
        ("empty", "signature.sighash", key, b""),
        ("a type alone", "signature.form", key, b"\1"),
        ("cut", "signature.form", key, good[:-2] + b"\1"),
        ("with a byte more", "signature.form", key, good[:-1] + b"\0\1"),
        ("with a padded r", "signature.form", key, _der(r, s, pad=1) + b"\1"),
        ("with a negative r", "signature.form", key, _der(r | 1 << 255, s, pad=-1) + b"\1"),
        ("of 64 plain bytes", "signature.form", key, r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\1"),
        ("of zeros", "signature.range", key, bytes.fromhex("300602010002010001")),
        ("with r above the order", "signature.range", key, _der(CURVE_ORDER, s) + b"\1"),
    ]
    for name, code, public_key, signature in cases:
        lied = with_input(psbt, 0, signatures=((public_key, signature),))
        yield lie(f"a signature {name}", code, lied, wallet)


def _numbers(signature: bytes) -> tuple[int, int]:
    length = signature[3]
    r, s = signature[4 : 4 + length], signature[6 + length : -1]
    return int.from_bytes(r, "big"), int.from_bytes(s, "big")


def _der(r: int, s: int, pad: int = 0) -> bytes:
    """`pad`: zero bytes too many (1) or a sign byte too few (-1) before r."""
    body = b""
    for value, extra in ((r, pad), (s, 0)):
        raw = value.to_bytes(value.bit_length() // 8 + 1 + extra, "big")
        body += b"\2" + sized(raw)
    return b"\x30" + sized(body)


def cuts(wallet: Wallet) -> Iterator[Lie]:
    """The bytes end at each 53rd place."""
    raw = encode_psbt(honest(wallet))
    for at in range(5, len(raw), 53):
        yield Lie(f"cut after {at} bytes", "psbt.truncated", raw[:at], wallet)
