"""What a node's error answer means for the caller. Clients agree on few codes, so their words are read too.

Texts from go-ethereum, reth, Erigon, Nethermind, Besu and anvil.
"""

from __future__ import annotations

import re

from keepcool.adapters.jsonrpc.calls import Complaint
from keepcool.chains.evm.complaints import explained
from keepcool.core.errors import KeepcoolError, Refused, Unavailable
from keepcool.ports.evmnode import Sending

_REVERTED_CODE = 3
_TEXT_MAX = 200

_UNKNOWN_BLOCK = re.compile(
    r"(?i)unknown block|header not found|block not found|resource not found|header for hash not found"
    r"|hash is not currently canonical|finalized block not found|safe block not found|blockoutofrange"
)
_STATE_GONE = re.compile(r"(?i)missing trie node|state (is )?not available|pruned|historical state")
_REVERTED = re.compile(r"(?i)revert|invalid opcode|out ?of ?gas")
_FUNDS = re.compile(r"(?i)insufficient funds|insufficient balance|upfront cost exceeds")
_KNOWN = re.compile(r"(?i)already known|already imported|\bknown transaction|alreadyknown")
_NONCE = re.compile(r"(?i)nonce too low|nonce is too low|oldnonce|nonce_too_low")
_PRICE = re.compile(
    r"(?i)underpriced|fee too low|feetoolow|gas price too low|less than block base fee|below current base"
    r"|tip too low|could not replace"
)
_SENDINGS = (
    (Sending.KNOWN, _KNOWN),
    (Sending.NONCE_TOO_LOW, _NONCE),
    (Sending.UNDERPRICED, _PRICE),
    (Sending.INSUFFICIENT_FUNDS, _FUNDS),
)


def sending(complaint: Complaint) -> Sending:
    """What became of a raw transaction the node complained about."""
    for outcome, pattern in _SENDINGS:
        if pattern.search(complaint.message):
            return outcome
    return Sending.REJECTED


def is_unknown_block(complaint: Complaint) -> bool:
    return bool(_UNKNOWN_BLOCK.search(complaint.message))


def error(name: str, complaint: Complaint) -> KeepcoolError:
    """What a read that was complained about raises."""
    text = cut(complaint.message)
    if is_unknown_block(complaint):
        return Unavailable("node.block_unknown", f"{name} does not have this block (any more)")
    if _STATE_GONE.search(complaint.message):
        mend = "keep more state on the node, or credit less deep"
        return Unavailable("node.state_gone", f"{name} no longer has the state of this block; {mend}")
    if complaint.code == _REVERTED_CODE or _REVERTED.search(complaint.message):
        return Refused("node.reverted", f"the call would fail: {explained(text)}")
    if _FUNDS.search(complaint.message):
        return Refused("node.insufficient_funds", f"the caller has too little for this: {text}")
    return Unavailable("node.error", f"{name} answered with an error ({complaint.code}): {text}")


def cut(text: str) -> str:
    """A node's own words, short and printable."""
    return "".join(char if char.isprintable() else " " for char in text[:_TEXT_MAX])
