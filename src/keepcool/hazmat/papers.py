"""Paper keys: 24 words to the coin keys of cool and cold.

Laws: the words alone (and the path) give the key back in any wallet that follows the standards; the word
list package is imported only here and only when words are handled.
BIP-39 (words, seed), BIP-32 (derivation; `m/44'/60'/0'/0/0` as BIP-44 and SLIP-44 lay it out, and one
account for every other family, see `chains.accounts`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from keepcool.chains.bip32 import HARDENED
from keepcool.core.errors import Malformed
from keepcool.core.registry import Role
from keepcool.core.secret import Secret
from keepcool.hazmat import accounts, derivation
from keepcool.hazmat.accounts import Account

EVM_PATH = (44 | HARDENED, 60 | HARDENED, 0 | HARDENED, 0, 0)
EVM_ORIGIN_PATH = "44h/60h/0h/0/0"
_WORDS = 24


def words_of(entropy: Secret) -> str:
    """24 English words that hold these 32 bytes and a checksum."""
    from mnemonic import Mnemonic

    with entropy.opened() as raw:
        if len(raw) != 32:
            raise Malformed("paper.entropy", "a paper key holds 32 bytes of entropy")
        return str(Mnemonic("english").to_mnemonic(bytes(raw)))


def entropy_of(words: str) -> Secret:
    """The 32 bytes behind 24 words. Raises Malformed on a wrong word, count or checksum."""
    from mnemonic import Mnemonic

    reader, spoken = Mnemonic("english"), words.lower().split()
    if len(spoken) != _WORDS:
        raise Malformed("paper.words", f"a paper key has 24 words, not {len(spoken)}")
    known = set(reader.wordlist)
    unknown = [place for place, word in enumerate(spoken, 1) if word not in known]
    if unknown:
        raise Malformed("paper.word", f"word {unknown[0]} is not in the BIP-39 English list; read it again")
    try:
        return Secret(bytearray(reader.to_entropy(" ".join(spoken))))
    except ValueError as error:
        raise Malformed(
            "paper.checksum", "the words do not fit together: one is wrong or misplaced"
        ) from error


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything a service may hold of a paper key: the leaf key that all EVM wallets share, its public
    key (33 bytes), and the accounts that other families' wallets take keys from. `wipe` it."""

    leaf: Secret
    public: bytes
    accounts: tuple[Account, ...]

    def wipe(self) -> None:
        self.leaf.wipe()
        accounts.wipe(self.accounts)


def opened(words: str, role: Role) -> Paper:
    """What these 24 words give. Raises Malformed on words of no paper key."""
    with _seed_of(words) as seed:
        root = derivation.master(seed)
    with root.secret:
        leaf = derivation.below(root, EVM_PATH)
        return Paper(leaf.secret, leaf.public.public_key, accounts.accounts_of(root, role))


def key_of(words: str, path: Sequence[int] = EVM_PATH) -> tuple[Secret, bytes]:
    """The coin key at `path` and its compressed public key. Raises Malformed on words of no paper key."""
    with _seed_of(words) as seed:
        return derived(seed, path)


def derived(seed: Secret, path: Sequence[int]) -> tuple[Secret, bytes]:
    """BIP-32: from a seed to the key at `path` (numbers with `HARDENED` added where primed)."""
    root = derivation.master(seed)
    with root.secret:
        node = derivation.below(root, path)
    return node.secret, node.public.public_key


def _seed_of(words: str) -> Secret:
    entropy_of(words).wipe()
    # BIP-39: PBKDF2-HMAC-SHA512, 2048 rounds, no passphrase: paper and memory must not both be needed.
    spoken = " ".join(words.lower().split()).encode()
    return Secret(bytearray(hashlib.pbkdf2_hmac("sha512", spoken, b"mnemonic", 2048)))
