"""What others need to sign one SafeTx, hashing included: libsecp256k1 bare, eth-account, safe-eth-py."""

from __future__ import annotations

from collections.abc import Callable

from coincurve import PrivateKey
from eth_account import Account
from eth_typing import URI, ChecksumAddress, HexAddress, HexStr
from safe_eth.eth import EthereumClient
from safe_eth.safe import SafeTx as PeerSafeTx

from keepcool.chains.evm import payouts
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash

KEY = bytes([7] * 32)  # a key of this benchmark, never funded
SAFE = "0x51be967E33657ff28d12e1c0F6eA5A85b43f9245"
TO = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"
_ZERO = "0x" + "00" * 20
_TYPES = {
    "EIP712Domain": [
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "SafeTx": [
        {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "data", "type": "bytes"},
        {"name": "operation", "type": "uint8"},
        {"name": "safeTxGas", "type": "uint256"},
        {"name": "baseGas", "type": "uint256"},
        {"name": "gasPrice", "type": "uint256"},
        {"name": "gasToken", "type": "address"},
        {"name": "refundReceiver", "type": "address"},
        {"name": "nonce", "type": "uint256"},
    ],
}


def works() -> dict[str, Callable[[], int]]:
    """Each signs one SafeTx per call, a different one each time."""
    return {
        "coincurve, our hash (bare signing)": _counted(_bare),
        "eth-account sign_typed_data": _counted(_eth_account),
        "safe-eth-py SafeTx.sign": _counted(_safe_eth_py()),
    }


def _counted(sign: Callable[[int], object]) -> Callable[[], int]:
    nonce = 0

    def work() -> int:
        nonlocal nonce
        nonce += 1
        sign(nonce)
        return 1

    return work


def _safe_tx(nonce: int) -> SafeTx:
    return payouts.pay_native(safe=SAFE, chain_id=31337, nonce=nonce, recipient=TO, wei=nonce)


def _bare(nonce: int) -> bytes:
    return PrivateKey(KEY).sign_recoverable(safe_tx_hash(_safe_tx(nonce)), hasher=None)


def _eth_account(nonce: int) -> object:
    message = {
        "to": TO, "value": nonce, "data": b"", "operation": 0, "safeTxGas": 0, "baseGas": 0,
        "gasPrice": 0, "gasToken": _ZERO, "refundReceiver": _ZERO, "nonce": nonce,
    }  # fmt: skip
    full = {
        "types": _TYPES,
        "primaryType": "SafeTx",
        "domain": {"chainId": 31337, "verifyingContract": SAFE},
        "message": message,
    }
    return Account.sign_typed_data(KEY, full_message=full)


def _safe_eth_py() -> Callable[[int], object]:
    client = EthereumClient(URI("http://127.0.0.1:1"))  # never asked: chain id and version are given

    safe, to = ChecksumAddress(HexAddress(HexStr(SAFE))), ChecksumAddress(HexAddress(HexStr(TO)))

    def sign(nonce: int) -> object:
        tx = PeerSafeTx(
            client, safe, to, nonce, b"", 0, 0, 0, 0, None, None,
            safe_nonce=nonce, safe_version="1.4.1", chain_id=31337,
        )  # fmt: skip
        return tx.sign("0x" + KEY.hex())

    return sign
