"""Signing in: a challenge of the desk, answered by a key of the policy. No passwords.

Laws: what is signed is the challenge of the sign-in context over the origin and a fresh nonce, so it is a
signature of nothing else; each challenge serves once, and not for long; how many are open is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

from keepcool.core import canonical
from keepcool.core.approvals import SIGN_IN_CONTEXT, VERSION
from keepcool.core.errors import Refused
from keepcool.desk import people
from keepcool.desk.people import Holder
from keepcool.desk.signers import Signers
from keepcool.ports.system import Clock, Entropy
from keepcool.wire import proofs
from keepcool.wire.proofs import Proof
from keepcool.wire.webauthn import Site

OPEN_MAX, LIVES_MS = 1_000, 120_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """`statement`: canonical bytes; what is signed is `challenge_of` them."""

    id: str
    statement: bytes
    until_ms: int


class SigningIn:
    """Challenges given and not yet answered."""

    def __init__(self, signers: Signers, site: Site, origin: str, clock: Clock, entropy: Entropy) -> None:
        self._signers, self._site, self._origin = signers, site, origin
        self._clock, self._entropy = clock, entropy
        self._open: dict[str, Attempt] = {}

    def begin(self) -> Attempt:
        """A fresh challenge. When too many are open, the oldest is given up."""
        while len(self._open) >= OPEN_MAX:
            del self._open[next(iter(self._open))]
        statement = canonical.encode(
            {"nonce": self._entropy(32).hex(), "origin": self._origin, "version": VERSION}
        )
        attempt = Attempt(self._entropy(16).hex(), statement, self._clock.now_ms() + LIVES_MS)
        self._open[attempt.id] = attempt
        return attempt

    async def finish(self, attempt_id: str, proof: Proof, *, key: str = "", credential: str = "") -> Holder:
        """Whose key answered. Raises Refused; the challenge is used up either way."""
        attempt = self._open.pop(attempt_id, None)
        if attempt is None or self._clock.now_ms() >= attempt.until_ms:
            raise Refused("sign_in.challenge", "this challenge is used up or too old: try again")
        holder = await people.found(self._signers, key=key, credential=credential)
        proofs.verify(holder.person_key(), challenge_of(attempt.statement), proof, self._site)
        return holder


def challenge_of(statement: bytes) -> bytes:
    """What is signed to sign in (32 bytes)."""
    return canonical.digest(SIGN_IN_CONTEXT, statement)
