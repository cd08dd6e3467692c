"""BIP-174 and BIP-370: all their PSBTs, the worked example of BIP-174 from draft to transaction, and PSBTs
that a node made."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import wallycore
from embit.psbt import PSBT

from keepcool.chains.bitcoin import script
from keepcool.chains.bitcoin.combining import carried, combine
from keepcool.chains.bitcoin.limits import UNBOUNDED
from keepcool.chains.bitcoin.network_table import BITCOIN_TEST, LITECOIN_REGTEST
from keepcool.chains.bitcoin.ownership import Owned
from keepcool.chains.bitcoin.prevouts import read_previous
from keepcool.chains.bitcoin.proving import Proven, prove
from keepcool.chains.bitcoin.psbt import KeyPath, Psbt, PsbtOutput, encode_psbt, parse_psbt
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.signatures import encode_signature, parse_signature
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.psbt.judge import core
from tests.unit.chains.bitcoin.psbt.samples import Wallet, sign
from tests.vectors.bitcoin import DATA

TEXT: str = DATA["bip174_raw_test_vectors"]
_CASE = re.compile(r"\* Case: (.*?)\n\*\* Bytes in Hex: <pre>([0-9a-f]+)</pre>", re.DOTALL)
_HEX = re.compile(r"Bytes in Hex: <pre>([0-9a-f]+)</pre>")


def section(start: str, end: str) -> str:
    return TEXT[TEXT.index(start) : TEXT.index(end)]


def cases(text: str) -> list[tuple[str, bytes]]:
    return [(name.strip(), bytes.fromhex(raw)) for name, raw in _CASE.findall(text)]


INVALID = cases(section("The following are invalid", "The following are valid"))
VALID = cases(section("The following are valid", "Fails Signer checks"))
UNSIGNABLE = cases(section("Fails Signer checks", "The private keys in the tests below"))
STEPS = [bytes.fromhex(raw) for raw in _HEX.findall(TEXT[TEXT.index("A creator creating") :])]
V2 = [bytes.fromhex(raw) for raw in DATA["bip370_psbt_hex"]]
V2_INVALID, V2_VALID = V2[:24], V2[24:]
CODES = {
    "psbt.key_form",
    "psbt.key_twice",
    "psbt.magic",
    "psbt.truncated",
    "psbt.unsigned_form",
    "psbt.unsigned_missing",
    "psbt.unsigned_script",
}


def strangers(script_pubkey: bytes, claims: tuple[KeyPath, ...]) -> Owned | None:
    return None


def refusal(raw: bytes) -> str:
    with pytest.raises(Malformed) as found:
        prove(raw, strangers, BITCOIN_TEST, UNBOUNDED)
    return found.value.code


def test_the_vectors_are_all_here() -> None:
    """As many as the BIPs have."""
    assert (len(INVALID), len(VALID), len(UNSIGNABLE)) == (20, 10, 4)
    assert (len(V2_INVALID), len(V2_VALID)) == (24, 24)


@pytest.mark.parametrize(("name", "raw"), INVALID, ids=[name for name, _ in INVALID])
def test_bip174_invalid(name: str, raw: bytes) -> None:
    """Not read at all; the reason is one of a few."""
    with pytest.raises(Malformed) as found:
        parse_psbt(raw)
    assert found.value.code in CODES, name


@pytest.mark.parametrize(("name", "raw"), VALID + UNSIGNABLE, ids=[name for name, _ in VALID + UNSIGNABLE])
def test_bip174_valid(name: str, raw: bytes) -> None:
    """Read, and written again to the same bytes; none is signed, as nothing of it is ours."""
    assert encode_psbt(parse_psbt(raw)) == raw, name
    assert refusal(raw).startswith("psbt.")


@pytest.mark.parametrize(("name", "raw"), UNSIGNABLE, ids=[name for name, _ in UNSIGNABLE])
def test_bip174_fails_signer_checks(name: str, raw: bytes) -> None:
    """Refused before anybody asks whose coins they are: whole previous transactions are missing."""
    assert refusal(raw) == "psbt.previous_missing", name


@pytest.mark.parametrize("raw", V2, ids=range(len(V2)))
def test_bip370(raw: bytes) -> None:
    """Version 2, valid or not, and version 0 with fields of version 2: refused by name."""
    assert refusal(raw) == "psbt.version"


def test_what_the_libraries_let_through() -> None:
    """The twin: of the 44 invalid PSBTs embit reads 20 and libwally one; we read none."""
    invalid = [raw for _, raw in INVALID] + V2_INVALID
    read = [(embit_reads(raw), wally_reads(raw), we_read(raw)) for raw in invalid]
    assert [sum(column) for column in zip(*read, strict=True)] == [20, 1, 0]


def embit_reads(raw: bytes) -> bool:
    try:
        PSBT.parse(raw)
    except Exception:  # noqa: BLE001 - however it falls over, it has not read it
        return False
    return True


def wally_reads(raw: bytes) -> bool:
    try:
        wallycore.psbt_from_bytes(raw, wallycore.WALLY_PSBT_PARSE_FLAG_STRICT)
    except ValueError:
        return False
    return True


def we_read(raw: bytes) -> bool:
    try:
        parse_psbt(raw)
    except Malformed:
        return False
    return True


UPDATED, WITH_SIGHASH, SIGNED_A, SIGNED_B, COMBINED, FINALISED, EXTRACTED = STEPS[1:8]


PREVIOUS = [bytes.fromhex(raw) for raw in re.findall(r"\*\* <pre>([0-9a-f]+)</pre>", TEXT)]


def whole(raw: bytes) -> Psbt:
    """The BIP's example with both previous transactions: its text states both, its PSBTs carry one."""
    psbt = parse_psbt(raw)
    by_id = {read_previous(one, 0).txid: one for one in PREVIOUS}
    inputs = tuple(
        replace(stated, previous_tx=by_id[bare.outpoint.txid])
        for bare, stated in zip(psbt.tx.inputs, psbt.inputs, strict=True)
    )
    return replace(psbt, inputs=inputs)


def silent(raw: bytes) -> bytes:
    """Without its claims about change, which is single-key and no multisig of ours."""
    psbt = whole(raw)
    return encode_psbt(replace(psbt, outputs=tuple(PsbtOutput() for _ in psbt.outputs)))


def own(script_pubkey: bytes, claims: tuple[KeyPath, ...]) -> Owned | None:
    """The example's two wallets, from the scripts and keys its text states: P2SH and P2SH-P2WSH, 2 of 2."""
    p2sh, nested = parse_psbt(UPDATED).inputs
    assert p2sh.redeem is not None
    assert nested.witness is not None
    for multisig, kind, keypaths in (
        (p2sh.redeem, ScriptKind.P2SH, p2sh.keypaths),
        (nested.witness, ScriptKind.P2SH_P2WSH, nested.keypaths),
    ):
        locking = script.locked(multisig, kind)
        threshold, keys = script.parse_multisig(multisig)
        if locking.script_pubkey == script_pubkey:
            ordered = tuple(sorted(keypaths, key=lambda one: keys.index(one.public_key)))
            return Owned(locking, threshold, ordered, change=False, index=0)
    return None


def proven(raw: bytes) -> Proven:
    return prove(silent(raw), own, BITCOIN_TEST, UNBOUNDED)


def test_the_worked_example_is_proven_at_each_step() -> None:
    """From updater to combiner: the same digests, the same fee, and each signature of the text verifies."""
    seen = [proven(raw) for raw in (UPDATED, WITH_SIGHASH, SIGNED_A, SIGNED_B, COMBINED)]
    assert len({one.digests for one in seen}) == 1
    assert {one.fee_sat for one in seen} == {10_000}
    counts = [sum(len(put.signatures) for put in one.inputs) for one in seen]
    assert counts == [0, 0, 2, 2, 4]


def test_the_worked_example_ends_in_its_transaction() -> None:
    """The signatures of both signers make the transaction of the text, to the byte; Core accepts it."""
    base = proven(WITH_SIGHASH)
    final = combine(base, carried([proven(SIGNED_A), proven(SIGNED_B)]), core)
    assert final.raw == EXTRACTED
    assert combine(base, carried([proven(COMBINED)]), core) == final


def test_the_worked_example_as_it_stands_is_refused() -> None:
    """Its outputs claim to be ours and are not, it proves one amount of two; finalised, nothing is left to
    sign."""
    claiming = encode_psbt(whole(UPDATED))
    steps = ((claiming, "psbt.change_foreign"), (UPDATED, "psbt.previous_missing"), (FINALISED, "psbt.final"))
    for raw, code in steps:
        with pytest.raises(Malformed) as found:
            prove(raw, own, BITCOIN_TEST, UNBOUNDED)
        assert found.value.code == code


def test_the_worked_example_with_exchanged_signatures() -> None:
    """A signature of one input under the other is refused."""
    psbt: Psbt = parse_psbt(silent(COMBINED))
    first, second = psbt.inputs
    (key, _), *_ = first.signatures
    (_, other), *_ = second.signatures
    lied = replace(psbt, inputs=(replace(first, signatures=((key, other),)), second))
    with pytest.raises(Malformed) as found:
        prove(encode_psbt(lied), own, BITCOIN_TEST, UNBOUNDED)
    assert found.value.code == "signature.owner"


def test_der_of_the_example_is_read_and_written() -> None:
    """r and s of each signature give its bytes again."""
    for one in parse_psbt(COMBINED).inputs:
        for _, signature in one.signatures:
            r, s = parse_signature(signature)
            assert encode_signature(r.to_bytes(32, "big"), s.to_bytes(32, "big")) == signature


NODES: list[dict[str, str]] = json.loads(
    Path(__file__).with_name("bitcoin_node_psbts.json").read_text(encoding="utf-8")
)["psbts"]


@pytest.mark.parametrize("row", NODES, ids=[row["kind"] for row in NODES])
def test_what_a_node_made_is_proven_as_it_stands(row: dict[str, str]) -> None:
    """A PSBT from litecoind's own wallet: amount, change and fee are proven, two owners finish it."""
    kind = ScriptKind(row["kind"])
    wallet = Wallet(kind, LITECOIN_REGTEST, bip48=kind is not ScriptKind.P2SH)
    limits = replace(UNBOUNDED, own_receiving=False)
    found = wallet.proven(base64.b64decode(row["psbt"]), limits)
    assert (found.fee_sat, [one.belongs.value for one in found.outputs]) == (994_000, ["foreign", "change"])
    assert combine(found, sign(found, "cool", "cold"), core).tx.outputs == found.tx.outputs
