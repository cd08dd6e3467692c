"""Which policies this signer has worked under: their versions only grow.

Laws: a file with an older version than the journal has seen, or with other content under a version it has
seen, is refused: somebody brought back yesterday's caps. Of a policy that names administrators and their
governance the next one comes by an order alone, and a file on disk changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from keepcool.core.errors import Breach, Refused
from keepcool.cosigner import entries
from keepcool.cosigner.entries import POLICY, Entry, PolicyRow
from keepcool.cosigner.journal import Batch, Journal
from keepcool.cosigner.judge import Rulebook
from keepcool.policy import rules
from keepcool.policy.document import parse_policy
from keepcool.policy.terms import Policy

Book = Callable[[Policy], Rulebook]


class PoliciesSeen:
    """A `journal.Memory` of the kind `policy`."""

    def __init__(self) -> None:
        self._seen: list[PolicyRow] = []

    def learn(self, entry: Entry) -> None:
        if entry.kind == POLICY:
            self._seen.append(entries.decoded(entry, PolicyRow))

    def unlearn(self, entry: Entry) -> None:
        if entry.kind == POLICY:
            self._seen.pop()

    @property
    def newest(self) -> PolicyRow | None:
        return self._seen[-1] if self._seen else None

    def had(self, policy: str) -> bool:
        """Whether the policy of this hash was ever in force here."""
        return any(row.policy == policy for row in self._seen)


class PolicyInForce:
    """The policy that judges now: what the newest row of the journal names, from the file or from that row.
    It changes in the moment in which a row is staged, and back when that fails to commit."""

    def __init__(self, seen: PoliciesSeen, given: Policy, document: bytes) -> None:
        self._seen, self._given = seen, given
        self._document = document
        self._known: dict[str, tuple[Policy, Rulebook]] = {given.hash: (given, rulebook(given))}

    @property
    def policy(self) -> Policy:
        return self._now()[0]

    def had(self, policy: str) -> bool:
        """Whether the policy of this hash was ever in force here."""
        return self._seen.had(policy)

    @property
    def book(self) -> Rulebook:
        return self._now()[1]

    @property
    def document(self) -> bytes:
        """Its bytes; empty where only its hash was kept."""
        newest = self._seen.newest
        if newest is not None and newest.document:
            return newest.document
        return self._document if self.policy.hash == self._given.hash else b""

    def _now(self) -> tuple[Policy, Rulebook]:
        newest = self._seen.newest
        name = self._given.hash if newest is None else newest.policy
        if name not in self._known and newest is not None:
            policy = parse_policy(newest.document)
            self._known[name] = (policy, rulebook(policy))
        return self._known[name]


def rulebook(policy: Policy) -> Rulebook:
    """Every rule, bound to this policy."""
    return Rulebook(policy.hash, rules.bound(policy), policy.harbors, policy)


def governed(policy: Policy) -> bool:
    """Whether administrators alone bring the next policy."""
    return policy.governance is not None and bool(policy.administrators)


async def take_into_use(
    journal: Journal, seen: PoliciesSeen, policy: Policy, document: bytes, clock_ms: int
) -> None:
    """At start: note the policy of the file in the journal, unless it is the one in use, or one before it and
    the one in use is governed.

    Raises Breach on an older version or on other content under the same version, Refused on a file that
    would have to come by an order."""
    newest = seen.newest
    if newest is not None and (newest.policy, newest.policy_version) == (policy.hash, policy.version):
        return
    if newest is not None and newest.governed:
        _refuse_unordered(newest, seen, policy)
        return
    if newest is not None and policy.version <= newest.policy_version:
        raise Breach(
            "policy.rolled_back",
            f"the policy file has version {policy.version}, but version {newest.policy_version} was in use"
            " already: sign a file with a higher version",
        )
    with journal.batch() as batch:
        note(batch, policy, document, journal.now_ms(clock_ms) // 1000)
    await batch.settled()


def note(batch: Batch, policy: Policy, document: bytes, at_s: int, order: str = "") -> None:
    """Stage that the policy is in force from here on."""
    batch.add(
        PolicyRow(
            at_s=at_s,
            kind=POLICY,
            policy=policy.hash,
            policy_version=policy.version,
            document=document,
            governed=governed(policy),
            order=order,
        )
    )


def _refuse_unordered(newest: PolicyRow, seen: PoliciesSeen, policy: Policy) -> None:
    if not seen.had(policy.hash):
        raise Refused(
            "policy.governed",
            f"the policy file (version {policy.version}, {policy.hash}) was never in force here, and version"
            f" {newest.policy_version} in force has administrators: put the file with hash {newest.policy}"
            " back, start, and have them order the new one (`keepcool admin order policy`)",
        )
    if not newest.document:
        raise Refused(
            "policy.governed",
            f"the journal does not hold the policy in force: put the file with hash {newest.policy} back",
        )
