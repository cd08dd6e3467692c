"""Keystores in files, as `keepcool init --keystore local` makes them: one for each signer.

Law: the passphrase is drawn, 256 bits, and lies with the root folder, never beside the file it opens.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from keepcool.adapters.identity.keyfiles import KEY_BYTES, write_private
from keepcool.adapters.localkeystore.keystore import create
from keepcool.core.parties import Service
from keepcool.core.secret import Secret
from keepcool.local import layout
from keepcool.local.layout import SIGNERS, Layout
from keepcool.ports.system import Entropy


def make(places: Layout, entropy: Entropy) -> None:
    """Both, and no folder for servers that are not there."""
    for signer in SIGNERS:
        shutil.rmtree(places.keystore(signer))
        words = bytearray(entropy(KEY_BYTES).hex().encode("ascii"))
        with Secret(words) as passphrase:
            write_private(credentials(places, signer) / layout.PASSPHRASE, bytes(words) + b"\n")
            create(file(places, signer), passphrase, entropy)


def table() -> dict[str, object]:
    """[keystore] of a signer's TOML."""
    return {"local": {"file": f"{layout.KEYSTORE}/{layout.LOCAL_KEYSTORE}"}}


def file(places: Layout, signer: Service) -> Path:
    return places.service(signer) / layout.KEYSTORE / layout.LOCAL_KEYSTORE


def credentials(places: Layout, signer: Service) -> Path:
    """The folder with a signer's passphrase, in the form in which systemd gives credentials."""
    return places.shares(signer)


def used_by(places: Layout, signer: Service) -> bool:
    """Whether this signer's keystore is such a file."""
    return file(places, signer).is_file()
