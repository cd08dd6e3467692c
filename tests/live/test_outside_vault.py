"""Keystores that others run, made ready by the very commands of the page, and both signers on them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.chains.evm.forwarders import forwarder_address
from keepcool.client import profile
from keepcool.core.parties import Service
from keepcool.local import keystore as parts
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts
from keepcool.local.layout import SIGNERS, Layout
from keepcool.local.provision import initialise
from keepcool.local.running import running
from tests.docs.pages import blocks
from tests.fixtures.chain import NETWORK, NPM
from tests.fixtures.installation import refuse_missing
from tests.fixtures.keystore import prepared
from tests.fixtures.kmssimulator import simulated
from tests.fixtures.processes import own_folder
from tests.fixtures.separate import paid

pytestmark = pytest.mark.live
PAGE = "docs/operate/outside-vault.md"
OTHER = {Service.KEEPER: Service.COOLER, Service.COOLER: Service.KEEPER}


@dataclass(frozen=True)
class Vaults:
    """`folder` has an entry of each signer; `servers` are the administrators'."""

    folder: Path
    servers: dict[Service, parts.KeystoreProcess]
    tokens: dict[Service, str]

    def bao(self, signer: Service, script: str) -> str:
        """A shell script as that server's administrator."""
        server = self.servers[signer]
        given = {"BAO_ADDR": server.plan.url, "BAO_CACERT": str(server.folder / parts.CA)}
        path = f"{parts.server_program().parent}:{os.environ['PATH']}"
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**given, "BAO_TOKEN": self.tokens[signer], "PATH": path, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def entry(self, signer: Service) -> str:
        return f"{signer.value}={self.servers[signer].plan.url},{self.folder / f'{signer.value}-entry'}"


def told(signer: Service) -> str:
    """What the page tells that signer's administrator to run."""
    script = "\n".join(one for one in blocks(PAGE, "sh") if "bao " in one)
    own = f"SIGNER={signer.value} OTHER={OTHER[signer].value} FROM=127.0.0.0/8"
    changed, times = re.subn(r"^SIGNER=keeper OTHER=cooler FROM=\S+$", own, script, flags=re.MULTILINE)
    assert times == 1
    return changed


@pytest.fixture(scope="module")
def vaults() -> Iterator[Vaults]:
    refuse_missing()
    with own_folder("vaults") as folder, ExitStack() as stack:
        made = Vaults(folder, {}, {})
        for signer in SIGNERS:
            (folder / signer.value).mkdir()
            server = prepared(folder / signer.value, signer)
            server.start()
            stack.callback(server.stop)
            opened = initialise(server.connections)
            server.unseal(opened.shares)
            made.servers[signer], made.tokens[signer] = server, opened.root_token
            made.bao(signer, told(signer))
        yield made


@pytest.fixture(scope="module")
def chain() -> Iterator[DevChain]:
    mining = Mining(block_time_s=1, epoch_slots=1)
    with own_folder("chain") as folder, DevChain(NPM, folder, mining=mining) as made:
        deploy_safe_contracts(made)
        yield made


def init(
    vaults: Vaults,
    name: str,
    *entries: str,
    node: str = "http://127.0.0.1:9",
    kind: str = "outside",
    more: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "keepcool.cli.main", "init", str(vaults.folder / name), "--port", "0"]
    given = [word for entry in entries for word in ("--keystore-entry", entry)]
    argv += ["--network", NETWORK, "--node-url", node, "--keystore", kind, *given]
    argv += ["--user-signatures", "off", *more]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_both_signers_work_on_what_the_page_leaves(vaults: Vaults, chain: DevChain) -> None:
    """Installed, started, a wallet issued and paid from: keys are sealed and opened outside, and no server of
    the installation's own exists."""
    made = init(vaults, "kc", *map(vaults.entry, SIGNERS), node=chain.url)
    assert made.returncode == 0, made.stderr
    places = Layout(vaults.folder / "kc")
    with running(places, lambda _: None) as installation:
        assert not [part for part in installation.parts if part.endswith("-keystore")]
        with profile.connect(places.operator / "operator.toml") as client:
            paid(client, chain, 20_010)
    for signer in SIGNERS:
        audit = (vaults.servers[signer].folder / parts.AUDIT).read_text()
        assert f"transit/encrypt/{signer.value}-seeds" in audit
        assert f"transit/decrypt/{signer.value}-seeds" in audit


def test_a_pool_on_keys_of_two_clouds(vaults: Vaults, chain: DevChain) -> None:
    """Keeper's in one, Cooler's in the other (simulators): the command alone installs it with pools on an EVM
    chain; started, it gives a new user an address of a pool whose key was sealed there."""
    with simulated(vaults.folder) as cloud:
        aws, gcp, more = cloud.aws(), cloud.gcp(), f"endpoint={cloud.url},ca={vaults.folder / 'ca.pem'}"
        entries = (
            f"keeper={aws.key},{aws.credentials},{more}",
            f"cooler={gcp.key},{gcp.service_account},{more}",
        )
        made = init(vaults, "pooled", *entries, node=chain.url, kind="cloud", more=["--pool"])
        assert made.returncode == 0, made.stderr
        assert "UNVERIFIED" in made.stdout
        assert f"keepcool pool create --network {NETWORK}" in made.stderr
        assert {action for action, _ in cloud.asked} >= {"encrypt"}  # Cooler's, made at once
        places = Layout(vaults.folder / "pooled")
        with running(places, lambda _: None), profile.connect(places.operator / "operator.toml") as client:
            treasury = client.pools.make(NETWORK, "main").wallet.address or ""
            user = client.make_wallet(client.make_user().id, NETWORK)
            assert user.address == forwarder_address(treasury, 1)
        assert {action for action, _ in cloud.asked} >= {"Encrypt"}  # Keeper's


def test_a_token_that_may_more_is_refused(vaults: Vaults) -> None:
    """One line too many in Cooler's policy: nothing is installed. Without that line it would be."""
    policy = "bao policy read cooler > was.hcl; (cat was.hcl; echo '{}') | bao policy write cooler -"
    line = 'path "transit/export/encryption-key/cooler-seeds" { capabilities = ["read"] }'
    vaults.bao(Service.COOLER, policy.replace("{}", line))
    refused = init(vaults, "greedy", *map(vaults.entry, SIGNERS))
    vaults.bao(Service.COOLER, "bao policy write cooler was.hcl")
    assert refused.returncode == 2
    assert "transit/export" in refused.stderr
    assert not (vaults.folder / "greedy").exists()


@pytest.mark.parametrize("wrong", ["one", "same", "absent", "plain"])
def test_an_entry_that_does_not_do_installs_nothing(vaults: Vaults, wrong: str) -> None:
    """One signer without an entry, both on one server, no files, no TLS: refused, and nothing is left."""
    keeper, cooler = map(vaults.entry, SIGNERS)
    entries = {
        "one": [keeper],
        "same": [keeper, keeper.replace("keeper=", "cooler=")],
        "absent": [keeper, cooler + "-elsewhere"],
        "plain": [keeper.replace("https://", "http://"), cooler],
    }
    refused = init(vaults, wrong, *entries[wrong])
    assert refused.returncode == 2
    assert "init.keystore_entry" in refused.stderr
    assert not (vaults.folder / wrong).exists()
