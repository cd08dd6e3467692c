"""The seed of a wallet whose hot key goes on below itself: made, and led to the key on record.

Laws: what is sealed is the seed (32 bytes); its key is handed out only when it is the one on record, and
seed, master and what lies between are wiped. The fingerprint is that of the seed's own master. BIP-32.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.chains.accounts import LAYOUT, path_numbers, whole_key
from keepcool.chains.bip32 import fingerprint
from keepcool.core.errors import Breach
from keepcool.core.registry import OwnerKey, Role
from keepcool.core.secret import Secret
from keepcool.hazmat import coinkeys, derivation
from keepcool.ports.system import Entropy

_SIZE = 32


def new_seed(entropy: Entropy, family: str, wallet_number: int | None) -> tuple[Secret, OwnerKey]:
    """A fresh seed, and the hot key it gives the wallet of this number, a pool for None. The caller wipes
    the seed. Raises Breach when entropy is broken."""
    seed, _ = coinkeys.new_key(entropy)  # any 32 bytes are a seed; those that are no key come of no dice
    try:
        root = derivation.master(seed)
        with root.secret:
            node = derivation.below(root, path_numbers(LAYOUT[family]))
            node.secret.wipe()
        origin = f"[{fingerprint(root.public.public_key).hex()}/{LAYOUT[family]}]"
        return seed, whole_key(Role.HOT, origin, node.public, wallet_number)
    except BaseException:
        seed.wipe()
        raise


def key_of(seed: Secret, path: Sequence[int], public: bytes) -> Secret:
    """The hot key at `path`. The caller wipes it and the seed. Raises Breach when it is not the key on record
    (33 bytes)."""
    with seed.opened() as raw:
        if len(raw) != _SIZE:
            raise Breach("hazmat.seed", "what was sealed as a seed is none; restore it from backup")
    root = derivation.master(seed)
    with root.secret:
        node = derivation.below(root, path)
    if node.public.public_key != public:
        node.secret.wipe()
        raise Breach("hazmat.wrong_seed", "the seed does not give this wallet's key; nothing was released")
    return node.secret
