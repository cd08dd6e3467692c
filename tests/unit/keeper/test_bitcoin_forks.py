"""A digest of Bitcoin names no chain: what is signed on one network is valid wherever the same coin lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.bitcoin import address
from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.bitcoin.network_table import BITCOIN, SHIPPED
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.chains.family import terms_of
from keepcool.cooler import number_memory
from keepcool.core.errors import Malformed
from keepcool.core.ids import WalletId
from keepcool.core.registry import WalletRecord
from keepcool.cosigner.attest import attest
from keepcool.wire.messages import Attested
from tests.unit.keeper.bitcoin_house import (
    COOLER,
    CUSTOMER,
    KEEPER,
    LITECOIN,
    OWN,
    POOL,
    House,
    code,
    objections,
    payment,
    psbt,
    told,
)

OTHER = SHIPPED.named("bitcoin-regtest")


def elsewhere(record: WalletRecord) -> WalletRecord:
    """The same three keys as a wallet of another network."""
    moved = replace(record, wallet=WalletId("b"), network=OTHER.id)
    return replace(moved, address=BitcoinFamily().derive_address(terms_of(moved)))


def know_both(house: House) -> None:
    """Cooler's policy has both networks."""
    cooler, policy = house.cooler, house.cooler.policy
    rules = policy.networks[LITECOIN.id]
    networks = {LITECOIN.id: rules, OTHER.id: replace(rules, network=OTHER.id)}
    cooler.in_force._known[policy.hash] = (replace(policy, networks=networks), cooler.in_force.book)


@pytest.mark.parametrize("profile", [OWN, POOL])
@pytest.mark.parametrize("control", [True, False])
def test_one_script_is_of_one_network(
    tmp_path: Path, profile: str, control: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stolen Keeper names a wallet's keys again, for a network whose caps are wider: Cooler attests them
    once. The twin: attested twice, a draft of the one is a draft of the other, digest for digest."""

    async def story(house: House) -> None:
        first = await house.wallet("a", profile)
        know_both(house)
        if not control:
            monkeypatch.setattr(number_memory.NumberMemory, "check_unique", lambda *_: None)
        forged = elsewhere(first)
        signature = attest(house.keeper.foundation.identity, forged)
        (answer,) = await house.attest(
            Attested(record=forged.encoded(), attestations={KEEPER.value: signature})
        )
        assert code(answer) == ("wallet.twice_used" if control else "Attested")
        assert (house.cooler.foundation.store.record(WalletId("b")) is None) == control
        raw = psbt(first, house.coins(first, 2))
        here, there = (BitcoinFamily().decode(raw, one) for one in (first, forged))
        assert here.digests == there.digests
        assert {slot.network for slot in (*here.slots, *there.slots)} == {LITECOIN.id, OTHER.id}

    told(tmp_path, story)


def test_a_draft_in_another_networks_name_is_refused(tmp_path: Path) -> None:
    """An intent for one network and a wallet of another: both signers deny it by the rule for that, among
    others; under its own network they sign."""

    async def story(house: House) -> None:
        record = await house.wallet("a")
        raw = psbt(record, house.coins(record, 1))
        honest = payment(record, raw)
        swapped = replace_network(honest.intent)
        for signer in (KEEPER, COOLER):
            (answer,) = await house.sign(signer, type(honest)(intent=swapped, draft=raw))
            assert "effects_equal_intent" in objections(answer)
        await house.both_sign(record, honest)

    told(tmp_path, story)


def replace_network(intent: bytes) -> bytes:
    """Every mention of the network, the recipient spelled as it is there."""
    script = address.parse_address(LITECOIN, CUSTOMER)
    return (
        intent.replace(LITECOIN.asset.encode(), OTHER.asset.encode())
        .replace(LITECOIN.id.encode(), OTHER.id.encode())
        .replace(CUSTOMER.encode(), address.spell(OTHER, script).encode())
    )


def test_a_fork_with_bitcoins_own_history_has_no_row() -> None:
    """Its coins are Bitcoin's, outpoint for outpoint, and one signature would move both: a row with the same
    genesis is refused, whatever its name. A network that began by itself has its row."""
    fork = replace(BITCOIN, name="bitcoin-fork", symbol="BFK", hrp="bfk")
    with pytest.raises(Malformed, match=r"network\.twice"):
        SHIPPED.plus([fork])
    own = replace(fork, genesis="f" * 64)
    assert SHIPPED.plus([own]).of(own.id) == own


def test_wallets_of_two_networks_share_no_script(tmp_path: Path) -> None:
    """Made one after the other from one row of accounts: no place of one is a place of the other."""

    async def story(house: House) -> None:
        made = [wallet_of(await house.wallet(name, OWN)) for name in ("a", "b")]
        pools = [wallet_of(await house.wallet(name, POOL)) for name in ("p", "q")]
        scripts = [
            one.script(replace(one.place(change, index), cosigner=branch))
            for one in (*made, *pools)
            for branch in range(3)
            for change in (0, 1)
            for index in range(5)
        ]
        assert len(set(scripts)) == len(scripts) == 4 * 30

    told(tmp_path, story)
