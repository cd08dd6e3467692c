"""What a changed configuration changes, and whether a running App may take it up.

Laws: networks, their assets, peers' message keys and lists of attestation keys alone; an asset's decimals
never; whatever else is different is refused, all of it, until a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from keepcool.app.config import AppSettings, AssetSettings
from keepcool.core.errors import Refused
from keepcool.core.parties import Peer

_MAY_CHANGE = frozenset({"networks", "peers", "root_key", "attestation_keys"})


@dataclass(frozen=True, slots=True)
class Changes:
    """Networks by name, assets by id. `altered`: networks that stay and are set otherwise. `pins`: whose
    public keys are others."""

    networks_added: tuple[str, ...]
    networks_removed: tuple[str, ...]
    assets_added: tuple[str, ...]
    assets_removed: tuple[str, ...]
    altered: tuple[str, ...]
    pins: tuple[str, ...]

    def sentences(self) -> list[str]:
        words = (
            ("added", (*self.networks_added, *self.assets_added)),
            ("removed", (*self.networks_removed, *self.assets_removed)),
            ("set otherwise", self.altered),
            ("keys pinned anew", self.pins),
        )
        return [f"{word}: {one}" for word, names in words for one in names]


def between(before: AppSettings, after: AppSettings) -> Changes:
    """Raises Refused when a running App may not take it up."""
    fields = [name for name in AppSettings.__struct_fields__ if name not in _MAY_CHANGE]
    other = [name for name in fields if getattr(before, name) != getattr(after, name)]
    if other:
        raise Refused("reload.restart", f"{', '.join(other)}: changed; that is taken up by a restart alone")
    _check_kinds(before, after)
    old, new = _assets(before), _assets(after)
    for asset in sorted(old.keys() & new.keys()):
        if old[asset].decimals != new[asset].decimals:
            raise Refused("reload.decimals", f"{asset}: the decimals of an asset in use never change")
    stays = before.networks.keys() & after.networks.keys()
    return Changes(
        networks_added=tuple(sorted(after.networks.keys() - before.networks.keys())),
        networks_removed=tuple(sorted(before.networks.keys() - after.networks.keys())),
        assets_added=tuple(sorted(new.keys() - old.keys())),
        assets_removed=tuple(sorted(old.keys() - new.keys())),
        altered=tuple(sorted(one for one in stays if before.networks[one] != after.networks[one])),
        pins=tuple(_pinned_anew(before, after)),
    )


def _pinned_anew(before: AppSettings, after: AppSettings) -> Iterator[str]:
    for name in sorted(before.peers.keys() | after.peers.keys()):
        if before.peers.get(name) != after.peers.get(name):
            yield f"peers.{name}"
    for name in ("root_key", "attestation_keys"):
        if getattr(before, name) != getattr(after, name):
            yield name


def check_peers(before: Sequence[Peer], after: Sequence[Peer]) -> None:
    """Raises Refused where more than message keys are others: what was attested hangs on the rest."""
    if {_lasting(one) for one in before} != {_lasting(one) for one in after}:
        text = "peers: other peers, or other attestation or journal keys, are taken up by a restart alone"
        raise Refused("reload.restart", text)


def _lasting(peer: Peer) -> Peer:
    return replace(peer, signing_key=b"", sealing_key=b"", next_signing_key=b"", next_sealing_key=b"")


def _check_kinds(before: AppSettings, after: AppSettings) -> None:
    for name in sorted(before.networks.keys() & after.networks.keys()):
        if type(before.networks[name]) is not type(after.networks[name]):
            raise Refused("reload.family", f"{name}: a network never changes its family")


def _assets(settings: AppSettings) -> dict[str, AssetSettings]:
    return {one.id: one for table in settings.networks.values() for one in table.assets}
