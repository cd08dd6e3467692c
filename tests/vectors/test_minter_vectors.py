"""The Minter family against minter.json: transactions of three SDKs, byte for byte."""

from __future__ import annotations

import re
from typing import Any

import pytest
from coincurve import PrivateKey

from keepcool.chains import rlp
from keepcool.chains.keccak import keccak256
from keepcool.chains.minter import inspection, signature
from keepcool.chains.minter.address import of_multisig, of_public_key, spelled
from keepcool.chains.minter.data import code_of, encode_data, named, parse_data
from keepcool.chains.minter.kinds import KINDS
from keepcool.chains.minter.payouts import assemble
from keepcool.chains.minter.signature import MULTI, MultiSignature, SingleSignature
from keepcool.chains.minter.transaction import (
    SignedTransaction,
    parse_preimage,
    parse_signed,
    transaction_hash,
)
from keepcool.core.errors import Malformed
from tests.vectors import minter
from tests.vectors.minter import Vector, unhex

V1, V2 = minter.vectors("v1"), minter.vectors("v2")
SIGNABLE = [vector for vector in (*V2, *V1) if vector.keys]


def ids(value: object) -> str:
    return value.name if isinstance(value, Vector) else ""


def test_the_file_is_whole() -> None:
    """So many vectors stand in the file, and every type of transaction among them."""
    assert (len(V2), len(V1), len(SIGNABLE)) == (95, 19, 90)
    assert {int(vector.decoded["type"], 16) for vector in V2} == set(KINDS)
    assert len(minter.DATA["multisig_addresses"]) == 14


@pytest.mark.parametrize("vector", V2, ids=ids)
def test_a_transaction_is_read_and_written_alike(vector: Vector) -> None:
    """Every field, hash, signature, signer and sender is what the independent reader found, and the bytes
    come back."""
    shown = inspection.plain(inspection.inspect("0x" + vector.raw.hex()))
    shown["signatures"] = [{k: row[k] for k in ("v", "r", "s")} for row in _rows(shown["signatures"])]
    assert {name: shown[name] for name in vector.decoded} == vector.decoded
    read = parse_signed(vector.raw)
    assert read.encoded() == vector.raw
    assert parse_preimage(read.transaction.preimage()) == read.transaction
    assert transaction_hash(vector.raw) == vector.row.get("tx_hash", vector.decoded["tx_hash"])
    assert read.sender() == vector.row.get("sender", vector.decoded["sender"])


@pytest.mark.parametrize("vector", V2, ids=ids)
def test_data_is_read_and_written_alike(vector: Vector) -> None:
    """The data of each type is read to named fields and written to the same bytes."""
    raw = unhex(vector.decoded["data_rlp"])
    data = parse_data(int(vector.decoded["type"], 16), raw)
    assert encode_data(data) == raw
    assert code_of(data) == int(vector.decoded["type"], 16)


@pytest.mark.parametrize("vector", [v for v in V2 if "reproduced_here_with_npm_0_46_2" in v.row], ids=ids)
def test_fields_have_the_names_and_values_the_sdk_was_given(vector: Vector) -> None:
    """What minter-js-sdk was asked to encode is what the fields of those names hold."""
    found = named(parse_signed(vector.raw).transaction.data)
    for name, value in _asked(vector.row["params"]["data"]).items():
        assert _as_given(found[name], value), name


@pytest.mark.parametrize("vector", SIGNABLE, ids=ids)
def test_signed_again_it_is_the_same_bytes(vector: Vector) -> None:
    """The nine fields, signed with the vector's keys, give the vector's transaction (v1 included: its
    envelope is the same)."""
    fields = rlp.decode_list(vector.raw, 10)
    digest = keccak256(rlp.encode(fields[:9]))
    assert digest.hex() == vector.decoded["sighash_keccak256"]
    made = tuple(minter.signed(key, digest) for key in vector.keys)
    data = _signature_data(vector, made)
    assert rlp.encode([*fields[:9], signature.encode_data(data)]) == vector.raw
    if vector.decoded["encoding"] == "v2":
        assert SignedTransaction(parse_signed(vector.raw).transaction, data).encoded() == vector.raw


@pytest.mark.parametrize("vector", [v for v in V2 if "individual_signatures_rlp" in v.row], ids=ids)
def test_single_signatures_have_the_form_the_sdks_exchange(vector: Vector) -> None:
    """One owner's signature is the RLP of v, r, s that the SDKs hand around."""
    digest = parse_signed(vector.raw).transaction.digest()
    for key, encoded in zip(vector.keys, vector.row["individual_signatures_rlp"], strict=True):
        made = minter.signed(key, digest)
        assert signature.encode(made).hex() == encoded
        assert signature.parse(unhex(encoded)) == made


@pytest.mark.parametrize("vector", V1, ids=ids)
def test_version_1_is_refused_by_name(vector: Vector) -> None:
    """A transaction of version 1, signed or not, is refused with an error of its own that says what to do."""
    draft = rlp.encode(rlp.decode_list(vector.raw, 10)[:9])
    for read, raw in ((parse_signed, vector.raw), (parse_preimage, draft)):
        with pytest.raises(Malformed, match="version 1") as refusal:
            read(raw)
        assert refusal.value.code == "transaction.version"


@pytest.mark.parametrize(
    "row", minter.DATA["multisig_addresses"], ids=lambda row: str(row.get("nonce", "v1"))
)
def test_a_multisigs_address_is_the_chains(row: dict[str, Any]) -> None:
    """Creator and nonce give the address; the old form is the hash of the data itself."""
    if row["encoding"] == "v2":
        assert of_multisig(row["creator"], row["nonce"]) == row["address"]
        assert spelled(keccak256(unhex(row["preimage"]))[12:]) == row["address"]
        return
    owners = [unhex(address[2:]) for address in row["addresses"]]
    data = [rlp.number(row["threshold"]), [rlp.number(weight) for weight in row["weights"]], owners]
    assert spelled(keccak256(rlp.encode(data))[12:]) == row["address"]


@pytest.mark.parametrize(
    "row", [*minter.DATA["wallets"], *minter.DATA["keys"].values()], ids=lambda r: r["address"]
)
def test_an_account_is_that_of_its_key(row: dict[str, str]) -> None:
    """A public key's account is the one the wallets show."""
    key = PrivateKey(unhex(row["private_key"])).public_key
    assert of_public_key(key.format()) == row["address"]


def test_signatures_are_not_bound_to_the_wallet() -> None:
    """The proof in the vectors: one digest, one pair of signatures, two wallets. This is why owners are
    children of cool and cold, one pair a wallet."""
    one = parse_signed(minter.named("multisig send 2-of-3 cool+cold").raw)
    other = parse_signed(minter.named("SAME cool+cold").raw)
    assert one.transaction == other.transaction
    assert one.signers() == other.signers() == (minter.ADDRESSES["cool"], minter.ADDRESSES["cold"])
    assert (one.sender(), other.sender()) == (minter.WALLET, minter.OTHER_WALLET)
    pair = {
        minter.PUBLIC[name]: minter.signed(minter.KEYS[name], one.transaction.digest())
        for name in ("cold", "cool")
    }
    draft = one.transaction.preimage()
    assert assemble(draft, minter.WALLET, pair) == one.encoded()
    assert assemble(draft, minter.OTHER_WALLET, pair) == other.encoded()


def _rows(shown: object) -> list[dict[str, Any]]:
    assert isinstance(shown, list)
    return shown


def _signature_data(vector: Vector, made: tuple[bytes, ...]) -> signature.SignatureData:
    if vector.decoded["signature_type"] == MULTI:
        return MultiSignature(vector.decoded["sender"], made)
    return SingleSignature(made[0])


def _asked(data: dict[str, Any]) -> dict[str, Any]:
    snake = (re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower() for name in data)
    return dict(zip(snake, data.values(), strict=True))


def _as_given(found: object, given: Any) -> bool:
    """Amounts are given in coins and found in pips."""
    if isinstance(given, list):
        assert isinstance(found, list)
        return len(found) == len(given) and all(_as_given(*pair) for pair in zip(found, given, strict=True))
    if isinstance(given, dict):
        assert isinstance(found, dict)
        return all(_as_given(found[name], value) for name, value in given.items())
    pips = str(round(given * 10**18)) if isinstance(given, float) else f"{given}{18 * '0'}"
    return found == given or str(found) in (str(given), pips)
