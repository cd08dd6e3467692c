"""The EVM family through the Protocol the co-signer knows."""

from __future__ import annotations

import pytest
from eth_keys.datatypes import PrivateKey

from keepcool.chains.evm import payouts, wallets
from keepcool.chains.evm.safe import encode_draft, safe_tx_hash
from keepcool.chains.families import family_named, family_of
from keepcool.chains.family import Family, FamilyName, terms_of
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord
from tests.unit.chains.samples import ALICE, CHAIN, NETWORK, PROFILE, SAFE
from tests.vectors import evm
from tests.vectors.evm import unhex

KEYS = {name: PrivateKey(unhex(secret)) for name, secret in evm.KEYS.items()}


def record() -> WalletRecord:
    hot, cool, cold = (
        OwnerKey(role, KEYS[role.value].public_key.to_compressed_bytes().hex())
        for role in (Role.HOT, Role.COOL, Role.COLD)
    )
    return WalletRecord(
        wallet=WalletId("w-1"),
        revision=1,
        previous=NO_PREVIOUS,
        family="evm",
        network=NETWORK,
        profile=PROFILE.name,
        threshold=2,
        owners=(hot, cool, cold),
        address=SAFE,
        owner="u-1",
        user_key="",
        policy_class="",
        standing=Standing.PROVEN,
        made_at_s=1,
    )


def test_an_address_comes_from_three_public_keys() -> None:
    """The derived address is that of the three owners, hot, cool, cold, under the wallet's own salt."""
    family: Family = family_named("evm")
    owners = (evm.OWNERS["hot"], evm.OWNERS["cool"], evm.OWNERS["cold"])
    expected = wallets.derive_address(PROFILE, owners, 2, wallets.wallet_salt(WalletId("w-1")))
    assert family.derive_address(terms_of(record())) == expected
    assert (family.name, family.version) == (FamilyName.EVM, 1)


def test_a_draft_is_decoded_under_the_records_profile() -> None:
    """The family decodes a draft's bytes to the effects of its Safe."""
    tx = payouts.pay_native(safe=SAFE, chain_id=CHAIN, nonce=0, recipient=ALICE, wei=1)
    effects = family_of(NETWORK).decode(encode_draft(tx), record())
    assert (effects.family, effects.source, effects.hazards) == ("evm", SAFE, ())
    assert effects.digests == (safe_tx_hash(tx),)


def test_signatures_are_encoded_and_verified() -> None:
    """r, s and recovery id become the 65 bytes the Safe takes; another owner's key refuses them."""
    family = family_of(NETWORK)
    vector = evm.safe_txs()[0]
    made = KEYS["cool"].sign_msg_hash(vector.digest)
    encoded = family.encode_signature(made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big"), made.v)
    assert encoded == vector.signatures[evm.OWNERS["cool"]]
    family.verify_signature(vector.digest, encoded, record().key(Role.COOL).public_key)
    with pytest.raises(Malformed, match=r"signature\.owner"):
        family.verify_signature(vector.digest, encoded, record().key(Role.HOT).public_key)


def test_recipients_are_spelled_or_refused() -> None:
    """A recipient keeps its one spelling; another family's network or a lost address is refused."""
    family = family_of(NETWORK)
    assert family.parse_recipient(NETWORK, ALICE) == ALICE
    for network, text in ((NetworkId("bip122:000000000019d668"), ALICE), (NETWORK, "0x" + 40 * "0")):
        with pytest.raises(Malformed):
            family.parse_recipient(network, text)


def test_an_unknown_family_or_network_is_refused() -> None:
    """A family this release does not know is an error, never a guess."""
    with pytest.raises(Malformed, match=r"family\.unknown"):
        family_named("dogecoin")
    with pytest.raises(Malformed, match=r"network\.unknown"):
        family_of(NetworkId("solana:mainnet"))
