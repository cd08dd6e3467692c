"""An index of scripts finds each of its own and nothing else."""

from __future__ import annotations

import pytest

from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.local.restoring import deriving
from keepcool.local.restoring.deriving import Span
from keepcool.local.restoring.index import Found, ScriptIndex
from tests.unit.local.restoring.samples import pool, segregated

SPANS = (
    Span(0, segregated(0).branch(0, 0), 0, 30),
    Span(1, segregated(0).branch(0, 1), 0, 0),
    Span(2, pool(ScriptKind.P2SH).branch(2, 1), 1_000, 1_050),
    Span(3, pool(ScriptKind.P2SH_P2WSH).branch(1, 0), 7, 8),
)


def test_every_script_is_found_at_its_place() -> None:
    """Of every span, kind and index the place is told, and no other script is found."""
    index = ScriptIndex(SPANS)
    assert len(index) == 81
    for span in SPANS:
        for place in range(span.first, span.end):
            assert index.find(span.branch.locking(place).script_pubkey) == Found(span.track, place)
        assert index.find(span.branch.locking(span.end).script_pubkey) is None


def test_a_script_that_only_begins_alike_is_not_taken() -> None:
    """The bytes the index keeps are compared whole before a coin is called ours."""
    index = ScriptIndex(SPANS)
    script = SPANS[0].branch.locking(4).script_pubkey
    assert index.find(script) is not None
    assert index.find(script[:-1] + bytes((script[-1] ^ 1,))) is None
    assert index.find(b"\xa9\x14" + script[2:22] + b"\x87") is None
    assert index.find(script + b"\x00") is None


@pytest.mark.slow
def test_all_cores_derive_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divided among processes, the same scripts come in the same order."""
    alone = list(deriving.derived(SPANS))
    monkeypatch.setattr(deriving, "_ALONE_MAX", 0)
    monkeypatch.setattr(deriving, "_PART", 7)
    assert list(deriving.derived(SPANS)) == alone
