"""Keystores that others run, OpenBao or Vault: `keepcool init --keystore outside` is told where they are, and
is given what each signer enters with. docs/operate/outside-vault.md says what has to be there.

Law: nothing is changed in them; a keystore that lets a signer do more or less than it must is refused,
by the signer itself.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keepcool.adapters.identity.keyfiles import write_private
from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Service
from keepcool.local import layout
from keepcool.local.keystore import transit_key
from keepcool.local.layout import SIGNERS, Layout

PRIVATE = (layout.ROLE_ID, layout.SECRET_ID)
_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class OutsideKeystore:
    """`folder` holds ca.pem, role.id and secret.id (or in it "wrapped TOKEN", which is good for one use)."""

    signer: Service
    url: str
    folder: Path


def outside_keystore(text: str) -> OutsideKeystore:
    """From "SIGNER=URL,FOLDER". Raises Malformed."""
    name, _, rest = text.partition("=")
    url, _, folder = rest.partition(",")
    parts = urlsplit(url)
    plain = parts.scheme == "https" and parts.hostname and parts.path in ("", "/") and not parts.query
    if name not in layout.SIGNERS or not plain or not folder:
        wanted = "keeper=https://HOST:8200,FOLDER, and the same for cooler"
        raise Malformed("init.keystore_entry", f"--keystore-entry {text!r}: write {wanted}")
    return OutsideKeystore(Service(name), url.rstrip("/"), Path(folder))


def make(places: Layout, entries: tuple[OutsideKeystore, ...]) -> None:
    """What the signers enter with, in their folders; no folder for servers that are not ours. Raises Refused
    when one has no entry, or a file of it cannot be read."""
    found = {one.signer: one for one in entries}
    if set(found) != set(SIGNERS) or len({one.url for one in entries}) != len(SIGNERS):
        raise Refused(
            "init.keystore_entry",
            "--keystore-entry: one for keeper, one for cooler, and never the same server",
        )
    for signer in SIGNERS:
        shutil.rmtree(places.keystore(signer))
        own = places.service(signer) / layout.KEYSTORE
        for name in (layout.CA, *PRIVATE):
            write_private(own / name, _read(found[signer].folder / name))


def table(signer: Service, entries: tuple[OutsideKeystore, ...]) -> dict[str, object]:
    """[keystore] of a signer's TOML."""
    return {
        "url": next(one.url for one in entries if one.signer is signer),
        "ca": f"{layout.KEYSTORE}/{layout.CA}",
        "role_id": f"{layout.KEYSTORE}/{layout.ROLE_ID}",
        "secret_id": f"{layout.KEYSTORE}/{layout.SECRET_ID}",
        "transit_key": transit_key(signer),
        "forbidden_keys": [transit_key(one) for one in SIGNERS if one is not signer],
    }


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()[:_BYTES_MAX]
    except OSError as error:
        raise Refused("init.keystore_entry", f"cannot read {file}: {error.strerror}") from error
