"""From where a call comes: the peer of the connection, or what a trusted proxy says of it.

Laws: X-Forwarded-For counts only when the peer is a trusted proxy, and is read from the right, where that
proxy has written; the first address that is no trusted proxy is the caller, whatever stands to its left; what
a trusted proxy has written and is no address is refused, never guessed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from keepcool.core.errors import Malformed

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
NETWORKS_MAX = 50
_HOPS_MAX = 20


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises Malformed `api_key.networks` on what is no CIDR."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip()))
        except ValueError as error:
            named = f"{text[:64]!r} is no network: write 192.0.2.0/24 or 2001:db8::/32, host bits zero"
            raise Malformed("api_key.networks", named) from error
    if len(found) > NETWORKS_MAX:
        raise Malformed("api_key.networks", f"name at most {NETWORKS_MAX} networks")
    return tuple(found)


def caller(peer: str | None, forwarded: Sequence[str], proxies: Sequence[Network]) -> Address | None:
    """`forwarded`: the X-Forwarded-For headers in their order. None when nobody knows. Raises Malformed
    `auth.forwarded` on what a trusted proxy should not have written."""
    here = None if peer is None else _address(peer)
    if here is None or not is_inside(here, proxies):
        return here
    hops = [hop.strip() for header in forwarded for hop in header.split(",")]
    for hop in reversed(hops[-_HOPS_MAX:]):
        told = _address(_bare(hop))
        if told is None:
            raise Malformed("auth.forwarded", "the proxy sent an X-Forwarded-For that is no address")
        here = told
        if not is_inside(here, proxies):
            break
    return here


def is_inside(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)


def _bare(hop: str) -> str:
    """Without the port that some proxies write behind it."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _address(text: str) -> Address | None:
    """An IPv4 address written as IPv6 is the same address."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
