"""What a node's error answer means for the caller: by its code first, by its words where codes are shared.

Codes from Bitcoin Core's rpc/protocol.h; words from Bitcoin Core 0.14 to 29, Litecoin Core and bcoin.
"""

from __future__ import annotations

import re

from keepcool.adapters.jsonrpc.calls import Complaint
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.ports.bitcoinnode import Why

_UNKNOWN_METHOD, _WARMING_UP, _HELP = -32601, -28, -1
_NOT_THERE, _BAD_PARAMETER, _KNOWN = -5, -8, -27
_TEXT_MAX = 200

_PRUNED = re.compile(r"(?i)pruned")
_BLOCK_ABSENT = re.compile(r"(?i)block (hash )?not found|block height out of range|block not available")
_TRANSACTION_ABSENT = re.compile(
    r"(?i)no (such mempool|such transaction|information)|(tx|transaction) not (found|in mempool)"
)
_KNOWN_WORDS = re.compile(r"(?i)already.in.(block.chain|mempool|utxo)|txn-already-(known|in-mempool)")
_WHYS = (
    (
        Why.POOL_FULL,
        re.compile(r"(?i)mempool full|too-long-mempool-chain|too many unconfirmed|exceeds descend"),
    ),
    (Why.CONFLICT, re.compile(r"(?i)txn-mempool-conflict|bad-txns-spends-conflicting|conflict")),
    (
        Why.FEE,
        re.compile(r"(?i)min(imum)? .*fee|insufficient (fee|priority)|min-fee|fee not met|replacement"),
    ),
    (Why.SPENT, re.compile(r"(?i)missing.?inputs|missingorspent|orphan|inputs-spent|already-spent")),
    (Why.NOT_YET, re.compile(r"(?i)non-final|non-bip68-final|premature-spend")),
)


def why(reason: str) -> Why:
    """A node's word about a transaction, sorted."""
    return next((one for one, pattern in _WHYS if pattern.search(reason)), Why.OTHER)


def is_unknown_method(said: object) -> bool:
    return isinstance(said, Complaint) and said.code == _UNKNOWN_METHOD


def is_absent_block(said: object) -> bool:
    """The node says that it has no such block, or no block of this height."""
    return (
        isinstance(said, Complaint)
        and (said.code == _BAD_PARAMETER or bool(_BLOCK_ABSENT.search(said.message)))
        and not _PRUNED.search(said.message)
    )


def is_absent_transaction(said: object) -> bool:
    if not isinstance(said, Complaint):
        return False
    return said.code == _NOT_THERE or bool(_TRANSACTION_ABSENT.search(said.message))


def is_misasked(said: object) -> bool:
    """The node does not know these arguments: it answers with the method's own form."""
    return (
        isinstance(said, Complaint)
        and said.code in (_HELP, _BAD_PARAMETER)
        and not is_absent_transaction(said)
        and not _BLOCK_ABSENT.search(said.message)
    )


def is_absent_filter(said: object) -> bool:
    """The node keeps no filters, not yet that of this block, or does not know the block."""
    return isinstance(said, Complaint) and said.code in (_UNKNOWN_METHOD, _HELP, _NOT_THERE)


def is_known(said: Complaint) -> bool:
    """Whether the node has the sent transaction already, as it says."""
    return said.code == _KNOWN or bool(_KNOWN_WORDS.search(said.message))


def is_open(said: Complaint) -> bool:
    """Whether the complaint is about the node itself, and says nothing of a sent transaction."""
    return said.code == _WARMING_UP or -32768 <= said.code <= -32000


def error(name: str, complaint: Complaint) -> KeepcoolError:
    """What a read that was complained about raises."""
    text = cut(complaint.message)
    if complaint.code == _WARMING_UP:
        return Unavailable("node.warming_up", f"{name} is starting ({text}); wait for it")
    if complaint.code == _UNKNOWN_METHOD:
        return Unavailable("node.incapable", f"{name} cannot do this ({text}); use another node")
    if _PRUNED.search(complaint.message):
        mend = "use a node that keeps its blocks"
        return Unavailable("node.pruned", f"{name} has deleted this block; {mend}")
    if is_absent_block(complaint) or complaint.code == _NOT_THERE:
        return Unavailable("node.block_unknown", f"{name} does not have this block (any more): {text}")
    return Unavailable("node.error", f"{name} answered with an error ({complaint.code}): {text}")


def rejection(name: str, reason: str, became: Why) -> Refused:
    text = cut(reason)
    mend = _MENDS.get(became)
    told = f"{name} does not take this transaction ({text})" + (f"; {mend}" if mend else "")
    return Refused("node.rejected", told, reason=text, why=became.value)


_MENDS = {
    Why.SPENT: "its coins are spent; it may itself be in a block",
    Why.CONFLICT: "another one that waits spends its coins",
    Why.FEE: "send one with a higher fee",
    Why.POOL_FULL: "send it again later, or with a higher fee",
    Why.NOT_YET: "send it again after the next blocks",
}


def cut(text: str) -> str:
    """A node's own words, short and printable."""
    return "".join(char if char.isprintable() else " " for char in text[:_TEXT_MAX])
