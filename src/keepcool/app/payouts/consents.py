"""What an owner signs of his withdrawal, and what he signed, checked before it is kept.

Laws: consent holds for the bytes of one intent; what does not verify is refused here and kept nowhere, for a
signer that is shown it refuses the whole payment; whoever may pay may carry a consent, it proves itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.payouts import answers, store
from keepcool.app.payouts.bitcoin import lookups
from keepcool.app.payouts.store import Withdrawal
from keepcool.app.wallets import Attesters
from keepcool.core import withdrawal_states as lives
from keepcool.core.approvals import USER_KIND, user_challenge
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.intent import Evidence, intent_hash
from keepcool.core.personkeys import parse_person_key
from keepcool.wire import proofs
from keepcool.wire.webauthn import Site


@dataclass(frozen=True, slots=True)
class Fixed:
    """What the signers are asked for now: the intent's canonical bytes, and the drafts that carry it out (the
    fees of a ladder, cheapest first)."""

    intent: bytes
    drafts: tuple[bytes, ...]

    @property
    def hash(self) -> str:
        return intent_hash(self.intent).hex()


def fixed(tx: Connection, one: Withdrawal) -> Fixed | None:
    """None before it is drafted, and once it has ended."""
    if lives.draft_of(one.state) is None or not lives.is_open(one.state):
        return None
    if one.intent is not None and one.draft is not None:
        return Fixed(one.intent, (one.draft,))
    found = lookups.fixed(tx, one.id)
    return None if found is None else Fixed(*found)


def until_s(tx: Connection, withdrawal: str) -> int:
    """When the last of the delays that signers named ends; 0 for none."""
    asked = store.get(tx, withdrawal).batch or withdrawal
    own = [said.until_s for said in answers.of(tx, asked).values()]
    return max([*own, *lookups.untils(tx, withdrawal)], default=0)


def of(tx: Connection, one: Withdrawal) -> Fixed:
    """Raises Conflict while there is nothing to sign, or nothing any more."""
    if not lives.is_open(one.state):
        text = f"withdrawal {one.id} is {lives.name_of(one.state)}: nobody is asked any more"
        raise Conflict("withdrawal.too_late", text, state=lives.name_of(one.state))
    now = fixed(tx, one)
    if now is None:
        text = f"withdrawal {one.id} is not drafted yet: there is nothing to sign; look again in a moment"
        raise Conflict("withdrawal.not_drafted", text, state=lives.name_of(one.state))
    return now


def checked(
    tx: Connection, attesters: Attesters, one: Withdrawal, proof: Evidence, site: Site | None
) -> Evidence:
    """The owner's signature over the intent as it is now. Raises Malformed on another kind or form, Refused
    when it is not his. `site`: where passkeys are touched; None takes none."""
    if proof.kind != USER_KIND:
        raise Malformed("evidence.kind", f"an owner's evidence is of the kind {USER_KIND!r}")
    intent, own = of(tx, one).intent, attesters.wallet(tx, one.wallet).record.user_key
    if not own:
        raise Refused("evidence.no_user_key", f"wallet {one.wallet} has no user key: nobody signs for it")
    if proof.key != own:
        raise Refused("evidence.other_key", "this is not the key in the wallet's attested record")
    try:
        given = proofs.parse_proof(proof.proof)
        proofs.verify(parse_person_key(own), user_challenge(intent), given, site)
    except Refused as error:
        raise Refused(error.code, f"{error.public}; was another intent signed?") from error
    return proof


def give(tx: Connection, withdrawal: str, proof: Evidence, now_ms: int) -> Withdrawal:
    """Kept for the intent as it is now; the signers are asked again, with it, at once."""
    one = store.get(tx, withdrawal)
    answers.add_evidence(tx, one.id, of(tx, one).intent, proof, now_ms)
    store.at_once(tx, one.id)
    if one.batch is not None:
        store.at_once(tx, one.batch)
    lookups.ask_at_once(tx, one.id)
    return store.get(tx, one.id)
