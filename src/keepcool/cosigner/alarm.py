"""The alarm: a sender of whom too much is refused in too short a time has the signer freeze itself.

Laws: what counts is how many different things were refused, not how often; what a freeze holds back, what
came too late and what only lacks evidence is no denial; the freeze stands in the journal before the answer
leaves.
"""

from __future__ import annotations

from collections import OrderedDict

from keepcool.core.parties import Service
from keepcool.cosigner import freezes as freezing
from keepcool.cosigner.freezes import Freezes, Level, Place, Said
from keepcool.cosigner.journal import Batch
from keepcool.policy.terms import Alarm

EVERYTHING = Place(Level.ALL, "")
BY = "rule"


class DenialAlarm:
    """In memory alone: a signer that was started again begins to count anew."""

    def __init__(self, freezes: Freezes) -> None:
        self._freezes = freezes
        self._denied: dict[Service, OrderedDict[str, int]] = {}

    def denied(self, what: str, terms: Alarm | None, batch: Batch, now_s: int) -> None:
        """`what` names the thing refused. Stages the freeze when it is one too many."""
        if terms is None or batch.asked is None:
            return
        sender = batch.asked.requester
        lately = self._denied.setdefault(sender, OrderedDict())
        while lately and next(iter(lately.values())) <= now_s - terms.window_s:
            lately.popitem(last=False)
        if len(lately) <= terms.denials_max:
            lately.setdefault(what, now_s)
        if len(lately) > terms.denials_max:
            freezing.frozen(batch, self._freezes, EVERYTHING, _said(sender, len(lately), terms, now_s))

    def count(self, sender: Service) -> int:
        """How many different things of this sender were refused lately."""
        return len(self._denied.get(sender, ()))


def _said(sender: Service, count: int, terms: Alarm, now_s: int) -> Said:
    reason = (
        f"{count} different requests of {sender.value} were refused within {terms.window_s} s "
        f"(at most {terms.denials_max})"
    )
    return Said(reason, BY, now_s)
