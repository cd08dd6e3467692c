"""Every database is deleted; wallets come back from the file of descriptors and two papers, as the page of
docs/operate/bitcoin.md says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.client import profile
from keepcool.client.api import Client, Wallet, awaited
from keepcool.local import bitcoinplan, plan, start
from keepcool.local.bitcoinchain import COIN
from keepcool.local.running import running
from tests.docs.pages import blocks
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.installation import refuse_missing
from tests.fixtures.processes import own_folder
from tests.unit.cold.test_cold_key import words_on

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]
PAGE = "docs/operate/bitcoin.md"
BIN = Path(sys.executable).parent
WAIT_S = 90.0


def test_wallets_come_back_from_paper() -> None:
    """A user's wallet and a pool, made and paid through the services: after all of them are gone, what lay
    there arrives at one address, less the fee."""
    refuse_missing()
    keep, scan, sweep, sign, send = blocks(PAGE, "sh")[-5:]
    with running_litecoin() as chain, own_folder("from-paper") as folder:
        types("keepcool cold new --out cold", folder, {})
        network = bitcoinplan.bitcoin_plan(
            LITECOIN_REGTEST.name, [chain.url], cookies=[str(chain.credentials)]
        )
        asked = plan.Plan(
            folder / "kc",
            (replace(network, poll_ms=250),),
            plan.Ports.following(0),
            folder / "cold/cold.pub.json",
        )
        places = start.install_here(asked, lambda _: None)
        with running(places, lambda _: None), profile.connect(places.operator / "operator.toml") as client:
            user = client.make_user("alice").id
            wallet = client.make_wallet(user, LITECOIN_REGTEST.id, kind="segregated")
            pool = client.pools.make(LITECOIN_REGTEST.id, "pool", {}).wallet.id
            member = client.make_wallet(user, LITECOIN_REGTEST.id, kind="pooled", pool=pool)
            paid = {wallet.address: 3 * COIN, member.address: 2 * COIN}
            chain.pay_many(paid)
            chain.mine(2)
            for one in (wallet, member):
                await_credit(client, one, paid[one.address])
            types(keep, folder, {})
        assert "\nissued " in (folder / "wallets.txt").read_text()
        assert "\nissued " in (folder / "keeper.txt").read_text()
        (folder / "cold.words").write_text(words_on(folder / "cold/cold.paper.txt"))
        (folder / "cool.words").write_text(words_on(next(places.folder.rglob("cool.paper.txt"))))
        shutil.rmtree(places.folder)
        safe = chain.new_address()
        reader = {"NODE": chain.url, "COOKIE": str(chain.credentials), "SAFE": safe}
        told = types(scan.replace("found.sqlite", "found.sqlite --gap 300"), folder, reader)
        assert wallet.address in told
        assert member.address in told
        for block in (sweep, sign, send):
            types(block, folder, reader)
        chain.mine(1)
        arrived, total = chain.balance(safe), sum(paid.values())
        assert total - 10_000 < arrived < total


def await_credit(client: Client, wallet: Wallet, units: int) -> None:
    awaited(
        lambda: sum(int(each.total) for each in client.read.balances(wallet.id)),
        lambda found: found == units,
        WAIT_S,
        f"{wallet.id} is not credited",
    )


def types(block: str, folder: Path, variables: dict[str, str]) -> str:
    """What the block prints, typed into a shell in this folder."""
    run = subprocess.run(
        ["bash", "-euc", block],
        cwd=folder, env={**os.environ, **variables, "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, f"{block}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
    return run.stdout
