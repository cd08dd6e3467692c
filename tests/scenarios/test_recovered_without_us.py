"""docs/operate/recover-without-us.md, executed: on litecoind, with words from paper, signed by embit."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.chains.bitcoin import bip45
from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.bip45 import Bip45
from keepcool.chains.bitcoin.keys import parse_key
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.restoring import Backup, KeptWallet, spelled_backup
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.local.bitcoinchain import COIN, DevLitecoin
from tests.docs.pages import blocks
from tests.fixtures.bitcoinchain import running_litecoin
from tests.unit.cold.test_cold_key import words_on

pytestmark = pytest.mark.live
PAGE = "docs/operate/recover-without-us.md"
KEEPCOOL = str(Path(sys.executable).parent / "keepcool")
# What a node's own client does with words: JSON where they are JSON, else text.
CLIENT = """#!{python}
import base64, http.client, json, sys
def read(word):
    try:
        return json.loads(word)
    except ValueError:
        return word
body = json.dumps({{"id": 1, "method": sys.argv[1], "params": [read(word) for word in sys.argv[2:]]}})
secret = base64.b64encode(open({cookie!r}, "rb").read().strip()).decode()
asked = http.client.HTTPConnection("127.0.0.1", {port}, timeout=120)
asked.request("POST", "/", body, {{"Authorization": "Basic " + secret}})
told = json.loads(asked.getresponse().read())
if told["error"]:
    sys.exit(json.dumps(told["error"]))
print(told["result"] if isinstance(told["result"], str) else json.dumps(told["result"], indent=1))
"""


@pytest.fixture(scope="module")
def chain() -> Iterator[DevLitecoin]:
    with running_litecoin() as running:
        yield running


def paper(folder: Path, name: str) -> str:
    """The words of a new paper in `<name>.words`; its account for this family."""
    subprocess.run([KEEPCOOL, "cold", "new", "--out", str(folder / name)], check=True, capture_output=True)
    (folder / f"{name}.words").write_text(words_on(folder / name / "cold.paper.txt"))
    half = json.loads((folder / name / "cold.pub.json").read_text())
    (account,) = [one for one in half["accounts"] if one["family"] == "bitcoin"]
    return str(account["origin"] + account["xpub"])


def wallets(folder: Path) -> tuple[Bip45, Bip45]:
    """A user's wallet and a pool of three new papers, with their file of descriptors."""
    keys = [parse_key(paper(folder, name), LITECOIN_REGTEST) for name in ("hot", "cool", "cold")]
    user = bip45.segregated(keys, 7, 2, ScriptKind.P2WSH)
    pool = bip45.pooled(keys, 2, ScriptKind.P2SH_P2WSH)
    kept = [KeptWallet("user", user.descriptors()), KeptWallet("pool", pool.descriptors())]
    (folder / "wallets.txt").write_text(spelled_backup(Backup(LITECOIN_REGTEST, tuple(kept))))
    return user, pool


def test_the_page_brings_everything_back(chain: DevLitecoin, tmp_path: Path) -> None:
    """Whoever types what the page says, with two papers and the file, has all coins less the fee."""
    find, draft, sign, send = blocks(PAGE, "sh")
    (program,) = blocks(PAGE, "python")
    user, pool = wallets(tmp_path)
    paid = {
        address_at(user, 0, 0, 3): COIN,
        address_at(user, 2, 1, 0): 2 * COIN,
        address_at(pool, 1, 0, 19): 3 * COIN,
    }
    chain.pay_many(paid)
    chain.mine(1)
    (tmp_path / "sign.py").write_text(program)
    client = tmp_path / "client"
    client.write_text(CLIENT.format(python=sys.executable, cookie=str(chain.credentials), port=chain.port))
    client.chmod(0o700)
    to, fee = chain.new_address(), 10_000
    left = sum(paid.values()) - fee
    reader = {
        "CLI": str(client),
        "RANGE": "50",
        "TO": to,
        "AMOUNT": f"{left // COIN}.{left % COIN:08d}",
    }
    types(find, tmp_path, reader)
    assert round(json.loads((tmp_path / "found.json").read_text())["total_amount"] * COIN) == left + fee
    types(draft, tmp_path, reader)
    told = types(sign, tmp_path, reader)
    assert told.count(f"signatures made: {len(paid)}") == 2
    assert '"allowed": true' in types(send, tmp_path, reader)
    chain.mine(1)
    assert chain.balance(to) == left


def address_at(wallet: Bip45, cosigner: int, change: int, index: int) -> str:
    script = wallet.branch(cosigner, change).locking(index).script_pubkey
    return spell(LITECOIN_REGTEST, script)


def types(block: str, folder: Path, variables: dict[str, str]) -> str:
    """What the block prints, typed into a shell in this folder."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "-euc", block],
        cwd=folder, env={**os.environ, **variables, "PATH": path},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, f"{shlex.join(block.splitlines())}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
    return run.stdout
