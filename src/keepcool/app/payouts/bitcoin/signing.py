"""Drafted → Signed: both signers are asked in parallel, then what they signed is put together.

Laws: the final transactions are stored before a withdrawal counts as signed; a rung that a signer declines,
or that a node would never take, is left out; what is refused as a whole because of one is split until the
one is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from keepcool.app.controls import stops
from keepcool.app.payouts import answers, reviews
from keepcool.app.payouts.answers import Outcome
from keepcool.app.payouts.bitcoin import asking, batches, ending, finishing, said
from keepcool.app.payouts.bitcoin.batches import Batch, Purpose, Rung, Stage
from keepcool.app.payouts.bitcoin.lane import BitcoinLane
from keepcool.app.payouts.bitcoin.said import Said
from keepcool.app.payouts.lane import wait_after
from keepcool.app.payouts.said import SIGNERS, WAITING
from keepcool.app.payouts.store import Withdrawal
from keepcool.chains.bitcoin.combining import Final
from keepcool.core.errors import Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.core.withdrawal import SignatureMade
from keepcool.core.withdrawal_states import Objection
from keepcool.ports.bitcoinnode import Why

AT_ONCE_MAX = 50
_PATIENCE_TRIES = 3  # before a rung above the cheapest is left out


async def sign_all(lane: BitcoinLane) -> bool:
    """Ask for what is missing. True when any batch moved on."""
    began_ms = lane.clock.now_ms()
    fresh, moved = await lane.store.run(lambda tx: _sifted(tx, lane))
    if not fresh:
        return moved
    lane.faults.reach(FaultPoint.APP_DRAFTED)
    problems = await asyncio.gather(*(asking.ask(lane, signer, fresh) for signer in SIGNERS))
    told = "; ".join(problem for problem in problems if problem)
    after = [await _concluded(lane, one.id, told, began_ms) for one in fresh]
    if any(one.stage is Stage.SIGNED for one in after):
        lane.faults.reach(FaultPoint.APP_SIGNED)
    return moved or any(one.stage is not Stage.DRAFTED for one in after)


def _sifted(tx: Connection, lane: BitcoinLane) -> tuple[list[Batch], bool]:
    """Those to ask for now, and whether any has ended: an expired intent is signed by nobody (what both have
    signed already pays all the same), what is frozen waits, or is left out where it would hold up others."""
    now_ms, fresh = lane.clock.now_ms(), list[Batch]()
    ended = ending.recover(tx, lane)
    for one in batches.in_stages(tx, lane.network, [Stage.DRAFTED], limit=AT_ONCE_MAX, due_ms=now_ms):
        members = ending.members_of(tx, one)
        stopped = _stopped(tx, lane, one, members)
        if ending.is_left(members, one.purpose):
            ending.end(tx, lane, one, "nobody waits for it any more")
        elif now_ms // 1000 >= one.expires_at_s and not said.is_whole(tx, one.id):
            ending.expire(tx, lane, one)
        elif stopped is None:
            fresh.append(one)
        elif len(members) > 1 and one.purpose is Purpose.PAY and not said.is_whole(tx, one.id):
            ending.let_others_go(tx, lane, one, stopped)
        else:
            _wait(tx, lane, one, stopped)
        ended = ended or batches.get(tx, one.id).stage is Stage.ENDED
    return fresh, ended


def _stopped(tx: Connection, lane: BitcoinLane, one: Batch, members: Sequence[Withdrawal]) -> str | None:
    """Why it may not be signed now."""
    told = [stops.frozen(tx, lane.network, one.source), *(stops.of(tx, each) for each in members)]
    stopped = next((text for text in told if text is not None), None)
    if stopped is not None:
        return stopped
    return "it is frozen" if ending.is_held_up(members) else None


async def _concluded(lane: BitcoinLane, name: str, problems: str, began_ms: int) -> Batch:
    """What follows when both have been asked, since `began_ms`."""
    one, rungs, told = await lane.store.run(lambda tx: _stands(tx, name))
    if one.stage is not Stage.DRAFTED:
        return one
    whole = _whole(one, rungs, told)
    if whole is not None:
        record = await lane.store.run(lambda tx: lane.attesters.wallet(tx, one.source).record)
        finals = {rung.place: await asyncio.to_thread(_combined, lane, record, rung, told) for rung in whole}
        dropped = await _unacceptable(lane, finals)
        return await lane.store.run(partial(_signed, lane=lane, one=one, finals=finals, dropped=dropped))
    after = await lane.store.run(lambda tx: _undecided(tx, lane, one, told))
    return await lane.store.run(lambda tx: _waiting(tx, lane, after, problems, began_ms))


def _stands(tx: Connection, name: str) -> tuple[Batch, list[Rung], dict[tuple[int, Service], Said]]:
    return batches.get(tx, name), batches.rungs(tx, name), said.of(tx, name)


def _whole(one: Batch, rungs: Sequence[Rung], told: Mapping[tuple[int, Service], Said]) -> list[Rung] | None:
    """The rungs both have signed, once there is nothing to wait for; None while there is, or for none."""
    signed = []
    for rung in rungs:
        outcomes = [_outcome(told, rung.place, signer) for signer in SIGNERS]
        if all(outcome is Outcome.SIGNED for outcome in outcomes):
            signed.append(rung)
        elif Outcome.ASKED in outcomes and one.tries < _PATIENCE_TRIES:
            return None
    return signed or None


def _outcome(told: Mapping[tuple[int, Service], Said], place: int, signer: Service) -> Outcome:
    known = told.get((place, signer))
    return Outcome.ASKED if known is None else known.outcome


def _combined(
    lane: BitcoinLane, record: WalletRecord, rung: Rung, told: Mapping[tuple[int, Service], Said]
) -> Final:
    given = {signer: told[rung.place, signer].signatures for signer in SIGNERS}
    return finishing.combined(lane.row, record, rung.draft, given, lane.checker)


async def _unacceptable(lane: BitcoinLane, finals: Mapping[int, Final]) -> dict[int, str]:
    """Rungs above the cheapest that the node, where it can tell, would never take. What becomes of the
    cheapest is seen when it is sent."""
    try:
        told = await lane.node.test_accept([final.raw for final in finals.values()])
    except Unavailable:
        return {}
    pairs = zip(finals, told or (), strict=False)
    return {place: each.reason for place, each in pairs if place and each.why is Why.OTHER}


def _signed(
    tx: Connection,
    *,
    lane: BitcoinLane,
    one: Batch,
    finals: Mapping[int, Final],
    dropped: Mapping[int, str],
) -> Batch:
    members = ending.members_of(tx, one)
    if batches.get(tx, one.id).stage is not Stage.DRAFTED or ending.is_left(members, one.purpose):
        return one  # cancelled meanwhile: the next round ends it
    if ending.is_held_up(members):
        return one  # frozen meanwhile: it is put together once all are thawed
    for rung in batches.rungs(tx, one.id):
        if rung.place in finals:
            final = finals[rung.place]
            why = dropped.get(rung.place)
            batches.change_rung(tx, one.id, rung.place, raw=final.raw, txid=final.txid, dropped=why)
        else:
            batches.change_rung(tx, one.id, rung.place, dropped="it was not signed by both")
    for each in members:
        if isinstance(each.state, WAITING):
            for signer in SIGNERS:
                if isinstance(each.state, WAITING):
                    each = lane.step_in(tx, each.id, SignatureMade(signer))  # noqa: PLW2901
    return batches.change(tx, one.id, lane.clock.now_ms(), stage=Stage.SIGNED.value)


def _undecided(
    tx: Connection,
    lane: BitcoinLane,
    one: Batch,
    told: Mapping[tuple[int, Service], Said],
) -> Batch:
    outcomes = [_outcome(told, 0, signer) for signer in SIGNERS]
    refused = set(outcomes) & {Outcome.DENIED, Outcome.NEEDS_REVIEW}
    if Outcome.ASKED not in outcomes and refused:
        objections = [each for signer in SIGNERS for each in told[0, signer].objections]
        if not _is_known(tx, one, objections):
            ending.objected(tx, lane, one, objections)
    return batches.get(tx, one.id)


def _waiting(tx: Connection, lane: BitcoinLane, one: Batch, problems: str, began_ms: int) -> Batch:
    """What people have signed while the signers were asked is shown to them at once."""
    if one.stage is not Stage.DRAFTED:
        return one
    members = ending.members_of(tx, one)
    if not ending.waits_for_review(members):
        _wait(tx, lane, one, problems or "not signed yet")
    elif not any(answers.evidence_of(tx, each.id, one.intent, since_ms=began_ms) for each in members):
        others, now_ms = reviews.waiting(tx, lane.network), lane.clock.now_ms()
        untils = [each.until_s for each in said.of(tx, one.id).values()]
        wait_ms = reviews.wait_ms(tries=one.tries, others=others, now_ms=now_ms, until_s=untils)
        _wait(tx, lane, one, problems or "a signer wants more evidence", wait_ms=wait_ms)
    return batches.get(tx, one.id)


def _is_known(tx: Connection, one: Batch, objections: Sequence[Objection]) -> bool:
    """It waits for review of exactly these already."""
    members = ending.members_of(tx, one)
    return ending.waits_for_review(members) and all(
        getattr(each.state, "objections", None) == tuple(objections) for each in members
    )


def _wait(tx: Connection, lane: BitcoinLane, one: Batch, problem: str, *, wait_ms: int | None = None) -> None:
    wait = wait_after(one.tries) if wait_ms is None else wait_ms
    batches.postpone(tx, one.id, now_ms=lane.clock.now_ms(), wait_ms=wait, problem=problem)
