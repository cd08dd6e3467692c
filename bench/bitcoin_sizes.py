"""What a payment costs on the chain, in virtual bytes: alone and in a batch, by the script of the wallet."""

from __future__ import annotations

from bench.measure import Figure
from keepcool.chains.bitcoin.coins import Shape, vsize_of
from keepcool.chains.bitcoin.script import ScriptKind

BATCH, PAYMENT_BYTES = 100, 8 + 1 + 22  # to a native segregated witness address


def sizes() -> list[Figure]:
    return [figure for kind in ScriptKind for figure in _of(kind)]


def _of(kind: ScriptKind) -> list[Figure]:
    """One coin spent and one of change made, as a pool does."""
    shape = Shape(kind, 2, 3)
    single = vsize_of([shape], 2, PAYMENT_BYTES + shape.output_bytes)
    batch = vsize_of([shape], BATCH + 1, BATCH * PAYMENT_BYTES + shape.output_bytes) / BATCH
    return [
        Figure(f"{kind.value}: a payment alone", single, "vB"),
        Figure(
            f"{kind.value}: each of {BATCH} in one transaction", batch, "vB", f"{single / batch:.1f} x less"
        ),
    ]
