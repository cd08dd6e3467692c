"""What the story stands on: a local chain with the official contracts, and an installation beside it.

Everything lies in one folder, listens on loopback, and ends with this process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keepcool.client import profile
from keepcool.client.api import Client
from keepcool.core.errors import Refused
from keepcool.local import commands, plan, start
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts, deploy_token
from keepcool.local.layout import Layout
from keepcool.local.process import ChildProcess
from keepcool.local.running import Installation, Say, running

TOKEN_DECIMALS = 18  # of the contract that npm ships ready
_SUPPLY = 10**6 * 10**TOKEN_DECIMALS
_BLOCK_TIME_S = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """A running installation, its chain, a token, and a client with pinned keys."""

    chain: DevChain
    token: str
    installation: Installation
    client: Client
    network: str

    @property
    def eth(self) -> str:
        return f"{self.network}/slip44:60"

    @property
    def usd(self) -> str:
        return f"{self.network}/erc20:{self.token}"

    def restart(self, name: str, fault: str = "") -> ChildProcess:
        """Start a part again, after its death; with `fault` it will kill itself -9 at that point, once."""
        old = self.installation.children[name]
        if old.alive:
            old.terminate()
        env = {"KEEPCOOL_FAULT": fault} if fault else None
        child = ChildProcess(name, old.argv, old.cwd, old.log, env)
        self.installation.children[name] = child
        self.installation.start(name)
        return child


@contextlib.contextmanager
def staged(folder: Path, say: Say) -> Iterator[Stage]:
    """Everything running in `folder`, for the length of the block."""
    chain_folder = folder / "chain"
    chain_folder.mkdir(parents=True)
    mining = Mining(block_time_s=_BLOCK_TIME_S, epoch_slots=1)
    with DevChain(npm_folder(), chain_folder, mining=mining) as chain:
        say(f"chain: anvil, chain id {chain.chain_id}, {chain.url}")
        deploy_safe_contracts(chain)
        token = deploy_token(chain, "Demo Dollar", "USDX", _SUPPLY)
        say(f"contracts: official Safe 1.5.0 at its canonical addresses; token USDX at {token}")
        places = _installed(folder, chain, token, say)
        operator = places.operator / "operator.toml"
        with running(places, say) as installation, profile.connect(operator) as client:
            yield Stage(chain, token, installation, client, f"eip155:{chain.chain_id}")


def npm_folder() -> Path:
    """node_modules, of this checkout or of KEEPCOOL_NPM. Raises Refused with the mend."""
    candidates = [Path(os.environ.get("KEEPCOOL_NPM", "node_modules")), _checkout() / "node_modules"]
    for one in candidates:
        if (one / "@safe-global").is_dir():
            return one.absolute()
    raise Refused("demo.npm", "node_modules is missing: install Node.js 18 or newer, then run `make setup`")


def _checkout() -> Path:
    return Path(__file__).parents[3]


def _installed(folder: Path, chain: DevChain, token: str, say: Say) -> Layout:
    cold = commands.answer("cold", "new", "--out", str(folder / "cold"), "--json")
    say(f"cold key: made by `keepcool cold new`, public half {commands.text_of(cold, 'public_key')[:20]}...")
    network = f"eip155:{chain.chain_id}"
    terms = plan.network_plan(
        network, [chain.url], [plan.token_plan(network, f"{token}:USDX:{TOKEN_DECIMALS}")]
    )
    return start.install_here(
        plan.Plan(
            folder=folder / "installation",
            networks=(terms,),
            ports=plan.Ports.following(0),
            cold=Path(commands.text_of(cold, "public")),
        ),
        say,
    )
