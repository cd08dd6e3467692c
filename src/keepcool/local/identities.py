"""Makes the identity keys of a service: one file per purpose, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

from keepcool.adapters.identity import files
from keepcool.adapters.identity.keyfiles import KEY_BYTES, write_private
from keepcool.core.parties import Peer, Service
from keepcool.ports.settings import PeerSettings
from keepcool.ports.system import Entropy

_SIGNERS = frozenset({Service.KEEPER, Service.COOLER})


def make_identity(folder: Path, service: Service, entropy: Entropy) -> Peer:
    """Writes the keys this service has a use for; returns what its peers pin. Raises FileExistsError
    when it has keys already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [files.SIGNING, files.SEALING]
    if service in _SIGNERS:
        names += [files.ATTESTATION, files.JOURNAL]
    for name in names:
        write_private(folder / name, entropy(KEY_BYTES).hex().encode("ascii") + b"\n")
    return files.FileIdentity.load(folder, service).peer()


def pinned(peer: Peer) -> PeerSettings:
    """A peer as it stands in a TOML file."""
    return PeerSettings(
        signing_key=peer.signing_key.hex(),
        sealing_key=peer.sealing_key.hex(),
        attestation_key="" if peer.attestation_key is None else peer.attestation_key.hex(),
        journal_key="" if peer.journal_key is None else peer.journal_key.hex(),
    )
