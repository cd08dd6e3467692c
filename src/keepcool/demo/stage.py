"""What the story stands on: a local chain of every family asked for, and an installation beside them.

Everything lies in one folder, listens on loopback, and ends with this process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.networks import Replacement
from keepcool.chains.bitcoin.wallets import wallet_of
from keepcool.client import profile
from keepcool.client.api import Client, awaited
from keepcool.client.models import Purse
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.registry import WalletRecord
from keepcool.demo.blocks import Blocks
from keepcool.demo.governing import Administrators
from keepcool.demo.telling import WAIT_S
from keepcool.local import bitcoinplan, commands, plan, start
from keepcool.local.bitcoinchain import COIN, DevBitcoin
from keepcool.local.bitcoinprogram import litecoind
from keepcool.local.devchain import DevChain, Mining, deploy_safe_contracts, deploy_token
from keepcool.local.layout import Layout
from keepcool.local.minterchain import DevMinter
from keepcool.local.people import NOBODY, People
from keepcool.local.process import ChildProcess
from keepcool.local.running import Installation, Say, running

TOKEN_DECIMALS = 18  # of the contract that npm ships ready
_SUPPLY = 10**6 * 10**TOKEN_DECIMALS
_BLOCK_TIME_S = 1
_SWEEP_WAIT_S = 3
_ADDRESSES = 250  # of each branch that the node looks for at the end
_REWARDS = 4  # blocks that litecoind's own wallet mines before the story begins
_REPLACES = Replacement.SIGNALLED.value  # this litecoind is told to, as few are


@dataclass(frozen=True, slots=True)
class House:
    """A running installation, a client with pinned keys, and those who govern it beside an EVM chain."""

    installation: Installation
    client: Client
    administrators: Administrators

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


@dataclass(frozen=True, slots=True)
class EvmScene:
    """An EVM chain with a token, as the story needs it."""

    house: House
    chain: DevChain
    token: str

    @property
    def client(self) -> Client:
        return self.house.client

    @property
    def network(self) -> str:
        return f"eip155:{self.chain.chain_id}"

    @property
    def eth(self) -> str:
        return f"{self.network}/slip44:60"

    @property
    def usd(self) -> str:
        return f"{self.network}/erc20:{self.token}"

    def purse(self) -> Purse:
        return purse_of(self.client, self.network)


@dataclass(frozen=True, slots=True)
class MinterScene:
    """A Minter network: a simulator of it."""

    house: House
    chain: DevMinter

    @property
    def client(self) -> Client:
        return self.house.client

    @property
    def network(self) -> str:
        return f"minter:{self.chain.chain_id}"

    @property
    def coin(self) -> str:
        return f"{self.network}/coin:0"

    def purse(self) -> Purse:
        return purse_of(self.client, self.network)


@dataclass(frozen=True, slots=True)
class BitcoinScene:
    """A network of the Bitcoin family on a node of its own, its blocks, and where surplus may go."""

    house: House
    chain: DevBitcoin
    blocks: Blocks
    harbor: str

    @property
    def client(self) -> Client:
        return self.house.client

    @property
    def network(self) -> str:
        return LITECOIN_REGTEST.id

    @property
    def coin(self) -> str:
        return LITECOIN_REGTEST.asset

    def found(self, record: WalletRecord) -> int:
        """What the node itself finds in blocks under this record's descriptors."""
        bare = [one.partition("#")[0] for one in wallet_of(record).descriptors()]
        branches = [one.replace("<0;1>", change) for one in bare for change in "01"]
        wanted = [{"desc": one, "range": _ADDRESSES} for one in branches]
        return int(self.chain.ask("scantxoutset", "start", wanted)["total_amount"] * COIN)


Scene: TypeAlias = EvmScene | MinterScene | BitcoinScene
_Opened: TypeAlias = "tuple[plan.AnyPlan, Callable[[House], Scene]]"


def purse_of(client: Client, network: str) -> Purse:
    """Once App has heard of it from Keeper."""
    found = awaited(
        lambda: [one for one in client.read.purses() if one.network == network],
        bool,
        WAIT_S,
        f"the purse of {network} is not known",
    )
    return found[0]


@contextlib.contextmanager
def staged(folder: Path, chains: Sequence[str], say: Say) -> Iterator[list[Scene]]:
    """Everything running in `folder`, for the length of the block: one scene per chain. Beside an EVM chain
    there are administrators and a desk."""
    with contextlib.ExitStack() as stack:
        opened = [_CHAINS[name](stack, folder / f"chain-{name}", say) for name in chains]
        administrators = Administrators.drawn()
        people = administrators.people() if "evm" in chains else NOBODY
        places = _installed(folder, [network for network, _ in opened], people, say)
        installation = stack.enter_context(running(places, say))
        client = stack.enter_context(profile.connect(places.operator / "operator.toml"))
        house = House(installation, client, administrators)
        yield [scene(house) for _, scene in opened]


def _evm(stack: contextlib.ExitStack, folder: Path, say: Say) -> _Opened:
    folder.mkdir(parents=True)
    mining = Mining(block_time_s=_BLOCK_TIME_S, epoch_slots=1)
    chain = stack.enter_context(DevChain(npm_folder(), folder, mining=mining))
    say(f"chain: anvil, chain id {chain.chain_id}, {chain.url}")
    deploy_safe_contracts(chain)
    token = deploy_token(chain, "Demo Dollar", "USDX", _SUPPLY)
    say(f"contracts: official Safe 1.5.0 at its canonical addresses; token USDX at {token}")
    network = f"eip155:{chain.chain_id}"
    listed = [plan.token_plan(network, f"{token}:USDX:{TOKEN_DECIMALS}")]
    quick = replace(plan.network_plan(network, [chain.url], listed), sweep_wait_s=_SWEEP_WAIT_S)
    return quick, lambda house: EvmScene(house, chain, token)


def _minter(stack: contextlib.ExitStack, folder: Path, say: Say) -> _Opened:
    folder.mkdir(parents=True)
    chain = stack.enter_context(DevMinter(folder))
    say(
        f"chain: a simulator of Minter (no node is packaged anywhere), chain id {chain.chain_id}, {chain.url}"
    )
    network = plan.minter_plan(f"minter:{chain.chain_id}", [chain.url])
    quick = replace(network, creators=4, spares=4, poll_ms=250)
    return quick, lambda house: MinterScene(house, chain)


def _bitcoin(stack: contextlib.ExitStack, folder: Path, say: Say) -> _Opened:
    folder.mkdir(parents=True)
    chain = stack.enter_context(DevBitcoin(litecoind(), folder))
    chain.fund(_REWARDS)
    blocks, harbor = stack.enter_context(Blocks(chain, _BLOCK_TIME_S)), chain.new_address()
    say(f"chain: litecoind, regtest, {chain.url}")
    network = bitcoinplan.bitcoin_plan(LITECOIN_REGTEST.name, [chain.url], cookies=[str(chain.credentials)])
    quick = replace(network, replacement=_REPLACES, poll_ms=250, batch_s=1.0, bump_after_s=2, harbor=harbor)
    return quick, lambda house: BitcoinScene(house, chain, blocks, harbor)


_CHAINS: Mapping[str, Callable[[contextlib.ExitStack, Path, Say], _Opened]] = {
    "evm": _evm,
    "minter": _minter,
    "bitcoin": _bitcoin,
}
CHAINS = tuple(_CHAINS)


def lacking(chain: str) -> str:
    """What keeps this act from being played on this machine, and the mend; "" when nothing does."""
    try:
        if chain == "bitcoin":
            litecoind()
    except Unavailable as error:
        return error.public
    return ""


def npm_folder() -> Path:
    """node_modules, of this checkout or of KEEPCOOL_NPM. Raises Refused with the mend."""
    candidates = [Path(os.environ.get("KEEPCOOL_NPM", "node_modules")), _checkout() / "node_modules"]
    for one in candidates:
        if (one / "@safe-global").is_dir():
            return one.absolute()
    raise Refused("demo.npm", "node_modules is missing: install Node.js 18 or newer, then run `make setup`")


def _checkout() -> Path:
    return Path(__file__).parents[3]


def _installed(folder: Path, networks: Sequence[plan.AnyPlan], people: People, say: Say) -> Layout:
    cold = commands.answer("cold", "new", "--out", str(folder / "cold"), "--json")
    say(f"cold key: made by `keepcool cold new`, public half {commands.text_of(cold, 'public_key')[:20]}...")
    return start.install_here(
        plan.Plan(
            folder=folder / "installation",
            networks=tuple(networks),
            ports=plan.Ports.following(0),
            cold=Path(commands.text_of(cold, "public")),
            people=people,
        ),
        say,
    )
