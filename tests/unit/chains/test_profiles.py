"""The profiles' 32-byte facts, computed again from the official artifacts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from safe_eth.eth import contracts

from keepcool.chains.evm.address import raw_of
from keepcool.chains.evm.profiles import PROFILES, SafeProfile, profile_named
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed
from tests.vectors.evm import DATA, unhex

ROOT = Path(__file__).parents[3]
PACKAGES = {"1.5.0": "safe-smart-account", "1.4.1": "safe-contracts"}
ARTIFACT = "build/artifacts/contracts/proxies/SafeProxy.sol/SafeProxy.json"
NPM = ROOT / "node_modules" / "@safe-global"


def version_of(profile: SafeProfile) -> str:
    return profile.name.split("-")[1]


def init_code_hash(creation_code: bytes, profile: SafeProfile) -> bytes:
    return keccak256(creation_code + bytes(12) + raw_of(profile.singleton.address))


def published(file: Path) -> Any:
    if not file.exists():
        assert not os.environ.get("CI"), "the npm packages are missing in CI"
        pytest.skip("npm packages are not installed: npm ci")
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_init_code_hash_is_the_official_artifacts(profile: SafeProfile) -> None:
    """The hash comes out of the proxy's creation code in the official npm package of that version."""
    code = unhex(published(NPM / PACKAGES[version_of(profile)] / ARTIFACT)["bytecode"])
    assert init_code_hash(code, profile) == profile.init_code_hash


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_address_and_code_hash_is_the_published_deployments(profile: SafeProfile) -> None:
    """Each contract stands under its canonical address and code hash in Safe's own list of deployments."""
    singleton = "safe_l2" if profile.name.endswith("-l2") else "safe"
    for name, contract in {
        singleton: profile.singleton,
        "safe_proxy_factory": profile.factory,
        "compatibility_fallback_handler": profile.fallback_handler,
        "multi_send_call_only": profile.multisend_call_only,
    }.items():
        file = NPM / "safe-deployments/dist/assets" / f"v{version_of(profile)}" / f"{name}.json"
        told = published(file)["deployments"]["canonical"]
        assert (told["address"], unhex(told["codeHash"])) == (contract.address, contract.runtime_keccak)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_init_code_hash_is_the_oracles(profile: SafeProfile) -> None:
    """For every profile it comes out of the creation code that safe-eth-py ships."""
    version = version_of(profile)
    name = f"Proxy_V{version.replace('.', '_')}.json"
    code = unhex(
        json.loads(Path(contracts.__file__).parent.joinpath("abis", name).read_text(encoding="utf-8"))[
            "bytecode"
        ]
    )
    assert keccak256(code) == unhex(DATA["versions"][version]["proxy_creation_code_keccak"])
    assert init_code_hash(code, profile) == profile.init_code_hash


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    """The refusal names what there is."""
    assert profile_named("safe-1.4.1-l2").name == "safe-1.4.1-l2"
    with pytest.raises(Malformed, match=r"safe-1\.5\.0-l1"):
        profile_named("safe-1.3.0-l1")
