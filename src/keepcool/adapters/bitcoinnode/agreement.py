"""Several nodes as one: what they agree on is the answer, so that no single node can lie about coins.

Laws: a coin is there only when `agree` nodes say the same; a transaction goes to every node; what proves
itself by its hash, and what credits nobody (fees, the pool), takes fewer voices.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from keepcool.adapters import quorum
from keepcool.adapters.bitcoinnode.agreedchain import AgreedChain
from keepcool.adapters.bitcoinnode.voices import NamedNode, lower_median
from keepcool.core.errors import KeepcoolError, Unavailable
from keepcool.ports.bitcoinnode import Acceptance, Unspent

_NOTHING_SENT = ("node.unreachable", "node.wrong_chain")


class AgreeingBitcoinNodes(AgreedChain):
    """Itself a `BitcoinNode`. `agree` is two when two or more nodes are configured. `dissent` is the last
    answer that was outvoted or left open, in a sentence, None while there was none."""

    async def raw_transaction(self, txid: str, block_hash: str | None = None) -> bytes | None:
        return (await self._found([txid], lambda node, ids: _one(node, ids[0], block_hash)))[0]

    async def raw_transactions(self, txids: Sequence[str]) -> list[bytes | None]:
        return await self._found(txids, lambda node, ids: node.raw_transactions(ids))

    async def mempool(self) -> frozenset[str]:
        """Of every node that answers: a theft seen by one is seen."""
        said = self._voices.heard(await self._voices.all(lambda node: node.mempool()), "their pool")
        return frozenset().union(*[pool for _, pool in said])

    async def unspent(self, txid: str, vout: int) -> Unspent | None:
        said = await self._voices.all(lambda node: node.unspent(txid, vout))
        return self._voices.same(f"the coin {txid}:{vout}", said)

    async def fee_rate(self, target_blocks: int) -> int | None:
        """A liar among three does not move it, and of two the lower counts: it costs coins."""
        said = await self._voices.all(lambda node: node.fee_rate(target_blocks))
        rates = [rate for _, rate in self._voices.heard(said, "a fee") if rate is not None]
        return lower_median(rates) if rates else None

    async def relay_floor(self) -> int:
        said = self._voices.heard(await self._voices.all(lambda node: node.relay_floor()), "their floor")
        return lower_median([floor for _, floor in said])

    async def test_accept(self, raws: Sequence[bytes]) -> list[Acceptance] | None:
        """Allowed when `agree` of those that can tell allow it, all where fewer can."""
        said = self._voices.heard(await self._voices.all(lambda node: node.test_accept(raws)), "a verdict")
        verdicts = [one for _, one in said if one is not None]
        if not verdicts:
            return None
        needed = min(self._voices.agree, len(verdicts))
        return [_verdict(every, needed) for every in zip(*verdicts, strict=True)]

    async def send(self, raw: bytes) -> str:
        """Sent when any node has it. Raises Unavailable as long as a node that did not answer may have it."""
        said = await self._voices.all(lambda node: node.send(raw))
        for _, one in said:
            if isinstance(one, str):
                return one
        errors = [one for _, one in said if isinstance(one, KeepcoolError)]
        raise min(errors, key=_weight)

    async def _found(
        self,
        txids: Sequence[str],
        ask: Callable[[NamedNode, Sequence[str]], Awaitable[list[bytes | None]]],
    ) -> list[bytes | None]:
        """From the first node that has each; None when as many as must agree have been asked in vain."""
        found: dict[str, bytes] = {}
        said: list[tuple[str, list[bytes | None] | KeepcoolError]] = []
        for node in self._voices.nodes:
            missing = [txid for txid in dict.fromkeys(txids) if txid not in found]
            if not missing:
                break
            (one,) = await quorum.asked([node], partial(_asked, ask, missing))
            said.append(one)
            if not isinstance(one[1], KeepcoolError):
                pairs = zip(missing, one[1], strict=True)
                found |= {txid: raw for txid, raw in pairs if raw is not None}
        if any(txid not in found for txid in txids):
            self._voices.answered(said, "a transaction")
        return [found.get(txid) for txid in txids]


async def _asked(
    ask: Callable[[NamedNode, Sequence[str]], Awaitable[list[bytes | None]]],
    txids: Sequence[str],
    node: NamedNode,
) -> list[bytes | None]:
    return await ask(node, txids)


async def _one(node: NamedNode, txid: str, block_hash: str | None) -> list[bytes | None]:
    return [await node.raw_transaction(txid, block_hash)]


def _verdict(every: Sequence[Acceptance], needed: int) -> Acceptance:
    allowed = [one for one in every if one.allowed]
    return allowed[0] if len(allowed) >= needed else next(one for one in every if not one.allowed)


def _weight(error: KeepcoolError) -> int:
    """What leaves the sending open stands before what refuses it, and that before what sent nothing."""
    if isinstance(error, Unavailable) and error.code not in _NOTHING_SENT:
        return 0
    return 2 if error.code in _NOTHING_SENT else 1
