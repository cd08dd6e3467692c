"""Ending a freeze: a deed of the signer's own host, done while the signer is stopped."""

from __future__ import annotations

from keepcool.cosigner import freezes as freezing
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Journal
from keepcool.ports.signer_store import SignerStore

BY = "local command"


async def thaw(store: SignerStore, *, level: str, target: str, reason: str, clock_ms: int) -> list[str]:
    """What is still frozen afterwards. Raises Malformed when this was not frozen."""
    freezes = Freezes()
    journal = Journal.opened(store, [freezes])
    await freezing.thaw(journal, freezes, level=level, target=target, reason=reason, by=BY, clock_ms=clock_ms)
    return freezes.all()
