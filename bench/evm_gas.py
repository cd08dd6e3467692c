"""Gas of one payout on an EVM chain, by how many share a transaction.

Measured on anvil with the official Safe contracts, by the SafeTxs App drafts and two signatures over each:
`gasUsed` of a receipt, of a Safe that has paid before, to recipients that were empty, which is what a first
payment to somebody costs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from coincurve import PrivateKey

from bench.measure import Figure, printed
from keepcool.chains.evm import address, execution, payouts, wallets
from keepcool.chains.evm.profiles import SafeProfile, profile_named
from keepcool.chains.evm.safe import SafeTx, safe_tx_hash
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Unavailable
from keepcool.core.ids import AssetId
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.local.devchain import CHAIN_ID, DevChain, Mining, deploy_safe_contracts, deploy_token, program

NPM = Path(__file__).parents[1] / "node_modules"
PROFILE = "safe-1.5.0-l1"
SIZES = (1, 10, 50, 100)
GOAL_50 = 28_000
_NATIVE = AssetId(f"eip155:{CHAIN_ID}/slip44:60")


class _Payer:
    """A deployed Safe with coins, and the two keys that sign for it."""

    def __init__(self, chain: DevChain, profile: SafeProfile, token: str) -> None:
        self._chain, self._profile, self._nonce, self._paid = chain, profile, 0, 0
        self._keys = {_address(key): key for key in (_key("hot"), _key("cool"))}
        owners = (*self._keys, _address(_key("cold")))
        setup = wallets.setup_of(profile, owners, 2).initializer()
        self.safe = wallets.proxy_address(profile, setup, 1)
        chain.send(profile.factory.address, data=wallets.create_proxy_with_nonce(profile, setup, 1))
        chain.fund(self.safe, 10**18)
        chain.fund_token(token, self.safe, 10**9)

    def gas(self, asset: AssetId, count: int) -> int:
        """Used by one transaction that pays so many strangers."""
        outputs = [Output(self._stranger(), Amount(asset, 1000)) for _ in range(count)]
        unsigned = payouts.pay(
            self._profile, safe=self.safe, chain_id=CHAIN_ID, nonce=self._nonce, outputs=outputs
        )
        self._nonce += 1
        return self._executed(unsigned)

    def _executed(self, unsigned: SafeTx) -> int:
        digest = safe_tx_hash(unsigned)
        signed = {owner: _signed(key, digest) for owner, key in self._keys.items()}
        receipt = self._chain.send(self.safe, data=execution.exec_transaction(unsigned, signed))
        return int(receipt["gasUsed"], 16)

    def _stranger(self) -> str:
        self._paid += 1
        return address.to_checksum(keccak256(f"bench {self._paid}".encode())[12:])


def gas() -> list[Figure]:
    try:
        program(NPM)
    except Unavailable:
        return []
    with tempfile.TemporaryDirectory(prefix="keepcool-bench-") as text:
        chain = DevChain(NPM, Path(text), mining=Mining(epoch_slots=1), chain_id=CHAIN_ID)
        with chain:
            deploy_safe_contracts(chain)
            token = deploy_token(chain, "Coin", "COIN", 10**27)
            payer = _Payer(chain, profile_named(PROFILE), token)
            payer.gas(_NATIVE, 1)  # the nonce leaves zero
            tokens = AssetId(f"eip155:{CHAIN_ID}/erc20:{token}")
            return [*_figures(payer, "ETH", _NATIVE), *_figures(payer, "ERC-20", tokens)]


def _figures(payer: _Payer, name: str, asset: AssetId) -> list[Figure]:
    return [_figure(name, count, payer.gas(asset, count)) for count in SIZES]


def _figure(name: str, count: int, used: int) -> Figure:
    how = "a transaction of its own" if count == 1 else f"{count} in one transaction"
    title, each = f"gas of one {name} payout to somebody new, {how}", used / count
    if (name, count) != ("ERC-20", 50):
        return Figure(title, each, "gas", f"{used} in all")
    return Figure(title, each, "gas", f"{used} in all", f"at most {GOAL_50}", each <= GOAL_50)


def _address(key: PrivateKey) -> str:
    return address.of_public_key(key.public_key.format())


def _key(name: str) -> PrivateKey:
    """Never fund it."""
    return PrivateKey(keccak256(f"bench {name}".encode()))


def _signed(key: PrivateKey, digest: bytes) -> bytes:
    raw = key.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes((27 + raw[64],))


if __name__ == "__main__":
    printed("Gas of EVM payouts", gas(), "anvil and the official Safe contracts")
