"""Coins sent to a Safe's address on another EVM network: it is the same address there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains import publickeys
from keepcool.chains.evm import execution, payouts, wallets
from keepcool.chains.evm.address import of_public_key
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import safe_tx_hash
from keepcool.core.ids import AssetId, NetworkId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local.devchain import DevChain, deploy_safe_contracts
from keepcool.policy.rules import ALL
from tests.fixtures.chain import address_number, running_chain
from tests.unit.app.payouts.signers import key, sign
from tests.unit.app.payouts.workshop import ETHER, Workshop
from tests.unit.policy.samples import network, objections, pay

pytestmark = pytest.mark.live
OTHER = 100
HARBOR = address_number(77)


def owner(record: WalletRecord, at: int) -> str:
    return of_public_key(publickeys.parse_public_key(record.owners[at].public_key))


def stand(chain: DevChain, record: WalletRecord) -> None:
    """Anybody makes the Safe stand there: same factory, same owners, same salt."""
    profile = profile_named(record.profile)
    owners = (owner(record, 0), owner(record, 1), owner(record, 2))
    initializer = wallets.setup_of(profile, owners, record.threshold).initializer()
    data = wallets.create_proxy_with_nonce(profile, initializer, wallets.wallet_salt(record.wallet))
    chain.send(profile.factory.address, data=data)


def test_two_papers_bring_it_back_from_there(tmp_path: Path) -> None:
    """Deployed at its own address on the other chain, it pays the harbor with the cool and the cold key; the
    signers, asked for it, refuse: their record is of the network it was attested for."""
    shop = Workshop(tmp_path)
    record = shop.issue("w1")
    shop.close()
    with running_chain(chain_id=OTHER) as chain:
        deploy_safe_contracts(chain)
        chain.fund(record.address, 3 * ETHER)
        assert not chain.has_code(record.address)
        stand(chain, record)
        assert chain.has_code(record.address)
        there = NetworkId(f"eip155:{OTHER}")
        paid = Output(HARBOR, Amount(AssetId(f"{there}/slip44:60"), 2 * ETHER))
        profile = profile_named(record.profile)
        drafted = payouts.pay(profile, safe=record.address, chain_id=OTHER, nonce=0, outputs=[paid])
        digest = safe_tx_hash(drafted)
        papers = {owner(record, 1): sign(key("cool"), digest), owner(record, 2): sign(key("cold"), digest)}
        chain.send(record.address, data=execution.exec_transaction(drafted, papers))
        assert (chain.balance(HARBOR), chain.balance(record.address)) == (2 * ETHER, ETHER)
    asked = pay((HARBOR, paid.amount.asset, paid.amount.units))
    both = frozenset({Service.KEEPER, Service.COOLER})
    intent = replace(asked.intent, network=there, source=record.wallet)
    effects = decode_safe_tx(drafted, profile)
    case = replace(asked, intent=intent, effects=effects, record=record, attested_by=both)
    assert "effects_equal_intent" in objections(case, network(harbor=HARBOR), ALL)
