"""Which policy files this signer has worked under: their versions only grow.

Law: a file with an older version than the journal has seen, or with other content under a version it has
seen, is refused: somebody brought back yesterday's caps.
"""

from __future__ import annotations

from keepcool.core.errors import Breach
from keepcool.cosigner import entries
from keepcool.cosigner.entries import POLICY, Entry, PolicyRow
from keepcool.cosigner.journal import Journal


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


async def take_into_use(
    journal: Journal, seen: PoliciesSeen, policy: str, version: int, clock_ms: int
) -> None:
    """Note the policy in the journal unless it is the one already in use. `policy` is the file's hash.

    Raises Breach on an older version, or on other content under the same version."""
    newest = seen.newest
    if newest is not None and (newest.policy, newest.policy_version) == (policy, version):
        return
    if newest is not None and version <= newest.policy_version:
        raise Breach(
            "policy.rolled_back",
            f"the policy file has version {version}, but version {newest.policy_version} was in use"
            " already: sign a file with a higher version",
        )
    with journal.batch() as batch:
        at_s = journal.now_ms(clock_ms) // 1000
        batch.add(PolicyRow(at_s=at_s, kind=POLICY, policy=policy, policy_version=version))
    await batch.settled()
