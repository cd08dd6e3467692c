"""What a signer said, verified and kept: one transaction for a whole answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, assert_never

from sqlalchemy import Connection

from keepcool.app.payouts import answers, store
from keepcool.app.payouts.answers import Answer, Outcome
from keepcool.app.payouts.lane import Lane
from keepcool.app.payouts.store import Withdrawal
from keepcool.chains.families import family_of
from keepcool.core.errors import Breach, KeepcoolError, Malformed, rebuild
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.core.withdrawal import Event, SignatureMade, Thawed
from keepcool.core.withdrawal_states import (
    Drafted,
    Frozen,
    NeedsReview,
    Objection,
    PartlySigned,
    draft_of,
    signed_by,
)
from keepcool.wire.messages import Declined, Failure, Signed

SIGNERS = {Service.KEEPER: Role.HOT, Service.COOLER: Role.COOL}
WAITING = (Drafted, PartlySigned, NeedsReview)
Item: TypeAlias = Signed | Declined | Failure


def stored(
    tx: Connection, lane: Lane, signer: Service, pairs: Sequence[tuple[Withdrawal, Item]], policy: str
) -> list[tuple[Withdrawal, KeepcoolError]]:
    """Keep what was said of each. The ones that failed: a Breach is a signature that is not the owner's,
    anything else may be asked again."""
    failed: list[tuple[Withdrawal, KeepcoolError]] = []
    for one, item in pairs:
        try:
            answer = _read(tx, lane, signer, one, item)
        except KeepcoolError as error:
            failed.append((one, error))
            continue
        outcome, signature, objections = answer
        sequence = item.sequence if isinstance(item, Signed) else None
        until_s = item.until_s if isinstance(item, Declined) and item.review else 0
        row = Answer(signer, outcome, signature, objections, policy, sequence, lane.clock.now_ms(), until_s)
        answers.put(tx, one.id, row)
        if outcome is Outcome.SIGNED and isinstance(store.get(tx, one.id).state, WAITING):
            lane.step_in(tx, one.id, SignatureMade(signer))
    return failed


def caught_up(tx: Connection, one: Withdrawal, step: Callable[[str, Event], Withdrawal]) -> Withdrawal:
    """Signatures that came while it was frozen were kept, and count once it is thawed."""
    for signer, answer in answers.of(tx, one.id).items():
        missing = answer.outcome is Outcome.SIGNED and signer not in signed_by(one.state)
        if missing and isinstance(one.state, WAITING):
            one = step(one.id, SignatureMade(signer))
    return one


def let_go(tx: Connection, one: Withdrawal, step: Callable[[str, Event], Withdrawal]) -> Withdrawal:
    """Before a frozen one is given up: with what was signed meanwhile, so that this is burnt and not
    forgotten."""
    kept = any(answer.outcome is Outcome.SIGNED for answer in answers.of(tx, one.id).values())
    return caught_up(tx, step(one.id, Thawed()), step) if kept and isinstance(one.state, Frozen) else one


def _read(
    tx: Connection, lane: Lane, signer: Service, one: Withdrawal, item: Item
) -> tuple[Outcome, bytes | None, tuple[Objection, ...]]:
    match item:
        case Signed():
            return Outcome.SIGNED, _verified(tx, lane, signer, one, item), ()
        case Declined():
            objections = tuple(
                Objection(signer, verdict.rule, verdict.outcome, verdict.reason)
                for verdict in item.verdicts
                if verdict.outcome != "approved"
            )
            return (Outcome.NEEDS_REVIEW if item.review else Outcome.DENIED), None, objections
        case Failure():
            problem = item.problem
            if problem.kind != Malformed.kind:  # it may have signed all the same
                raise rebuild(problem.kind, problem.code, problem.text)
            return Outcome.DENIED, None, (Objection(signer, problem.code, "failed", problem.text),)
        case _ as never:
            assert_never(never)


def _verified(tx: Connection, lane: Lane, signer: Service, one: Withdrawal, item: Signed) -> bytes:
    draft, record = draft_of(one.state), lane.attesters.wallet(tx, one.wallet).record
    if draft is None or len(item.signatures) != 1:
        raise Breach("signature.count", f"{signer} answered with {len(item.signatures)} signatures")
    try:
        family_of(lane.network).verify_signature(
            bytes.fromhex(draft.digest), item.signatures[0], record.key(SIGNERS[signer]).public_key
        )
    except Malformed as error:
        text = f"{signer}'s signature is not its key's over {draft.digest}"
        raise Breach("signature.wrong", text) from error
    return item.signatures[0]
