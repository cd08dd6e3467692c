"""Signers of a network that this release does not ship: given its row, they make, attest and sign."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.networksfile import known_families
from keepcool.chains.bitcoin.network_table import read_networks
from keepcool.chains.families import SHIPPED_FAMILIES, Families
from keepcool.chains.family import terms_of
from keepcool.core.errors import Breach, Malformed, Refused
from keepcool.core.ids import AssetId
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.cosigner.foundation import Foundation
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.service import Signer
from keepcool.local.policies import PolicyPart, written
from keepcool.policy.document import parse_policy
from keepcool.ports.signer_store import RecordRow
from tests.unit.chains.bitcoin.records import record_of
from tests.unit.chains.test_families import FORK, MINE, NETWORK
from tests.unit.keeper import bitcoin_house
from tests.unit.keeper.bitcoin_house import COOLER, KEEPER, Ground


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "networks.toml"
    made.write_bytes(FORK)
    return made


def test_the_file_is_read_once_at_the_start(file: Path) -> None:
    """No file is what is shipped; a file adds to it; one that is missing or wrong keeps a signer from
    starting."""
    assert known_families("") == SHIPPED_FAMILIES
    assert known_families(str(file)) == Families(read_networks(FORK))
    with pytest.raises(Refused, match="cannot read"):
        known_families(str(file) + ".missing")
    file.write_bytes(FORK + FORK)
    with pytest.raises(Malformed, match="one name"):
        known_families(str(file))


def harboured(harbor: str) -> bytes:
    """A policy of the fork, with a harbor on it."""
    asset = AssetId(f"{NETWORK}/slip44:9999")
    rules = {
        "family": "bitcoin",
        "profile": "bip45-p2wsh",
        "fee_max_units": "1000000",
        "fee_rate_max": 1_000_000,
        "fee_share_max": 500,
        "harbor": harbor,
        "native": {"asset": asset, "symbol": "MYC", "decimals": 8},
    }
    caps = {f"cap_{span}_units": "1000" for span in ("transaction", "hour", "day")}
    return written(
        Service.KEEPER,
        [PolicyPart(NETWORK, "grain", rules, {asset: {"symbol": "MYC", "decimals": 8, **caps}})],
    )


def fork_record() -> WalletRecord:
    record = replace(record_of(number=3), network=NETWORK)
    return replace(record, address=MINE.named("bitcoin").derive_address(terms_of(record)))


@pytest.mark.parametrize("families", [MINE, SHIPPED_FAMILIES], ids=["with its row", "twin"])
def test_a_signer_starts_under_a_policy_of_networks_it_knows(tmp_path: Path, families: Families) -> None:
    """The harbor's address is read by the row; without it the signer does not start."""

    async def opened() -> Signer:
        ground = Ground.new(tmp_path)
        policy = parse_policy(harboured(fork_record().address))
        foundation: Foundation = replace(
            bitcoin_house._foundation(ground, COOLER), policy=policy, families=families
        )
        try:
            return await Signer.opened(foundation, bitcoin_house._coolers_part())
        finally:
            foundation.store.close()

    if families is MINE:
        assert asyncio.run(opened()).foundation.families is MINE
    else:
        with pytest.raises(Malformed, match="no row describes"):
            asyncio.run(opened())


def test_a_registry_knows_wallets_of_that_network(tmp_path: Path) -> None:
    """A row of its database is believed with the network's row, and is a breach without."""
    record = fork_record()
    row = RecordRow(record.wallet, record.revision, record.encoded(), {})
    foundation = bitcoin_house._foundation(Ground.new(tmp_path), KEEPER)
    with_row = OwnRegistry(foundation.store, dict, MINE.named)
    without = OwnRegistry(foundation.store, dict, SHIPPED_FAMILIES.named)
    assert with_row.known(record.wallet, row).derived_address == record.address
    with pytest.raises(Breach, match="not one this signer made"):
        without.known(record.wallet, row)
    foundation.store.close()
