"""The purse in front of an App taken over: it pays fees for its own Safes, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from keepcool.chains import publickeys
from keepcool.chains.evm import abi, address, execution, payouts, wallets
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.chains.evm.transaction import Transaction, parse_signed
from keepcool.chains.keccak import keccak256
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.local.running import Installation
from keepcool.wire.messages import PurseItem, PurseSigned, Signed
from tests.fixtures.chain import NETWORK, address_number
from tests.fixtures.red_app import (
    CHAIN_ID,
    PROFILE,
    RedApp,
    draft_of,
    payment,
    signers_alone,
    taken_over,
)

pytestmark = pytest.mark.live
COIN = 10**18
THIEF = address_number(666)


@pytest.fixture(scope="module")
def signers() -> Iterator[Installation]:
    with signers_alone("1,5,20") as made:
        yield made


def test_no_foreign_transaction_is_paid_for(signers: Installation) -> None:
    """Coins to a thief, Safes of strangers, orders with one signature or forged ones, fees and nonces out
    of order: none signed, nothing written; the deployment of a wallet of ours is."""

    async def asking() -> None:
        async with taken_over(signers) as red:
            await red.ready()
            record, other = await red.wallets(2)
            purse = (await red.status(Service.KEEPER)).purses[0]
            half = await _half_signed(red, record)
            before = (await red.status(Service.KEEPER)).head.sequence
            wrong = _wrong(purse.address, purse.next_nonce, record, other, half)
            said = await red.pay_from_purse(*wrong.values())
            named = dict(zip(wrong, said, strict=True))
            assert [name for name, one in named.items() if isinstance(one, PurseSigned)] == []
            assert (await red.status(Service.KEEPER)).head.sequence == before
            [signed] = await red.pay_from_purse(deployment(record, purse.next_nonce))
            assert isinstance(signed, PurseSigned), signed
            assert parse_signed(signed.transaction)[1] == purse.address

    asyncio.run(asking())


async def _half_signed(red: RedApp, record: WalletRecord) -> PurseItem:
    """A payment that Keeper signed and Cooler was never asked for, to be executed."""
    item = payment(red, record, 0, 1000)
    [signed] = await red.sign(Service.KEEPER, [item])
    assert isinstance(signed, Signed)
    tx = draft_of(item)
    owner = address.signer_of(safe_tx_hash(tx), signed.signatures[0])
    data = execution.exec_transaction(tx, {owner: signed.signatures[0]})
    purse = (await red.status(Service.KEEPER)).purses[0]
    return _item("execute", _tx(purse.next_nonce, record.address, data), record.wallet)


def _wrong(
    purse: str, nonce: int, record: WalletRecord, other: WalletRecord, half: PurseItem
) -> dict[str, PurseItem]:
    transfer = keccak256(b"transfer(address,uint256)")[:4] + abi.encode(abi.address(THIEF), abi.uint(1))
    never = payouts.pay_native(safe=record.address, chain_id=CHAIN_ID, nonce=0, recipient=THIEF, wei=COIN)
    good = _deploy_tx(record, nonce)
    foreign = _deploy_data(record, (THIEF, *_owners(record)[1:]))
    return {
        "coins to the thief": _item("execute", replace(_tx(nonce, THIEF, b""), value=COIN)),
        "coins along": _item("deploy", replace(good, value=1), record.wallet),
        "a token call": _item("execute", _tx(nonce, address_number(8), transfer)),
        "one signature": half,
        "forged signatures": _item("execute", _tx(nonce, record.address, _forged(never)), record.wallet),
        "a stranger's Safe": _item("execute", _tx(nonce, THIEF, _forged(never)), record.wallet),
        "a stranger's owners": _item("deploy", replace(good, data=foreign), record.wallet),
        "another wallet named": _item("deploy", good, other.wallet),
        "no wallet named": _item("deploy", good),
        "another factory": _item("deploy", replace(good, to=THIEF), record.wallet),
        "nothing to cancel": _item("cancel", _tx(nonce, purse, b"")),
        "a nonce ahead": _item("deploy", _deploy_tx(record, nonce + 1), record.wallet),
        "another chain": _item("deploy", replace(good, chain_id=1), record.wallet),
        "another network": PurseItem(
            purpose="deploy", network="eip155:1", transaction=good.unsigned_payload(), wallet=record.wallet
        ),
        "fees without bound": _item(
            "deploy", replace(good, max_fee_per_gas=10**15, max_priority_fee_per_gas=10**15), record.wallet
        ),
        "nonsense": PurseItem(purpose="execute", network=NETWORK, transaction=b"\x02\xff"),
    }


def _forged(tx: SafeTx) -> bytes:
    """An execution with 65 bytes of nothing for each owner."""
    by_nobody = publickeys.signature65((1).to_bytes(32, "big"), (1).to_bytes(32, "big"), 0)
    signer = address.signer_of(safe_tx_hash(tx), by_nobody)
    return execution.exec_transaction(tx, {signer: by_nobody})


def _item(purpose: str, tx: Transaction, wallet: str = "") -> PurseItem:
    return PurseItem(purpose=purpose, network=NETWORK, transaction=tx.unsigned_payload(), wallet=wallet)


def _tx(nonce: int, to: str, data: bytes) -> Transaction:
    return Transaction(
        chain_id=CHAIN_ID,
        nonce=nonce,
        max_priority_fee_per_gas=10**9,
        max_fee_per_gas=2 * 10**9,
        gas=400_000,
        to=to,
        value=0,
        data=data,
    )


def deployment(record: WalletRecord, nonce: int, fee: int = 0) -> PurseItem:
    """A wallet's contract, at the usual price or for a fee of so much at most (units)."""
    tx = _deploy_tx(record, nonce)
    dearest = replace(tx, max_fee_per_gas=fee // tx.gas) if fee else tx
    return _item("deploy", dearest, record.wallet)


def _deploy_tx(record: WalletRecord, nonce: int) -> Transaction:
    to = profile_named(PROFILE).factory.address
    return _tx(nonce, to, _deploy_data(record, _owners(record)))


def _deploy_data(record: WalletRecord, owners: tuple[str, ...]) -> bytes:
    profile = profile_named(PROFILE)
    initializer = wallets.setup_of(profile, owners, record.threshold).initializer()
    return wallets.create_proxy_with_nonce(profile, initializer, wallets.wallet_salt(record.wallet))


def _owners(record: WalletRecord) -> tuple[str, ...]:
    return tuple(address.of_public_key(publickeys.parse_public_key(one.public_key)) for one in record.owners)
