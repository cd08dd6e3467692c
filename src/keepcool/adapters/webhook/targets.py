"""Where webhooks may go: to the public Internet over TLS, elsewhere only as the configuration allows.

Laws: what is judged is the address that is connected to, never a name alone; an address that carries another
one inside (mapped, translated, tunnelled) is judged by both; names in a URL that could hide where it leads
(credentials, odd hosts) are refused. OWASP, Server-Side Request Forgery Prevention.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

from keepcool.core.errors import Refused

URL_CHARS_MAX = 1000
_NAT64 = IPv6Network("64:ff9b::/96")
Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """Of a URL: `host` as it is resolved, and whether the conversation is encrypted."""

    host: str
    port: int
    tls: bool


class Targets:
    """`allowed`: networks (CIDR) that may be reached although they are not public, there also without TLS."""

    def __init__(self, allowed: Sequence[str]) -> None:
        """Raises Refused on one that is no network."""
        try:
            self._allowed = [ip_network(one) for one in allowed]
        except ValueError as error:
            raise Refused("webhook.networks", f"webhook_networks: {error}") from error

    def parse(self, url: str) -> Target:
        """Raises Refused `webhook.url`."""
        target = _parsed(url)
        literal = _literal(target.host)
        if literal is not None:
            self.judge(target, [literal])
        elif not target.tls and not self._allowed:
            raise Refused("webhook.url", "a webhook's URL begins with https://")
        return target

    def judge(self, target: Target, addresses: Iterable[Address]) -> None:
        """Raises Refused `webhook.target` unless every address may be connected to."""
        for one in addresses:
            within = any(one in network for network in self._allowed if network.version == one.version)
            if within:
                continue
            if not all(_is_public(inner) for inner in _stands_for(one)):
                text = (
                    "a webhook goes to a public address, or to a network in App's [events] webhook_networks"
                )
                raise Refused("webhook.target", text)
            if not target.tls:
                raise Refused("webhook.url", "a webhook's URL begins with https://")


def _parsed(url: str) -> Target:
    odd = Refused("webhook.url", "a webhook's URL is https://host[:port]/path, without user or fragment")
    if not 1 <= len(url) <= URL_CHARS_MAX or not url.isascii() or not url.isprintable():
        raise odd
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise odd from error
    if parts.scheme not in ("https", "http") or "@" in parts.netloc or "\\" in url or " " in url:
        raise odd
    if not host or "%" in host or parts.fragment or port == 0:
        raise odd
    tls = parts.scheme == "https"
    return Target(host, port or (443 if tls else 80), tls)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _stands_for(address: Address) -> list[Address]:
    """What is reached there: itself, and whatever it carries inside."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    inner = (address.sixtofour, *(address.teredo or ()))
    return [address, *(one for one in inner if one is not None)]
