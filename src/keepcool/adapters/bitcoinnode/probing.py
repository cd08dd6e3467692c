"""What a node can do, found out by asking: nodes of the family are told apart by what they answer.

A method without its arguments is answered with its help or an error; only a method that does not exist says
that it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from keepcool.adapters.bitcoinnode import answers, complaints
from keepcool.adapters.jsonrpc.calls import Ask, Complaint, Said
from keepcool.ports.bitcoinnode import Capabilities

ASKS = (
    Ask("testmempoolaccept"),
    Ask("estimatesmartfee"),
    Ask("help", ("getblock",)),
    Ask("generatetoaddress"),
    Ask("getblockfilter"),
    Ask("getindexinfo"),
    Ask("getzmqnotifications"),
)
_FILTERS, _TRANSACTIONS = "basic block filter index", "txindex"


def read(said: Sequence[Said]) -> Capabilities:
    """Raises ValueError."""
    accepts, estimates, block_help, generates, filters, indexes, zmq = said
    indexed = _indexes(indexes)
    return Capabilities(
        tests_acceptance=not complaints.is_unknown_method(accepts),
        estimates_fees=not complaints.is_unknown_method(estimates),
        tells_spent_outputs=not isinstance(block_help, Complaint) and b"prevout" in block_help,
        makes_blocks=not complaints.is_unknown_method(generates),
        filters=not complaints.is_unknown_method(filters) and _FILTERS in indexed,
        transaction_index=_TRANSACTIONS in indexed,
        notifications=_notifications(zmq),
    )


def _indexes(said: Said) -> frozenset[str]:
    if isinstance(said, Complaint):
        return frozenset()
    return frozenset(answers.parsed(said, dict[str, msgspec.Raw]))


def _notifications(said: Said) -> tuple[tuple[str, str], ...]:
    if isinstance(said, Complaint):
        return ()
    rows = answers.parsed(said, list[answers.RawNotification])
    return tuple((row.type, row.address) for row in rows)
