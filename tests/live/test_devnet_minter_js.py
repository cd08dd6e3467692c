"""Minter's own JavaScript SDK as an independent client of the simulator."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from keepcool.local.minterchain import DevMinter, Pace
from tests.fixtures.chain import NPM
from tests.fixtures.minterchain import BIP, TOKEN, running_minter
from tests.fixtures.processes import missing
from tests.vectors.minter import ADDRESSES, DATA, WALLET

pytestmark = pytest.mark.live
SCRIPT = NPM.parent / "tests" / "fixtures" / "minter_client.cjs"
OWNERS = [ADDRESSES[name] for name in ("hot", "cool", "cold")]
PATIENCE_S = 240


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, Any]]:
    """What the client saw in one run against a simulator that makes a block every 200 ms."""
    if shutil.which("node") is None or not (NPM / "minter-js-sdk").is_dir():
        missing("minter-js-sdk", "install Node.js and run: npm install --no-save")
    with running_minter(Pace(block_ms=200)) as chain:
        chain.fund(ADDRESSES["app"], 100 * BIP)
        chain.fund(ADDRESSES["app"], 100 * BIP, TOKEN.id)
        yield told_by_the_client(chain)


def told_by_the_client(chain: DevMinter) -> dict[str, Any]:
    keys = [DATA["keys"][name]["private_key"] for name in ("app", "hot", "cool", "cold")]
    ran = subprocess.run(
        ["node", str(SCRIPT), chain.url, str(chain.chain_id), *keys],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return dict(json.loads(ran.stdout[ran.stdout.index("{") :]))


def test_makes_a_wallet_whose_address_is_of_creator_and_nonce(seen: dict[str, Any]) -> None:
    """The SDK's create transaction makes the multisig that the vectors foretell, with its three owners."""
    assert seen["create"]["code"] == "0"
    assert "Mx" + seen["create"]["tags"]["tx.created_multisig"] == WALLET
    multisig = seen["wallet"]["multisig"]
    assert multisig == {"threshold": "2", "weights": ["1", "1", "1"], "addresses": OWNERS}


def test_one_signature_of_three_is_not_enough(seen: dict[str, Any]) -> None:
    """The SDK gets 609 with the votes that are needed and the votes it had, and nothing is spent."""
    assert seen["one"]["status"] == 400
    assert seen["one"]["error"]["code"] == "609"
    votes = {"needed_votes": "2", "got_votes": "1"}
    assert votes.items() <= seen["one"]["error"]["data"].items()
    assert seen["two"]["nonce"] == "1"


def test_two_signatures_of_three_spend(seen: dict[str, Any]) -> None:
    """What the SDK signs with two owners is taken, read and committed as it was meant."""
    assert (seen["two"]["code"], seen["two"]["from"]) == ("0", WALLET)
    assert seen["two"]["data"]["value"] == str(10 * BIP)
    assert seen["two"]["payload"] == "dHdvIG9mIHRocmVl"


def test_a_batch_pays_all_or_nobody(seen: dict[str, Any]) -> None:
    """The SDK's multisend is told with its recipients, in order."""
    assert seen["batch"]["code"] == "0"
    assert [one["to"] for one in seen["batch"]["data"]["list"]] == OWNERS
    assert seen["batch"]["tags"]["tx.to"] == ",".join(owner[2:] for owner in OWNERS)


def test_a_symbol_is_looked_up_and_a_token_pays_the_fee(seen: dict[str, Any]) -> None:
    """The SDK finds the coin's id by its symbol, and the fee is taken in that coin through its pool."""
    assert seen["token"]["code"] == "0"
    assert seen["token"]["gas_coin"] == {"id": "1993", "symbol": "USDTE"}
    assert int(seen["token"]["tags"]["tx.commission_in_base_coin"]) == 10**13
    assert 0 < int(seen["token"]["tags"]["tx.commission_amount"]) < 10**13


def test_estimates_agree(seen: dict[str, Any]) -> None:
    """The SDK's own arithmetic over our price table is what the simulator asks for raw bytes."""
    assert seen["estimate"] == "0.000012"
    assert str(seen["raw"]["commission"]) == "0.00001"


def test_a_stale_nonce_is_told_and_repaired(seen: dict[str, Any]) -> None:
    """The SDK reads the expected nonce out of our error and succeeds with it."""
    assert seen["stale"]["error"]["code"] == "101"
    expected = seen["stale"]["error"]["data"]["expected_nonce"]
    assert (seen["retried"]["code"], seen["retried"]["nonce"]) == ("0", expected)


def test_the_wallet_holds_what_is_left_of_it(seen: dict[str, Any]) -> None:
    """Funds less payments less fees, exactly."""
    held = {one["coin"]["id"]: int(one["value"]) for one in seen["after"]["balance"]}
    fees = 10**13 + 12 * 2 * 10**12 + 10**13 + 2 * 5 * 10**12
    assert held == {"0": (50 - 10 - 6) * BIP - fees, "1993": 5 * BIP}
    assert seen["after"]["transaction_count"] == "2"
