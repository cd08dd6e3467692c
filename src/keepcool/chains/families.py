"""Which family a record or a network belongs to: the one place that knows them all.

A process that knows more networks than this release ships (a fork's row, read from a file) makes its own
`Families`; the functions are those of the networks shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.bitcoin.network_table import SHIPPED
from keepcool.chains.bitcoin.networks import Networks
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.family import Family, FamilyName
from keepcool.chains.minter.family import MinterFamily
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId

_NAMESPACES = {  # of CAIP-2
    "eip155": FamilyName.EVM,
    "minter": FamilyName.MINTER,
    "bip122": FamilyName.BITCOIN,
}


@dataclass(frozen=True, slots=True)
class Families:
    """`networks`: those of the Bitcoin family that this process knows. The others need no rows."""

    networks: Networks = SHIPPED

    def named(self, name: str) -> Family:
        """The family a record names. Raises Malformed on one this release does not know."""
        try:
            known = FamilyName(name)
        except ValueError as error:
            raise Malformed("family.unknown", f"this release knows no family called {name[:40]!r}") from error
        match known:
            case FamilyName.EVM:
                return EvmFamily()
            case FamilyName.MINTER:
                return MinterFamily()
            case FamilyName.BITCOIN:
                return BitcoinFamily(self.networks)
            case _ as never:
                assert_never(never)

    def of(self, network: NetworkId) -> Family:
        """The family of a CAIP-2 network. Raises Malformed on a namespace this release does not know."""
        name = _namespace(network)
        if name is None:
            raise Malformed("network.unknown", f"no family here serves the network {network[:40]!r}")
        return self.named(name.value)

    def parse_recipient(self, network: NetworkId, text: str) -> str:
        """The one spelling of an address that may be paid on `network`. Raises Malformed."""
        return self.of(network).parse_recipient(network, text)


SHIPPED_FAMILIES = Families()


def family_named(name: str) -> Family:
    """The family a record names. Raises Malformed on one this release does not know."""
    return SHIPPED_FAMILIES.named(name)


def family_of(network: NetworkId) -> Family:
    """The family of a CAIP-2 network. Raises Malformed on a namespace this release does not know."""
    return SHIPPED_FAMILIES.of(network)


def ordered(network: NetworkId) -> bool:
    """Whether the positions of a slot's space are used up one after another there, as nonces are; coins of
    Bitcoin are spent in any order."""
    return _namespace(network) is not FamilyName.BITCOIN


def first_position(network: NetworkId) -> int:
    """The lowest position of a slot there: an account of Minter begins at nonce 1, a Safe at nonce 0. Where
    slots are not `ordered`, none comes first."""
    return 1 if _namespace(network) is FamilyName.MINTER else 0


def _namespace(network: NetworkId) -> FamilyName | None:
    return _NAMESPACES.get(network.partition(":")[0])
