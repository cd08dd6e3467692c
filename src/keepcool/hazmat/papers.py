"""Paper keys: 24 words to a coin key, for cool and cold.

Laws: the words alone (and the path) give the key back in any wallet that follows the standards; the word
list package is imported only here and only when words are handled.
BIP-39 (words, seed), BIP-32 (derivation, `m/44'/60'/0'/0/0` as BIP-44 and SLIP-44 lay it out).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from keepcool.core.errors import Malformed
from keepcool.core.secret import Secret
from keepcool.hazmat import curve

HARDENED = 0x80000000
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


def key_of(words: str, path: Sequence[int] = EVM_PATH) -> tuple[Secret, bytes]:
    """The coin key at `path` and its compressed public key. Raises Malformed on words of no paper key."""
    entropy_of(words).wipe()
    with _seed(" ".join(words.lower().split())) as seed:
        return derived(seed, path)


def derived(seed: Secret, path: Sequence[int]) -> tuple[Secret, bytes]:
    """BIP-32: from a seed to the key at `path` (numbers with `HARDENED` added where primed)."""
    with seed.opened() as raw:
        key, chain = _split(hmac.digest(b"Bitcoin seed", raw, "sha512"))
    if not curve.is_key(key):
        raise Malformed("hazmat.derivation", "this seed has no master key; make another")
    for index in path:
        key, chain = _child(key, chain, index)
    return Secret(key), curve.public_key_of(key)


def _seed(words: str) -> Secret:
    # BIP-39: PBKDF2-HMAC-SHA512, 2048 rounds, no passphrase: paper and memory must not both be needed.
    return Secret(bytearray(hashlib.pbkdf2_hmac("sha512", words.encode(), b"mnemonic", 2048)))


def _child(key: bytearray, chain: bytes, index: int) -> tuple[bytearray, bytes]:
    data = bytearray(b"\0") + key if index & HARDENED else bytearray(curve.public_key_of(key))
    data += index.to_bytes(4, "big")
    tweak, chain = _split(hmac.digest(chain, data, "sha512"))
    curve.add(key, bytes(tweak))
    Secret(data).wipe()
    return key, chain


def _split(block: bytes) -> tuple[bytearray, bytes]:
    return bytearray(block[:32]), block[32:]
