"""A restore as commands run it: files, a node, and nothing else of ours.

Laws: the node is asked for its chain before it is believed; nothing is sent that Bitcoin's rules, the terms
given here and the node itself do not take; what was sent is named by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

from keepcool.adapters.bitcoinkernel import scripts
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.chains.bitcoin.combining import Final
from keepcool.chains.bitcoin.inspection import read_bytes
from keepcool.chains.bitcoin.networks import Network, Networks
from keepcool.chains.bitcoin.restoring import Backup, merged, parse_backup
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.local.restoring import scanning, sweeping, unspent
from keepcool.local.restoring.report import Report, report
from keepcool.local.restoring.store import Store
from keepcool.local.restoring.sweeping import Draft, Left, Terms
from keepcool.local.restoring.unspent import UnspentNode
from keepcool.ports.bitcoinnode import BitcoinNode

_TIMEOUT_S = 60.0
_TARGET_BLOCKS = 6
_PSBT_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class NodePlace:
    """`credentials`: a file of user:password, such as the node's cookie, where the URL has none."""

    url: str
    credentials: Path | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """One draft in its file."""

    draft: Draft
    file: Path


@dataclass(frozen=True, slots=True)
class Swept:
    """`fee_rate`: what the drafts pay, per 1000 virtual bytes."""

    fee_rate: int
    written: tuple[Written, ...]
    left: tuple[Left, ...]


def read_backup(files: Sequence[Path], network: str, known: Networks) -> Backup:
    """Raises Malformed, naming the file."""
    found = []
    for file in files:
        text = _text(file)
        try:
            found.append(parse_backup(text, known, network))
        except Malformed as error:
            raise Malformed(error.code, f"{file}: {error.public}") from error
    return merged(found)


def scan(
    backup: Backup,
    place: NodePlace,
    state: Path,
    say: Callable[[str], None],
    gap: int = scanning.GAP,
    *,
    filtered: bool = True,
) -> Report:
    """Reads the chain and returns everything that lies on it."""

    async def run() -> int:
        async with _node(backup.network, place) as node:
            return await scanning.scan(backup, node, store, say, gap, filtered=filtered)

    with closing(Store(state)) as store:
        return report(backup, store, asyncio.run(run()))


def scan_unspent(
    backup: Backup, place: NodePlace, state: Path, say: Callable[[str], None], gap: int = scanning.GAP
) -> Report:
    """The same by the node's own search for unspent outputs."""

    async def run() -> int:
        async with _node(backup.network, place, unspent.TIMEOUT_S) as node:
            return await unspent.scan(backup, node, store, say, gap)

    with closing(Store(state)) as store:
        return report(backup, store, asyncio.run(run()))


def sweep(backup: Backup, place: NodePlace, state: Path, out: Path, terms: Terms) -> Swept:
    """Unsigned drafts in `out`, of everything that a scan has found. A rate of 0 in `terms` means the node's
    estimate, or what nodes relay at least when it has none. Raises Conflict before a scan, and when `out` has
    drafts already."""
    if not state.exists():
        raise Conflict("restore.state", f"{state} is not there: run `keepcool restore bitcoin scan` first")
    if any(out.glob("*.psbt")):
        raise Conflict("restore.out", f"{out} has drafts already; name an empty folder")

    async def run() -> tuple[int, int]:
        async with _node(backup.network, place) as node:
            return (await node.tip()).height, terms.fee_rate or await _rate(node)

    height, fee_rate = asyncio.run(run())
    with closing(Store(state)) as store:
        store.claim(scanning.fingerprint(backup))
        rated = replace(terms, fee_rate=max(fee_rate, backup.network.fee_rate_min))
        drafts, left = sweeping.drafts(backup, store, rated, height, SystemEntropy())
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for draft in drafts:
        file = out / f"{draft.wallet}-{draft.number}.psbt"
        file.write_bytes(draft.built.raw)
        written.append(Written(draft, file))
    return Swept(rated.fee_rate, tuple(written), tuple(left))


def send(
    backup: Backup, place: NodePlace, files: Sequence[Path], terms: Terms, say: Callable[[str], None]
) -> list[str]:
    """Combines, judges and broadcasts; returns the ids. Nothing is sent before all of them are good; one the
    node refuses ends the sending with its reason."""
    signed = [read_bytes(_bytes(file)) for file in files]

    async def run() -> list[str]:
        async with _node(backup.network, place) as node:
            finals = sweeping.finished(signed, backup, terms, (await node.tip()).height, scripts.check)
            await _check_accepted(node, finals)
            sent = []
            for final in finals:
                sent.append(await node.send(final.raw))
                say(f"sent {sent[-1]}")
            return sent

    return asyncio.run(run())


async def _check_accepted(node: BitcoinNode, finals: Sequence[Final]) -> None:
    for answer in await node.test_accept([final.raw for final in finals]) or []:
        if not answer.allowed and answer.reason not in ("txn-already-in-mempool", "txn-already-known"):
            raise Refused(
                "restore.rejected",
                f"the node would not take {answer.txid}: {answer.reason}; nothing was sent",
            )


async def _rate(node: BitcoinNode) -> int:
    return max(await node.fee_rate(_TARGET_BLOCKS) or 0, await node.relay_floor())


@asynccontextmanager
async def _node(
    network: Network, place: NodePlace, timeout_s: float = _TIMEOUT_S
) -> AsyncIterator[UnspentNode]:
    node = UnspentNode(network, place.url, SystemClock(), credentials=place.credentials, timeout_s=timeout_s)
    try:
        await node.check()
        yield node
    finally:
        await node.close()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Malformed("restore.file", f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Malformed("restore.file", f"{file} cannot be read: it is no text") from error


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(_PSBT_BYTES_MAX)
    except OSError as error:
        raise Malformed("restore.file", f"{file} cannot be read: {error.strerror}") from error
