"""The lane of a network of the Bitcoin family."""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.app.config import BitcoinSettings
from keepcool.app.payouts.lane import Lane
from keepcool.chains.bitcoin.combining import Checker
from keepcool.chains.bitcoin.networks import Network
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.system import Entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinLane(Lane):
    """`row`: the network as data, with the depths of the configuration. `node` answers what as many nodes say
    as must agree, and sends to all; `checker` has the last word on what both have signed."""

    settings: BitcoinSettings
    row: Network
    node: BitcoinNode
    entropy: Entropy
    checker: Checker
