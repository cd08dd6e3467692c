"""The profiles' 32-byte facts, computed again from the official artifacts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from safe_eth.eth import contracts

from keepcool.chains.evm.address import raw_of
from keepcool.chains.evm.profiles import PROFILES, SafeProfile, profile_for, profile_named
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Malformed
from tests.vectors.evm import DATA, unhex

ROOT = Path(__file__).parents[3]
NPM_ARTIFACT = ROOT.joinpath(
    "node_modules/@safe-global/safe-smart-account/build/artifacts/contracts/proxies/SafeProxy.sol/SafeProxy.json"
)


def init_code_hash(creation_code: bytes, profile: SafeProfile) -> bytes:
    return keccak256(creation_code + bytes(12) + raw_of(profile.singleton.address))


@pytest.mark.parametrize("flavour", ["l1", "l2"])
def test_the_init_code_hash_is_the_official_artifacts(flavour: str) -> None:
    """For 1.5.0 the hash comes out of the proxy's creation code in the official npm package."""
    if not NPM_ARTIFACT.exists():
        assert not os.environ.get("CI"), "the npm packages are missing in CI"
        pytest.skip("npm packages are not installed: npm ci")
    code = unhex(json.loads(NPM_ARTIFACT.read_text(encoding="utf-8"))["bytecode"])
    profile = profile_for("1.5.0", flavour)
    assert init_code_hash(code, profile) == profile.init_code_hash


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_init_code_hash_is_the_oracles(profile: SafeProfile) -> None:
    """For every profile it comes out of the creation code that safe-eth-py ships."""
    version = profile.name.split("-")[1]
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
