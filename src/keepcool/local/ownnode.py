"""A regtest node that belongs to an installation: `keepcool up` runs it and has it make blocks, for a trial.

Laws: its coins are worth nothing and its wallet is its own; it listens on this host only. It is a node as any
other to the services, which know its URL and its cookie and nothing else.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepcool.core.errors import KeepcoolError, Refused
from keepcool.local import layout
from keepcool.local.bitcoinchain import DevBitcoin
from keepcool.local.bitcoinprogram import Program, bitcoind, litecoind
from keepcool.local.layout import Layout
from keepcool.local.plan import AnyPlan, BitcoinPlan
from keepcool.local.tomltext import rendered

_PROGRAMS: Mapping[str, Callable[[], Program]] = {"litecoin-regtest": litecoind, "bitcoin-regtest": bitcoind}
_COINS = 10  # block rewards its wallet begins with
Say = Callable[[str], None]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    network: str
    port: int
    block_s: float


@dataclass(frozen=True, slots=True)
class NodeFile:
    """What node.toml says."""

    folder: Path
    network: str
    port: int
    block_s: float

    def chain(self) -> DevBitcoin:
        """Raises Refused and Unavailable where this network has no node on this host."""
        program = _PROGRAMS.get(self.network)
        if program is None:
            text = f"{self.folder}: no node of {self.network!r} can be run here; known are "
            raise Refused("up.own_node", text + ", ".join(_PROGRAMS))
        return DevBitcoin(program(), self.folder, port=self.port)


def write(places: Layout, network: AnyPlan) -> None:
    """The node's folder, where the plan has one."""
    if not isinstance(network, BitcoinPlan) or network.own_node is None:
        return
    folder = places.folder / layout.own_node(network.name)
    folder.mkdir(mode=0o700)
    table = {"network": network.name, "port": network.own_node.port, "block_s": network.own_node.block_s}
    heading = "# A regtest node for a trial: `keepcool up` runs it. Its coins are worth nothing.\n"
    file = folder / layout.OWN_NODE
    file.write_text(heading + rendered(table), encoding="utf-8")
    file.chmod(0o600)


def read(folder: Path) -> NodeFile:
    """Raises Refused."""
    file = folder / layout.OWN_NODE
    try:
        told = msgspec.toml.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise Refused("up.own_node", f"cannot read {file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("up.own_node", f"{file}: {error}") from error
    return NodeFile(folder, told.network, told.port, told.block_s)


def chosen(places: Layout, network: str = "") -> DevBitcoin:
    """The installation's node of this network, or its only one, to be asked while it runs. Raises Refused."""
    known = {told.network: told for told in map(read, places.own_nodes())}
    if network in known or (not network and len(known) == 1):
        return known[network or next(iter(known))].chain()
    names = ", ".join(known) or "none"
    text = f"{places.folder}: name one of its regtest nodes with --network ({names})"
    raise Refused("devnet.node", text)


@contextlib.contextmanager
def running_nodes(places: Layout, say: Say) -> Iterator[list[DevBitcoin]]:
    """Every node of the installation, making blocks, for the length of the block. Raises what keeps one from
    starting."""
    with contextlib.ExitStack() as stack:
        chains = []
        for folder in places.own_nodes():
            told = read(folder)
            chain = stack.enter_context(told.chain())
            if chain.height() == 0:
                chain.fund(_COINS)
            chain.mine()  # a node whose newest block is a day old counts as catching up
            say(f"{folder.name} runs (process {chain.process.pid}), a block every {told.block_s:g} s")
            stack.enter_context(_making_blocks(chain, told.block_s))
            chains.append(chain)
        yield chains


@contextlib.contextmanager
def _making_blocks(chain: DevBitcoin, block_s: float) -> Iterator[None]:
    """By a thread of ours; a node that is away makes none and is asked again."""
    ended = threading.Event()

    def make() -> None:
        while not ended.wait(block_s):
            with contextlib.suppress(KeepcoolError):
                chain.mine()

    thread = threading.Thread(target=make, name=f"{chain.program.name} blocks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
