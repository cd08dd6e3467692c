"""Making the cool key: once, on paper and sealed in Cooler's database.

Law: the words are written to one file that only its owner can read; print it, prove it, destroy it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from keepcool.core.errors import Conflict
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.core.secret import Secret
from keepcool.cosigner.keyring import NewKey, sealed
from keepcool.hazmat import sheet
from keepcool.hazmat.innerseal import InnerKey
from keepcool.ports.keystore import Bound, Keystore
from keepcool.ports.signer_store import Change, SignerStore
from keepcool.ports.system import Entropy

COOL_PLACE = Bound(Service.COOLER.value, "*", "*", Role.COOL.value)


@dataclass(frozen=True, slots=True)
class MadeKey:
    """The sheet's text (a secret) and the public key (compressed, hex)."""

    text: Secret
    public_key: str


async def new_key(
    store: SignerStore, keystore: Keystore, inner: InnerKey, entropy: Entropy, made_on: str
) -> MadeKey:
    """Raises Conflict when there is a cool key already: it is never replaced."""
    if store.keys([(COOL_PLACE.wallet, COOL_PLACE.network, COOL_PLACE.purpose)]) != [None]:
        raise Conflict("cooler.key_exists", "this Cooler has its key already; a key is never replaced")
    text, secret, public = sheet.new_sheet(Role.COOL, made_on, entropy)
    with secret:
        rows = await sealed([NewKey(COOL_PLACE, secret, public)], keystore, inner, entropy)
    await asyncio.shield(store.commit(Change(keys=tuple(rows))))
    return MadeKey(text, public.hex())


def paper_file(folder: Path) -> Path:
    """Where the sheet goes. Raises Conflict when one lies there: nothing is overwritten."""
    file = folder / "cool.paper.txt"
    if file.exists():
        raise Conflict("cooler.paper_exists", f"{file} exists already; choose another folder")
    return file
