"""Ending a freeze: by an order with a clean reconciliation report, or where a policy names no administrators
by the signer's own host while the signer is stopped.

Laws: a report counts that was made after the freeze, knows this signer's own journal up to a row at or behind
the freeze's, covers every network the freeze held, and has no difference of a single unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.ids import AssetId, NetworkId, network_of
from keepcool.core.parties import Service
from keepcool.core.reconciliation import Report, parse_report, report_hash
from keepcool.cosigner import freezes as freezing
from keepcool.cosigner.freezes import Freezes, Frozen, Level, Place
from keepcool.cosigner.journal import Journal
from keepcool.cosigner.policies import PoliciesSeen
from keepcool.policy.terms import Policy
from keepcool.ports.signer_store import SignerStore

BY = "local command"
SIGNERS = frozenset({Service.KEEPER.value, Service.COOLER.value})


@dataclass(frozen=True, slots=True)
class Ground:
    """What a report is held against: the freeze in force, and this signer's own journal and policy."""

    place: Place
    frozen: Frozen
    service: Service
    hash_at: Callable[[int], bytes | None]
    policy: Policy


def check_report(document: bytes, named: str, ground: Ground) -> None:
    """Returns when the report with this SHA-256 (hex) shows that what was frozen may be thawed. Raises
    Malformed on another document, Refused on one that shows something else."""
    if report_hash(document) != named:
        raise Malformed("thaw.report", "this is not the reconciliation report that the order names")
    report = parse_report(document)
    if not report.is_clean:
        raise Refused("thaw.unclean", "ledger and chain differ: find out why, then reconcile again")
    if report.made_at_s < ground.frozen.row.at_s:
        raise Refused("thaw.old_report", "this report was made before the freeze: reconcile again")
    _check_heads(report, ground)
    missing = sorted(_networks(ground) - report.tips.keys())
    if missing:
        raise Refused("thaw.networks", f"the report says nothing of {missing[0]}")


async def thaw(store: SignerStore, *, level: str, target: str, reason: str, clock_ms: int) -> list[str]:
    """The host's own thaw: what is still frozen afterwards. Raises Malformed when this was not frozen,
    Refused where administrators thaw."""
    freezes, policies = Freezes(), PoliciesSeen()
    journal = Journal.opened(store, [freezes, policies])
    newest = policies.newest
    if newest is not None and newest.governed:
        raise Refused(
            "freeze.governed",
            "the policy in force names administrators, and they thaw: `keepcool app reconcile`, then"
            " `keepcool admin order thaw`",
        )
    await freezing.thaw(journal, freezes, level=level, target=target, reason=reason, by=BY, clock_ms=clock_ms)
    return freezes.all()


def _check_heads(report: Report, ground: Ground) -> None:
    if not report.heads.keys() >= SIGNERS:
        raise Refused("thaw.heads", "the report names no journal head of keeper, or of cooler")
    own = report.heads[ground.service.value]
    found = ground.hash_at(own.sequence)
    if found is None or found.hex() != own.hash:
        raise Conflict("thaw.heads", f"the report knows another journal of {ground.service.value} than this")
    if own.sequence < ground.frozen.sequence:
        raise Refused("thaw.old_report", "this report was made before the freeze: reconcile again")


def _networks(ground: Ground) -> frozenset[str]:
    """Those that a report must cover. Of a wallet nobody here knows more than its id: all."""
    level, target = ground.place.level, ground.place.target
    if level is Level.NETWORK:
        return frozenset({NetworkId(target)})
    if level is Level.ASSET:
        return frozenset({network_of(AssetId(target))})
    return frozenset(ground.policy.networks)
