"""What a signer stands on and what makes it Keeper or Cooler: ports, pinned peers, role, further memories.

Law: adapters are built outside and handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from keepcool.chains.families import SHIPPED_FAMILIES, Families
from keepcool.core.errors import Refused
from keepcool.core.parties import Peer, Service
from keepcool.core.registry import Role, WalletRecord
from keepcool.cosigner.journal import Memory
from keepcool.cosigner.keyring import Unlocked, as_it_lies
from keepcool.cosigner.signing import Barred, Keyed, Points, ReservedAt, nobody, not_barred, not_keyed
from keepcool.cosigner.underway import Underway
from keepcool.hazmat.innerseal import InnerKey
from keepcool.policy.document import Policy
from keepcool.ports.identity import Identity
from keepcool.ports.keystore import Bound, Keystore
from keepcool.ports.signer_store import SignerStore
from keepcool.ports.system import Clock, Entropy, Faults
from keepcool.wire.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The ports a signer stands on, and who it is. `own` are its own public keys, `families` those with the
    networks it knows. `policy` is the file's and `document` its bytes; `installation` is the root key (hex)
    that signed it, which orders name. `underway`: the sealed keys that are in somebody's hands."""

    identity: Identity
    own: Peer
    peers: Mapping[Service, Peer]
    store: SignerStore
    keystore: Keystore
    inner: InnerKey
    exchange: Exchange
    clock: Clock
    entropy: Entropy
    faults: Faults
    policy: Policy
    families: Families = SHIPPED_FAMILIES
    document: bytes = b""
    installation: str = ""
    underway: Underway = field(default_factory=Underway)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What makes this signer Keeper or Cooler: its key's role, where a record's key lies, its peer, where
    it may die, further memories of its journal, and what it has reserved. `unlocked` and `barred` are of a
    lock on some of its keys, `lock` is how that stands, in words; `keyed` says what is wrong with the
    key that came, or did not come, with a request."""

    role: Role
    place: Callable[[WalletRecord], Bound]
    peer: Service
    points: Points
    memories: Sequence[Memory] = ()
    reserved_at: ReservedAt = nobody
    unlocked: Unlocked = as_it_lies
    barred: Barred = not_barred
    keyed: Keyed = not_keyed
    lock: Callable[[], str] = str


def attestation_keys(foundation: Foundation, peer: Peer) -> dict[Service, bytes]:
    own = foundation.own
    return {
        own.service: pinned_key(own, own.attestation_key),
        peer.service: pinned_key(peer, peer.attestation_key),
    }


def pinned_peer(peers: Mapping[Service, Peer], service: Service) -> Peer:
    if service not in peers:
        raise Refused("settings.peer", f"pin the keys of {service} under [peers.{service}]")
    return peers[service]


def pinned_key(peer: Peer, key: bytes | None) -> bytes:
    if key is None:
        raise Refused("settings.peer", f"{peer.service} needs an attestation_key and a journal_key")
    return key
