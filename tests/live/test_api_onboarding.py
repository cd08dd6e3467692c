"""A network is looked at on a real chain before its first address is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from keepcool.adapters.evmnode.node import HttpEvmNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.app.config import AssetSettings, EvmSettings
from keepcool.app.onboarding import Onboarding
from keepcool.chains.evm.profiles import profile_named
from keepcool.core.errors import Breach, KeepcoolError, Refused, Unavailable
from keepcool.local.devchain import DevChain, deploy_token
from tests.fixtures.chain import NATIVE, NETWORK, running_chain, safe_chain

pytestmark = pytest.mark.live
PROFILE = "safe-1.5.0-l2"


@pytest.fixture(scope="module")
def chain() -> Iterator[DevChain]:
    with safe_chain() as made:
        yield made


def outcome(url: str, token: str | None = None, decimals: int = 18) -> KeepcoolError | None:
    """What stands in the way of this network's first address."""
    assets = [AssetSettings(id=NATIVE, symbol="ETH", decimals=18)]
    if token is not None:
        name = f"{NETWORK}/erc20:{token}"
        assets.append(AssetSettings(id=name, symbol="COIN", decimals=decimals))
    table = EvmSettings(name="test", profile=PROFILE, node_urls=[url], assets=assets)

    async def run() -> KeepcoolError | None:
        node = HttpEvmNode(NETWORK, url, SystemClock(), timeout_s=3)
        onboarding = Onboarding({NETWORK: table}, {NETWORK: [node]}, {}, {})
        try:
            await onboarding.ready(NETWORK)
        except KeepcoolError as error:
            return error
        finally:
            await node.close()
        return None

    return asyncio.run(run())


def test_a_chain_with_the_official_contracts_is_taken(chain: DevChain) -> None:
    """The official contracts and a token with the configured decimals stand in nobody's way."""
    token = deploy_token(chain, "Coin", "COIN", 10**27)
    assert outcome(chain.url, token) is None


def test_a_token_with_other_decimals_is_refused(chain: DevChain) -> None:
    """Decimals that differ from the configuration, or no token at all, are refused."""
    token = deploy_token(chain, "Coin", "COIN", 10**27)
    found = outcome(chain.url, token, decimals=6)
    assert isinstance(found, Refused)
    assert found.code == "asset.decimals"
    assert "18 decimals" in found.public
    assert isinstance(outcome(chain.url, profile_named(PROFILE).singleton.address), Refused)


def test_a_chain_without_the_contracts_is_refused() -> None:
    """An empty chain has no factory: an address on it could never be spent from."""
    with running_chain() as bare:
        found = outcome(bare.url)
    assert isinstance(found, Refused)
    assert found.code == "network.contract_missing"


def test_other_code_at_the_canonical_address_is_a_breach() -> None:
    """Code that is not the official contract's, at its address, is a breach."""
    with safe_chain() as made:
        made.ask("anvil_setCode", profile_named(PROFILE).singleton.address, "0x6000")
        found = outcome(made.url)
    assert isinstance(found, Breach)
    assert found.code == "network.contract_differs"


def test_a_node_that_is_away_is_asked_again_later() -> None:
    """Without a node no address is shown, and nothing is remembered."""
    assert isinstance(outcome("http://127.0.0.1:9"), Unavailable)
