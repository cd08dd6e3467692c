"""Multisig scripts: what is made, what is read back, what is never made."""

from __future__ import annotations

import pytest
from embit import script as embit_script

from keepcool.chains.bitcoin import script
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.samples import points


@pytest.mark.parametrize("kind", ScriptKind)
@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (2, 2), (2, 3), (15, 15), (3, 5)])
def test_m_of_n_is_made_and_read_back(kind: ScriptKind, threshold: int, count: int) -> None:
    """Any m of n up to 15 keys, of every kind; the executed script gives its numbers and keys back."""
    keys = points(count)
    made = script.multisig(threshold, keys, kind)
    locking = script.locked(made, kind)
    assert locking.multisig == made
    assert script.parse_multisig(made) == (threshold, keys)
    assert len(locking.redeem) <= 520


def test_the_three_ways_to_pay_are_embits() -> None:
    """embit wraps the same script into the same outputs, and each way carries what spending it needs."""
    made = script.multisig(2, points(3), ScriptKind.P2SH)
    theirs = embit_script.Script(made)
    bare = script.locked(made, ScriptKind.P2SH)
    assert (bare.redeem, bare.witness) == (made, b"")
    assert bare.script_pubkey == embit_script.p2sh(theirs).data
    witness = script.locked(made, ScriptKind.P2WSH)
    assert (witness.redeem, witness.witness) == (b"", made)
    assert witness.script_pubkey == embit_script.p2wsh(theirs).data
    nested = script.locked(made, ScriptKind.P2SH_P2WSH)
    assert (nested.redeem, nested.witness) == (witness.script_pubkey, made)
    assert nested.script_pubkey == embit_script.p2sh(embit_script.p2wsh(theirs)).data


@pytest.mark.parametrize("count", [16, 17, 20])
def test_witness_scripts_have_up_to_twenty_keys(count: int) -> None:
    """From 17 on the number is pushed as a byte; beyond 15 keys a P2SH script could never be spent."""
    keys = points(count)
    made = script.multisig(count, keys, ScriptKind.P2WSH)
    assert script.parse_multisig(made) == (count, keys)
    with pytest.raises(Malformed, match=r"script\.keys"):
        script.multisig(2, keys, ScriptKind.P2SH)


@pytest.mark.parametrize(("threshold", "count"), [(0, 3), (4, 3), (-1, 3), (1, 0), (2, 21), (True, 3)])
def test_impossible_numbers_are_refused(threshold: int, count: int) -> None:
    """Nobody, or everybody, or too many: no script is made."""
    with pytest.raises(Malformed, match=r"script\.(threshold|keys)"):
        script.multisig(threshold, points(count), ScriptKind.P2WSH)


def test_one_key_counts_once() -> None:
    """A key that stands twice would let its holder sign for two."""
    one, two = points(2)
    with pytest.raises(Malformed, match=r"script\.twice"):
        script.multisig(2, [one, two, one], ScriptKind.P2WSH)


@pytest.mark.parametrize("key", [b"", bytes(33), b"\x04" + bytes(64), b"\x02" + bytes(31)])
def test_other_forms_of_keys_are_refused(key: bytes) -> None:
    """Only compressed keys stand in a script."""
    with pytest.raises(Malformed, match=r"script\.key"):
        script.multisig(1, [key], ScriptKind.P2WSH)


@pytest.mark.parametrize("place", [1, 35, 69, 103, 104])
@pytest.mark.parametrize("flipped", [1, 0x40])
def test_the_frame_around_the_keys_is_fixed(place: int, flipped: int) -> None:
    """A multisig script is read only in the form we write: only keys and threshold are free."""
    made = script.multisig(2, points(3), ScriptKind.P2WSH)
    with pytest.raises(Malformed, match=r"script\."):
        script.parse_multisig(made[:place] + bytes((made[place] ^ flipped,)) + made[place + 1 :])


@pytest.mark.parametrize("cut", [0, 1, 34, 104])
def test_parts_of_a_script_are_no_script(cut: int) -> None:
    """What is cut short, or goes on, is refused."""
    made = script.multisig(2, points(3), ScriptKind.P2WSH)
    for wrong in (made[:cut], made + made[:cut] + b"\0", made[1:]):
        with pytest.raises(Malformed, match=r"script\."):
            script.parse_multisig(wrong)
