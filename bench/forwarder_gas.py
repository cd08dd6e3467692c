"""What bringing a deposit to its treasury costs on an EVM chain, in gas, and what a Safe of one's own does.

On anvil with the official Safe contracts; gas is the same wherever operations have Ethereum's prices.
Alone: `python -m bench.forwarder_gas`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Figure, printed
from keepcool.chains.evm import wallets
from keepcool.chains.evm.forwarders import FACTORY, Flush, Item, forwarder_address
from keepcool.chains.evm.profiles import profile_named
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts, deploy_token

NPM = Path(__file__).parents[1] / "node_modules"
GOAL, COIN = 14_000, 10**18
BATCHES = (1, 10, 50)
HOW = "gas of the whole transaction by address swept, on anvil; the treasury is a deployed Safe"


def forwarder_gas() -> list[Figure]:
    with _chain() as (chain, token):
        treasury = _safe(chain, 1)
        chain.fund_token(token, treasury, 1)
        deployed = Figure("a Safe deployed", _made(chain, 2), "gas", "what a user of his own needs once")
        return [deployed, *_swept(chain, treasury, None, "ETH"), *_swept(chain, treasury, token, "ERC-20")]


def _swept(chain: DevChain, treasury: str, token: str | None, name: str) -> list[Figure]:
    found, first = [], 1 if token is None else 10_001
    for count in BATCHES:
        indices = range(first, first + count)
        first += count
        for turn in ("first", "later"):
            for index in indices:
                _pay(chain, forwarder_address(treasury, index), token)
            flush = Flush(treasury, tuple(Item(index, token) for index in indices))
            gas = _gas(chain.send(FACTORY.address, data=flush.encoded())) / count
            goal = (f"<= {GOAL:,}", gas <= GOAL) if (turn, count, name) in _GOALS else ("", None)
            found.append(Figure(f"{name}: {turn} sweep, {count} together, each", gas, "gas", "", *goal))
    return found


_GOALS = {("later", 10, "ERC-20"), ("later", 50, "ERC-20")}


def _pay(chain: DevChain, to: str, token: str | None) -> None:
    if token is None:
        chain.fund(to, COIN)
    else:
        chain.fund_token(token, to, COIN)


def _gas(receipt: dict[str, object]) -> int:
    return int(str(receipt["gasUsed"]), 16)


def _made(chain: DevChain, salt: int) -> int:
    to, data, _ = _creation(chain, salt)
    return _gas(chain.send(to, data=data))


def _safe(chain: DevChain, salt: int) -> str:
    to, data, address = _creation(chain, salt)
    chain.send(to, data=data)
    return address


def _creation(chain: DevChain, salt: int) -> tuple[str, bytes, str]:
    profile, owners = profile_named("safe-1.5.0-l1"), tuple(chain.accounts()[:3])
    setup = wallets.setup_of(profile, owners, 2).initializer()
    data = wallets.create_proxy_with_nonce(profile, setup, salt)
    return profile.factory.address, data, wallets.proxy_address(profile, setup, salt)


@contextmanager
def _chain() -> Iterator[tuple[DevChain, str]]:
    folder = Path(tempfile.mkdtemp(prefix="keepcool-bench-"))
    try:
        with DevChain(NPM, folder, mining=Mining(epoch_slots=1)) as chain:
            deploy_safe_contracts(chain)
            yield chain, deploy_token(chain, "Coin", "COIN", 10**30)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    printed("Gas of forwarders", forwarder_gas(), HOW)
