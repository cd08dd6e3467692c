"""Multisig wallets: where they will stand, how they are made, and the proof of their owners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.chains.minter import wallets
from keepcool.chains.minter.data import CreateMultisig, Owners
from keepcool.chains.minter.signature import SingleSignature
from keepcool.chains.minter.transaction import SignedTransaction
from keepcool.core.errors import Breach, Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord
from tests.unit.chains.minter.samples import ALICE
from tests.vectors import minter
from tests.vectors.minter import ADDRESSES, MAINNET, wallet_record

OWNERS = tuple(sorted(ADDRESSES[name] for name in ("hot", "cool", "cold")))
KEYS = [minter.PUBLIC[name] for name in ("hot", "cool", "cold")]
PROFILE = f"multisig-v2:{ADDRESSES['app']}:1"


def test_a_birth_gives_profile_and_address() -> None:
    """Creator and nonce are the profile, the profile is creator and nonce, and both give the address."""
    birth = wallets.Birth(ADDRESSES["app"], 1)
    assert (birth.profile, birth.address) == (PROFILE, minter.WALLET)
    assert wallets.parse_profile(PROFILE) == birth
    assert wallets.derive_address(MAINNET, PROFILE, 2, KEYS) == minter.WALLET


@pytest.mark.parametrize(
    "profile",
    [
        "multisig-v2", f"multisig-v2:{ALICE}", f"multisig-v2:{ALICE}:0", f"multisig-v2:{ALICE}:01",
        f"multisig-v2:{ALICE}:{2**64}", f"multisig-v2:{ALICE.upper()}:1", f"multisig-v1:{ALICE}:1",
        f"multisig-v2:{ALICE}:1:", f"multisig-v2:{ALICE}:-1", f"multisig-v2:{ALICE}:1\n", "safe-1.5.0-l1",
    ],
)  # fmt: skip
def test_no_other_profile_is_read(profile: str) -> None:
    """Missing, second and impossible spellings of a birth derive no address."""
    with pytest.raises(Malformed, match="not the profile"):
        wallets.derive_address(MAINNET, profile, 2, KEYS)


@pytest.mark.parametrize(
    ("network", "threshold", "keys"),
    [
        ("eip155:1", 2, KEYS),
        ("minter:1", 0, KEYS),
        ("minter:1", 4, KEYS),
        ("minter:1", 2, [KEYS[0], KEYS[0], KEYS[2]]),
        ("minter:1", 2, [KEYS[0], KEYS[1], "02" + 64 * "0"]),
        ("minter:1", 2, [KEYS[0], KEYS[1], minter.PUBLIC["app"]]),
    ],
)
def test_terms_that_make_no_wallet_derive_no_address(network: str, threshold: int, keys: list[str]) -> None:
    """Thresholds nobody or everybody reaches, an owner twice, no key, and an owner who is the creator."""
    with pytest.raises(Malformed):
        wallets.derive_address(NetworkId(network), PROFILE, threshold, keys)


def test_the_creation_of_a_record_is_the_sdks() -> None:
    """The vectors' create transaction comes out, signed by the creator, byte for byte."""
    vector = minter.named("create 2-of-3 multisig hot/cool/cold nonce 1")
    made = wallets.creation_of(wallet_record())
    signed = SignedTransaction(made, SingleSignature(minter.signed(minter.KEYS["app"], made.digest())))
    assert signed.encoded() == vector.raw
    assert made.data == CreateMultisig(Owners(2, (1, 1, 1), OWNERS))


def test_a_creation_that_makes_another_address_is_refused() -> None:
    """A record whose address is not the one its profile makes is created by nobody."""
    with pytest.raises(Malformed, match="makes"):
        wallets.creation_of(wallet_record(nonce=2))
    assert wallets.creation_of(wallet_record(nonce=2, address=minter.OTHER_WALLET)).nonce == 2


def test_owners_stand_in_the_order_of_their_addresses() -> None:
    """Whatever order is asked for, the weights follow their owners into the one order."""
    asked = Owners(3, (1, 2, 3), (OWNERS[2], OWNERS[0], OWNERS[1]))
    made = wallets.create_multisig(asked, chain_id=1, nonce=9)
    assert made.data == CreateMultisig(Owners(3, (2, 3, 1), OWNERS))
    assert wallets.owners_of(wallet_record()) == OWNERS


@pytest.mark.parametrize(
    ("threshold", "weights", "count", "code"),
    [
        (0, (1, 1, 1), 3, "multisig.threshold"),
        (4, (1, 1, 1), 3, "multisig.threshold"),
        (1, (0, 0, 0), 3, "multisig.threshold"),
        (2, (1, 1), 3, "multisig.owners"),
        (2, (1,) * 33, 33, "multisig.owners"),
        (2, (), 0, "multisig.owners"),
        (2, (1, 1024, 1), 3, "multisig.weight"),
        (2, (1, -1, 1), 3, "multisig.weight"),
    ],
)
def test_refuses_to_create_what_locks_or_gives_away(
    threshold: int, weights: tuple[int, ...], count: int, code: str
) -> None:
    """Thresholds of zero or beyond all weights, which the chain takes, are refused; so are its limits."""
    owners = tuple(f"Mx{number:040x}" for number in range(count))
    with pytest.raises(Malformed) as refusal:
        wallets.create_multisig(Owners(threshold, weights, owners), chain_id=1, nonce=1)
    assert refusal.value.code == code


def test_refuses_an_owner_twice_and_numbers_below_one() -> None:
    """An owner who stands twice could sign once for both; nonce and gas price begin at 1."""
    with pytest.raises(Malformed, match="twice"):
        Owners(2, (1, 1, 1), (ALICE, ALICE, OWNERS[0]))
    good = Owners(2, (1, 1, 1), OWNERS)
    for nonce, gas_price in ((0, 1), (1, 0)):
        with pytest.raises(Malformed, match="at least 1"):
            wallets.create_multisig(good, chain_id=1, nonce=nonce, gas_price=gas_price)


def test_owners_proven_by_a_node_in_any_order() -> None:
    """The record's own threshold, weights and owners are the proof; their order is free."""
    for addresses in (OWNERS, OWNERS[::-1]):
        wallets.check_owners(wallet_record(), 2, [1, 1, 1], addresses)


THIEF = (ALICE, *OWNERS[1:])


@pytest.mark.parametrize(
    ("threshold", "weights", "addresses"),
    [
        (1, [1, 1, 1], OWNERS),
        (0, [1, 1, 1], OWNERS),
        (3, [1, 1, 1], OWNERS),
        (2, [2, 1, 1], OWNERS),
        (2, [1, 1], OWNERS),
        (2, [1, 1, 1, 1], OWNERS),
        (2, [], []),
        (2, [1, 1, 1], THIEF),
        (2, [1, 1, 1, 1], (*OWNERS, ALICE)),
        (2, [1, 1], OWNERS[:2]),
        (2, [1, 1, 1], (*OWNERS[:2], OWNERS[1])),
        (2, [1, 1, 1], tuple(owner.upper() for owner in OWNERS)),
    ],
)
def test_anything_else_a_node_says_is_a_breach(
    threshold: int, weights: list[int], addresses: tuple[str, ...]
) -> None:
    """One owner, weight or the threshold different, missing or more: the wallet is never shown."""
    with pytest.raises(Breach, match="do not pay into it") as alarm:
        wallets.check_owners(wallet_record(), threshold, weights, addresses)
    assert alarm.value.code == "multisig.owners"


def test_without_the_proof_an_address_says_nothing_of_its_owners() -> None:
    """The twin: a record of other owners derives the same address, so deriving alone would believe it."""
    stolen = _with_owner(wallet_record(), minter.named("create 2-of-3").keys[0].public_key.format().hex())
    other = replace(stolen, profile=f"multisig-v2:{ALICE}:7")
    mine = wallets.derive_address(MAINNET, other.profile, 2, KEYS)
    theirs = wallets.derive_address(MAINNET, other.profile, 2, [key.public_key for key in other.owners])
    assert mine == theirs
    with pytest.raises(Breach):
        wallets.check_owners(replace(other, address=theirs), 2, [1, 1, 1], OWNERS)


def _with_owner(record: WalletRecord, public_key: str) -> WalletRecord:
    hot, cool, cold = record.owners
    return replace(record, owners=(replace(hot, public_key=public_key), cool, cold))
