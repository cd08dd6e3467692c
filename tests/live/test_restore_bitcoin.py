"""Wallets found again and swept on a real node, from their descriptors and two seeds alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wallycore

from keepcool.chains.bitcoin.bip45 import Place
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.restoring import backup_of, spelled_backup
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.core.registry import WalletRecord
from keepcool.local.bitcoinchain import DevLitecoin
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.bitcoinrecords import bitcoin_record

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]  # 800,000 addresses are derived
KEEPCOOL = str(Path(sys.executable).parent / "keepcool")
COIN = 10**8
SPARSE = 99_999
POOL = bitcoin_record("pool-1", profile="bip45-pool-p2sh")
USER = bitcoin_record("user-1", profile="bip45-p2wsh", number=1)


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    with running_litecoin() as running:
        yield running


def shown(*words: str) -> Any:
    run = subprocess.run([KEEPCOOL, *words], capture_output=True, text=True, check=False, timeout=570)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


def sign(file: Path, seed: str) -> Path:
    """By libwally, which knows nothing of ours, from the origins in the draft."""
    psbt = wallycore.psbt_from_bytes(file.read_bytes(), 0)
    secret = hashlib.sha256(seed.encode()).digest()
    wallycore.psbt_sign_bip32(
        psbt, wallycore.bip32_key_from_seed(secret, wallycore.BIP32_VER_TEST_PRIVATE, 0), 4
    )
    signed = file.with_name(f"{file.stem}.{seed}.psbt.signed")
    signed.write_bytes(bytes(wallycore.psbt_to_bytes(psbt, 0)))
    return signed


def test_everything_comes_back(chain: DevLitecoin, tmp_path: Path) -> None:
    """From a file and a node: coins at sparse indices of every cosigner's branches are found, shown and
    swept with the cool and the cold key, to the last unit less the fee."""
    pool = wallet_of(POOL)
    paid = {
        pool.address(Place(1, 0, SPARSE)): 3 * COIN,
        pool.address(Place(2, 1, 0)): 2 * COIN,
        pool.address(Place(0, 0, 7)): COIN,
    }
    places = placed(chain, tmp_path, POOL)
    chain.pay_many(paid)
    chain.mine(1)
    found = shown("restore", "bitcoin", "scan", *places, "--state", str(tmp_path / "state"))
    assert {one["address"]: int(one["amount_sat"]) for one in found["addresses"]} == paid
    assert int(found["total_sat"]) == sum(paid.values())
    assert swept(chain, tmp_path, places) == sum(paid.values())


def test_wallets_of_users_come_back(chain: DevLitecoin, tmp_path: Path) -> None:
    """The wallet of one user beside a pool: each is swept by a draft of its own."""
    user, pool = wallet_of(USER), wallet_of(POOL)
    paid = {user.address(Place(2, 0, 3, 1)): COIN, pool.address(Place(0, 0, 0)): 2 * COIN}
    places = placed(chain, tmp_path, USER, POOL)
    chain.pay_many(paid)
    chain.mine(1)
    state, short = str(tmp_path / "state"), str(tmp_path / "short")
    found = shown("restore", "bitcoin", "scan", *places, "--state", state, "--gap", "50")
    asked = shown("restore", "bitcoin", "scan", *places, "--state", short, "--gap", "50", "--unspent")
    assert asked == found, "the node's own search for unspent outputs finds the same"
    assert found["by_wallet_sat"] == {"user-1": str(COIN), "pool-1": str(2 * COIN)}
    assert swept(chain, tmp_path, places) == sum(paid.values())
    again = shown("restore", "bitcoin", "scan", *places, "--state", state, "--gap", "50")
    assert again["addresses"] == []


def placed(chain: DevLitecoin, folder: Path, *records: WalletRecord) -> tuple[str, ...]:
    """The options that name the descriptors of these wallets, born now, and the node."""
    kept = replace(backup_of(records, LITECOIN_REGTEST), birth_height=chain.height(), born_s=0)
    file = folder / "wallets.txt"
    file.write_text(spelled_backup(kept))
    return ("--descriptors", str(file), "--node", chain.url, "--cookie", str(chain.credentials), "--json")


def swept(chain: DevLitecoin, folder: Path, places: tuple[str, ...]) -> int:
    """Everything goes to a new address; what arrived there and what it cost."""
    to, out = chain.new_address(), folder / "drafts"
    words = ("--state", str(folder / "state"), "--out", str(out), "--to", to)
    drafts = shown("restore", "bitcoin", "sweep", *places, *words)
    assert drafts["left"] == []
    files = [sign(Path(one["file"]), seed) for one in drafts["drafts"] for seed in ("cool", "cold")]
    told = shown("restore", "bitcoin", "send", *places, "--to", to, *map(str, files))
    assert set(told["sent"]) <= chain.mempool()
    chain.mine(1)
    return chain.balance(to) + sum(int(one["fee_sat"]) for one in drafts["drafts"])
