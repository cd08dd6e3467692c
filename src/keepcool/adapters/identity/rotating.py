"""A service's message keys made anew, in steps between which everybody goes on talking.

new: the pair to come lies beside the one in use, and what is sealed to it is opened. switch: it is the one in
use from the next start on; what was sealed to the one before is still opened. forget: the one before is gone.
Laws: no step overwrites a key that was not used up; each may be asked for again.
"""

from __future__ import annotations

from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from keepcool.adapters.identity.files import SEALING, SIGNING
from keepcool.adapters.identity.keyfiles import KEY_BYTES, parse_key, read_private, write_private
from keepcool.core.errors import Conflict
from keepcool.ports.system import Entropy

NEXT_SIGNING, NEXT_SEALING = "signing.next.key", "sealing.next.key"
PREVIOUS_SEALING = "sealing.previous.key"


def make_next(folder: Path, entropy: Entropy) -> tuple[str, str]:
    """The public halves (signing, sealing; hex) that peers pin; those made before, if they lie there. Raises
    Conflict while a rotation before has not ended."""
    if (folder / PREVIOUS_SEALING).exists():
        text = f"{folder / PREVIOUS_SEALING}: end the rotation before (`keepcool keys forget`)"
        raise Conflict("keys.unended", text)
    for name in (NEXT_SIGNING, NEXT_SEALING):
        if not (folder / name).exists():
            write_private(folder / name, entropy(KEY_BYTES).hex().encode("ascii") + b"\n")
    return _public(folder, NEXT_SIGNING, NEXT_SEALING)


def switch(folder: Path) -> tuple[str, str]:
    """The public halves in use from the next start on. Raises Conflict when there is no pair to come."""
    if not (folder / NEXT_SIGNING).exists() and not (folder / NEXT_SEALING).exists():
        raise Conflict("keys.none", f"{folder}: there are no keys to switch to (`keepcool keys new`)")
    if (folder / NEXT_SEALING).exists():  # a step that was cut off goes on from here
        if not (folder / PREVIOUS_SEALING).exists():
            (folder / SEALING).rename(folder / PREVIOUS_SEALING)
        (folder / NEXT_SEALING).rename(folder / SEALING)
    if (folder / NEXT_SIGNING).exists():
        (folder / NEXT_SIGNING).replace(folder / SIGNING)
    return _public(folder, SIGNING, SEALING)


def forget(folder: Path) -> None:
    """What was sealed to the key before opens no longer, from the next start on."""
    (folder / PREVIOUS_SEALING).unlink(missing_ok=True)


def in_use(folder: Path) -> tuple[str, str]:
    """The public halves (signing, sealing; hex)."""
    return _public(folder, SIGNING, SEALING)


def _public(folder: Path, signing: str, sealing: str) -> tuple[str, str]:
    signs, seals = (parse_key(read_private(folder / name), folder / name) for name in (signing, sealing))
    return SigningKey(signs).verify_key.encode().hex(), bytes(PrivateKey(seals).public_key).hex()
