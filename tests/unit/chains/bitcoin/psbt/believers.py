"""The same lies shown to two libraries that sign what they are given: what they would have done alone."""

from __future__ import annotations

import wallycore
from embit.bip32 import HDKey
from embit.psbt import PSBT

from tests.unit.chains.bitcoin.psbt import samples


def embit_signs(raw: bytes, sighash: int | None = None) -> bool:
    """Whether embit, asked in its documented way (`psbt.sign_with(root)`), adds a signature of hot's."""
    try:
        psbt = PSBT.parse(raw)
        before = sum(len(one.partial_sigs) for one in psbt.inputs)
        root = HDKey.from_seed(samples.SEEDS["hot"])
        psbt.sign_with(root) if sighash is None else psbt.sign_with(root, sighash=sighash)
        return sum(len(one.partial_sigs) for one in psbt.inputs) > before
    except Exception:  # noqa: BLE001 - a library that falls over has not signed
        return False


def wally_signs(raw: bytes) -> bool:
    """Whether libwally, asked in its documented way (`psbt_sign_bip32`), adds a signature of hot's."""
    try:
        psbt = wallycore.psbt_from_bytes(raw, wallycore.WALLY_PSBT_PARSE_FLAG_STRICT)
        before = _count(psbt)
        wallycore.psbt_sign_bip32(psbt, samples.master("hot"), wallycore.EC_FLAG_GRIND_R)
        return _count(psbt) > before
    except ValueError:
        return False


def _count(psbt: object) -> int:
    inputs = range(wallycore.psbt_get_num_inputs(psbt))
    return sum(wallycore.psbt_get_input_signatures_size(psbt, place) for place in inputs)
