"""docs/operate/recover-without-us.md, executed: on litecoind with embit, on anvil with Safe's own library."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.chains.bitcoin import bip45
from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.bip45 import Bip45
from keepcool.chains.bitcoin.keys import parse_key
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.restoring import Backup, KeptWallet, spelled_backup
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.evm import keeping
from keepcool.chains.evm.address import of_public_key
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.evm.wallets import create_proxy_with_nonce, setup_of, wallet_salt
from keepcool.chains.family import WalletTerms
from keepcool.core.ids import NetworkId, UserId, WalletId
from keepcool.core.registry import NO_PREVIOUS, OwnerKey, Role, Standing, WalletRecord
from keepcool.local.bitcoinchain import COIN, DevLitecoin
from keepcool.local.devchain import DevChain, deploy_safe_contracts, deploy_token
from tests.docs.pages import blocks
from tests.fixtures.bitcoinchain import running_litecoin
from tests.fixtures.chain import NPM, address_number, running_chain
from tests.unit.cold.test_cold_key import words_on

pytestmark = pytest.mark.live
ETHER = 10**18
# The words of anvil's first account, which is rich: known to everybody.
PAYER_WORDS = "test " * 11 + "junk"
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


def evm_owner(folder: Path, name: str) -> str:
    """Of a new paper in `<name>.words`: the public key that all EVM wallets share."""
    paper(folder, name)
    return str(json.loads((folder / name / "cold.pub.json").read_text())["public_key"])


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
    find, draft, sign, send = blocks(PAGE, "sh")[:4]
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


@pytest.fixture(scope="module")
def ethereum() -> Iterator[DevChain]:
    """A chain that says it is Sepolia: Safe's own library knows the contracts of that one."""
    with running_chain(chain_id=11155111) as running:
        deploy_safe_contracts(running)
        yield running


@dataclass(frozen=True)
class Recovery:
    """Somebody with the papers *cool* and *cold*, the file, and the page's programs in a folder."""

    chain: DevChain
    folder: Path
    owners: tuple[str, str, str]

    def safe(self, profile: str, *, deployed: bool) -> str:
        """A user's Safe as we would have made it, with one coin; its line is put into the file."""
        wallet, network = WalletId(f"wal_{profile}_{deployed}"), NetworkId(f"eip155:{self.chain.chain_id}")
        terms = WalletTerms(wallet, network, profile, 2, self.owners)
        hot, cool, cold = (OwnerKey(role, key) for role, key in zip(Role, self.owners, strict=True))
        record = WalletRecord(
            wallet, 1, NO_PREVIOUS, "evm", network, profile, 2, (hot, cool, cold),
            EvmFamily().derive_address(terms), UserId("u1"), "", "", Standing.PROVEN, 1,
        )  # fmt: skip
        self.chain.fund(record.address, ETHER)
        if deployed:
            self.deploy(record)
        with (self.folder / "safes.json").open("a") as file:
            file.writelines(f"{line}\n" for line in keeping.lines([record], network))
        return record.address

    def deploy(self, record: WalletRecord) -> None:
        profile = profile_named(record.profile)
        owners = tuple(of_public_key(bytes.fromhex(key)) for key in self.owners)
        setup, salt = setup_of(profile, owners, 2).initializer(), wallet_salt(record.wallet)
        self.chain.send(profile.factory.address, data=create_proxy_with_nonce(profile, setup, salt))

    def types(self, block: str, **variables: str) -> str:
        return types(block, self.folder, {"NODE_URL": self.chain.url, **variables})


@pytest.fixture(scope="module")
def recovery(ethereum: DevChain, tmp_path_factory: pytest.TempPathFactory) -> Recovery:
    folder = tmp_path_factory.mktemp("recovery")
    programs = blocks(PAGE, "js")
    for name, program in zip(("safe", "find", "draft", "sign", "send"), programs, strict=True):
        (folder / f"{name}.mjs").write_text(program)
    (folder / "node_modules").symlink_to(NPM)
    (folder / "payer.words").write_text(PAYER_WORDS)
    hot, cool, cold = (evm_owner(folder, name) for name in ("hot", "cool", "cold"))
    return Recovery(ethereum, folder, (hot, cool, cold))


KINDS = {"safe-1.5.0-l1": False, "safe-1.5.0-l2": True, "safe-1.4.1-l1": True, "safe-1.4.1-l2": False}


@pytest.fixture(scope="module")
def safes(recovery: Recovery) -> dict[str, str]:
    """By profile; whether each stands on the chain says `KINDS`."""
    return {profile: recovery.safe(profile, deployed=deployed) for profile, deployed in KINDS.items()}


def test_the_page_finds_every_safe(recovery: Recovery, safes: dict[str, str]) -> None:
    """Safe's own library computes each line's address, deployed or not, and shows whose it is."""
    told = recovery.types(blocks(PAGE, "sh")[4])
    owners = " ".join(of_public_key(bytes.fromhex(key)) for key in recovery.owners)
    for profile, safe in safes.items():
        state = "deployed" if KINDS[profile] else "not deployed"
        assert f"{safe} Safe {profile.split('-')[1]}, {state}, nonce 0\n" in told
    assert told.count(f"holds {ETHER} wei, 2 of 3: {owners}") == len(safes)


@pytest.mark.parametrize("profile", KINDS)
def test_the_page_brings_a_safe_back(recovery: Recovery, safes: dict[str, str], profile: str) -> None:
    """Whoever types what the page says, with two papers and the file, pays out of a Safe, deployed or not, by
    Safe's own library; the hot key's paper is away. SafeL2 pays tokens here, Safe coins."""
    (recovery.folder / "hot.words").unlink(missing_ok=True)
    draft, sign, send = blocks(PAGE, "sh")[5:]
    chain, units, to = recovery.chain, 10**17, address_number(list(KINDS).index(profile))
    reader = {"SAFE": safes[profile], "TO": to, "AMOUNT": str(units)}
    if profile.endswith("l2"):
        reader["TOKEN"] = deploy_token(chain, "Test", "TST", ETHER)
        chain.fund_token(reader["TOKEN"], safes[profile], units)
    recovery.types(draft, **reader)
    signed = [line.split()[-1] for line in recovery.types(sign).splitlines() if "signed by" in line]
    assert signed == [of_public_key(bytes.fromhex(key)) for key in recovery.owners[1:]]
    assert "success in 0x" in recovery.types(send)
    assert chain.balance(to, reader.get("TOKEN")) == units


def test_the_library_refuses_a_line_that_was_changed(recovery: Recovery, safes: dict[str, str]) -> None:
    """A file in which somebody put another address finds nothing; nobody pays to it by mistake."""
    find, file = blocks(PAGE, "sh")[4], recovery.folder / "safes.json"
    before = file.read_text()
    line = json.loads(before.splitlines()[-1]) | {"address": address_number(1)}
    file.write_text(json.dumps(line))
    try:
        with pytest.raises(AssertionError, match="its address is another"):
            recovery.types(find)
    finally:
        file.write_text(before)
