"""The EVM family against the official contracts on a real chain: hashes, addresses, executions, and what the
contracts would let two owners do that our decoder does not let pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from eth_account import Account

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.evm import abi, payouts, purse, wallets
from keepcool.chains.evm.address import ZERO, to_checksum
from keepcool.chains.evm.batch import Call, encode_batch
from keepcool.chains.evm.decode import decode_safe_tx
from keepcool.chains.evm.execution import exec_transaction, parse_execution
from keepcool.chains.evm.profiles import PROFILES, SafeProfile, profile_for, profile_named
from keepcool.chains.evm.safe import SafeTx, encode_draft, parse_draft, safe_tx_hash
from keepcool.chains.evm.transaction import Transaction
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed, Refused, Unavailable
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.local.devchain import CHAIN_ID, DevChain, deploy_token
from keepcool.ports.evmnode import Call as NodeCall
from tests.fixtures.chain import NATIVE, NETWORK, address_number, safe_chain

pytestmark = pytest.mark.live
PROFILE = profile_named("safe-1.5.0-l1")
FLAVOURS = list(PROFILES)
ETHER = 10**18
HASHES = 300
HASH_KINDS = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,uint256"
THRESHOLD_ONE = bytes.fromhex("694e80c3") + abi.uint(1)


@dataclass
class LiveSafe:
    """A deployed 2-of-3 Safe whose keys were made for this test alone."""

    chain: DevChain
    keys: list[Any]
    address: str

    def read(self, signature: str, *arguments: bytes | abi.Tail) -> bytes:
        data = keccak256(signature.encode())[:4] + abi.encode(*arguments)
        call = {"to": self.address, "data": "0x" + data.hex()}
        return bytes.fromhex(self.chain.ask("eth_call", call, "latest")[2:])

    def number(self, name: str) -> int:
        return int.from_bytes(self.read(f"{name}()"), "big")

    def hash_of(self, tx: SafeTx) -> bytes:
        return self.read(
            f"getTransactionHash({HASH_KINDS})",
            abi.address(tx.to),
            abi.uint(tx.value),
            abi.dynamic_bytes(tx.data),
            *(abi.uint(n) for n in (tx.operation, tx.safe_tx_gas, tx.base_gas, tx.gas_price)),
            abi.address(tx.gas_token),
            abi.address(tx.refund_receiver),
            abi.uint(tx.nonce),
        )

    def execute(self, tx: SafeTx) -> None:
        """Raises Unavailable when the contract reverts."""
        data = "0x" + self.signed(tx).hex()
        # Gas is given: estimated at gas price zero, a refund costs nothing and the estimate is too low.
        call = {"from": self.chain.accounts()[0], "to": self.address, "gas": hex(2_000_000), "data": data}
        self.chain.receipt(self.chain.ask("eth_sendTransaction", call))

    def signed(self, tx: SafeTx) -> bytes:
        """The call that executes it, signed by the last two owners."""
        digest = safe_tx_hash(tx)
        made = {key.address: bytes(key.unsafe_sign_hash(digest).signature) for key in self.keys[1:]}
        return exec_transaction(tx, made)

    def call(self, to: str, data: bytes, operation: int = 0, value: int = 0) -> SafeTx:
        return SafeTx(self.address, CHAIN_ID, to, value, data, operation, self.number("nonce"))


@pytest.fixture(scope="module")
def chain() -> Iterator[DevChain]:
    with safe_chain() as running:
        yield running


@pytest.fixture(scope="module")
def token(chain: DevChain) -> str:
    return deploy_token(chain, "Test", "TST", 10**24)


def deployed(chain: DevChain, profile: SafeProfile = PROFILE) -> LiveSafe:
    keys = [Account.create() for _ in range(3)]
    owners = tuple(key.address for key in keys)
    address = wallets.derive_address(profile, owners, 2, 9)
    chain.fund(address, ETHER)
    initializer = wallets.setup_of(profile, owners, 2).initializer()
    chain.send(profile.factory.address, data=wallets.create_proxy_with_nonce(profile, initializer, 9))
    return LiveSafe(chain, keys, address)


def hazards(tx: SafeTx) -> set[str]:
    return {hazard.code for hazard in decode_safe_tx(tx, PROFILE).hazards}


def outputs(token: str, *rows: tuple[str, int, bool]) -> list[Output]:
    asset = AssetId(f"{NETWORK}/erc20:{token}")
    return [Output(who, Amount(asset if is_token else NATIVE, units)) for who, units, is_token in rows]


@pytest.mark.parametrize("profile", FLAVOURS, ids=lambda profile: profile.name)
def test_the_hash_is_the_contracts_on_random_fields(chain: DevChain, profile: SafeProfile) -> None:
    """getTransactionHash of a deployed Safe returns our hash, whatever the fields."""
    safe, random = deployed(chain, profile), Random(1)  # noqa: S311 (fields of a test, not keys)

    def address() -> str:
        return to_checksum(random.randbytes(20))

    def word() -> int:
        return random.getrandbits(random.choice((0, 1, 64, 255, 256)))

    for _ in range(HASHES):
        tx = SafeTx(
            safe=safe.address,
            chain_id=CHAIN_ID,
            to=address(),
            value=word(),
            data=random.randbytes(random.randrange(0, 300)),
            operation=random.randrange(2),
            nonce=word(),
            safe_tx_gas=word(),
            base_gas=word(),
            gas_price=word(),
            gas_token=address(),
            refund_receiver=address(),
        )
        assert safe.hash_of(tx) == safe_tx_hash(tx), tx


@pytest.mark.parametrize("profile", FLAVOURS, ids=lambda profile: profile.name)
def test_the_wallet_is_where_we_said(chain: DevChain, profile: SafeProfile) -> None:
    """Coins sent before deployment lie in the deployed Safe; its contracts' code has the hashes we know."""
    safe = deployed(chain, profile)
    assert chain.has_code(safe.address)
    assert (chain.balance(safe.address), safe.number("getThreshold")) == (ETHER, 2)
    for contract in profile.contracts():
        code = bytes.fromhex(chain.ask("eth_getCode", contract.address, "latest")[2:])
        assert keccak256(code) == contract.runtime_keccak


@pytest.mark.parametrize("profile", FLAVOURS, ids=lambda profile: profile.name)
def test_payments_do_on_chain_what_the_decoder_says(
    chain: DevChain, token: str, profile: SafeProfile
) -> None:
    """A payment, a token, a batch and a void, each through its draft, move exactly the decoded amounts."""
    safe, number = deployed(chain, profile), 100 * FLAVOURS.index(profile)
    chain.fund_token(token, safe.address, 100)
    alice, bob = address_number(number + 11), address_number(number + 12)
    for rows in (
        [(alice, 5, False)],
        [(alice, 6, True)],
        [(bob, 7, False), (alice, 8, True), (bob, 9, True), (alice, 10, False)],
    ):
        tx = payouts.pay(
            profile,
            safe=safe.address,
            chain_id=CHAIN_ID,
            nonce=safe.number("nonce"),
            outputs=outputs(token, *rows),
        )
        assert not decode_safe_tx(parse_draft(encode_draft(tx)), profile).hazards
        safe.execute(parse_draft(encode_draft(tx)))
    safe.execute(payouts.void(safe=safe.address, chain_id=CHAIN_ID, nonce=3))
    assert (chain.balance(alice), chain.balance(alice, token)) == (15, 14)
    assert (chain.balance(bob), chain.balance(bob, token)) == (7, 9)
    assert chain.balance(safe.address) == ETHER - 22
    assert chain.balance(safe.address, token) == 100 - 23
    assert safe.number("nonce") == 4


@pytest.mark.parametrize(
    ("version", "told"),
    [("1.5.0", "transfer amount exceeds balance"), ("1.4.1", "GS013 (the payment inside failed")],
)
def test_a_payment_that_fails_says_why(chain: DevChain, token: str, version: str, told: str) -> None:
    """Safe 1.5.0 passes the token's reason on; of 1.4.1's code we say what it means."""
    safe = deployed(chain, profile_for(version, "l1"))
    poor = payouts.pay_token(
        safe=safe.address, chain_id=CHAIN_ID, nonce=0, token=token, recipient=address_number(8), units=1
    )
    assert told in asyncio.run(refusal(chain, safe, poor))


@pytest.mark.parametrize("profile", FLAVOURS, ids=lambda profile: profile.name)
def test_a_stale_nonce_says_why(chain: DevChain, profile: SafeProfile) -> None:
    """Signatures of another nonce recover to strangers: every version says so by a code that we explain."""
    safe = deployed(chain, profile)
    later = payouts.void(safe=safe.address, chain_id=CHAIN_ID, nonce=7)
    assert "GS026 (a signature is by no owner" in asyncio.run(refusal(chain, safe, later))


async def refusal(chain: DevChain, safe: LiveSafe, tx: SafeTx) -> str:
    """What our node adapter says of its execution, that will fail."""
    node = HttpEvmNode(NETWORK, chain.url, SystemClock())
    try:
        with pytest.raises(Refused) as refused:
            await node.estimate_gas(NodeCall(safe.address, safe.signed(tx), sender=chain.accounts()[0]))
    finally:
        await node.close()
    assert refused.value.code == "node.reverted"
    return refused.value.public


def test_a_void_and_its_payment_exclude_one_another(chain: DevChain) -> None:
    """Once the void of a nonce is executed, the payment signed for the same nonce reverts."""
    safe, carol = deployed(chain), address_number(3)
    paying = payouts.pay_native(safe=safe.address, chain_id=CHAIN_ID, nonce=0, recipient=carol, wei=5)
    safe.execute(payouts.void(safe=safe.address, chain_id=CHAIN_ID, nonce=0))
    with pytest.raises(Unavailable):
        safe.execute(paying)
    assert chain.balance(carol) == 0


@pytest.mark.parametrize("inside", ["direct", "batch", "batch to zero"])
def test_the_contract_lets_owners_lower_the_threshold_and_we_do_not(chain: DevChain, inside: str) -> None:
    """Two signatures make one enough, also by a call to the zero address inside a batch, which means the
    Safe itself; the decoder names each of the three ways."""
    safe = deployed(chain)
    target = ZERO if inside == "batch to zero" else safe.address
    batch = encode_batch([Call(address_number(4), 1, b""), Call(target, 0, THRESHOLD_ONE)])
    direct = safe.call(safe.address, THRESHOLD_ONE)
    tx = direct if inside == "direct" else safe.call(PROFILE.multisend_call_only.address, batch, operation=1)
    assert "safe.threshold" in hazards(tx)
    assert hazards(tx) & {"safe.self_call", "recipient.zero"}
    safe.execute(tx)
    assert safe.number("getThreshold") == 1


def test_the_contract_lets_owners_delegatecall_a_stranger_and_we_do_not(chain: DevChain) -> None:
    """A delegatecall to code that overwrites slot 0 replaces the Safe's code: the largest theft's shape."""
    safe = deployed(chain)
    overwriter = chain.deploy(bytes.fromhex("600480600b6000396000f3" + "33600055"))  # sstore(0, caller)
    tx = safe.call(overwriter, b"", operation=1)
    before = chain.ask("eth_getStorageAt", safe.address, "0x0", "latest")
    assert hazards(tx) == {"safe.delegatecall"}
    safe.execute(tx)
    assert chain.ask("eth_getStorageAt", safe.address, "0x0", "latest") != before


def test_the_contract_refunds_the_executor_and_we_do_not(chain: DevChain) -> None:
    """With refund fields set the Safe pays a third party out of its coins; the decoder names each field."""
    safe, thief = deployed(chain), address_number(5)
    void = payouts.void(safe=safe.address, chain_id=CHAIN_ID, nonce=0)
    tx = replace(void, base_gas=10**9, gas_price=1, refund_receiver=thief)
    assert hazards(tx) == {"safe.base_gas", "safe.gas_price", "safe.refund_receiver"}
    safe.execute(tx)
    assert chain.balance(thief) >= 10**9


def test_the_chain_takes_loose_call_data_and_we_do_not(chain: DevChain, token: str) -> None:
    """A token takes a transfer with bytes behind it; the decoder refuses such a draft."""
    safe, dave = deployed(chain), address_number(6)
    chain.fund_token(token, safe.address, 9)
    clean = payouts.pay_token(
        safe=safe.address, chain_id=CHAIN_ID, nonce=0, token=token, recipient=dave, units=9
    )
    loose = replace(clean, data=clean.data + b"\xff")
    with pytest.raises(Malformed):
        hazards(loose)
    safe.execute(loose)
    assert chain.balance(dave, token) == 9


def test_a_purse_transaction_on_chain_reads_as_what_it_is(chain: DevChain) -> None:
    """Call data that the chain executed are read back as the execution and the deployment they were."""
    safe = deployed(chain)
    void = payouts.void(safe=safe.address, chain_id=CHAIN_ID, nonce=0)
    safe.execute(void)
    block = chain.ask("eth_getBlockByNumber", hex(chain.height()), True)
    data = bytes.fromhex(block["transactions"][-1]["input"][2:])
    assert parse_execution(data).at(safe.address, CHAIN_ID, 0) == void
    carrier = Transaction(CHAIN_ID, 0, 1, 2, 300_000, safe.address, 0, data)
    action = purse.decode_purse(carrier, address_number(7), PROFILES)
    assert isinstance(action, purse.ExecuteSafe)
    assert action.safe == safe.address
