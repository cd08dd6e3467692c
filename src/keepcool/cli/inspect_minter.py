"""How `keepcool inspect minter` shows a transaction: every field by name, then what it would really do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keepcool.cli.effects_shown import hazard_lines, idle_lines, payment_lines, plain_effects

if TYPE_CHECKING:
    from keepcool.chains.minter.inspection import Inspection


def plain(found: Inspection) -> dict[str, object]:
    """For JSON."""
    from keepcool.chains.minter import inspection

    return {
        "kind": "draft" if found.signed is None else "signed",
        "complete": True,
        **inspection.plain(found),
        "effects": plain_effects(found.effects),
    }


def sentences(found: Inspection) -> str:
    """For people."""
    from keepcool.chains.minter.data import name_of

    tx, effects = found.transaction, found.effects
    lines = [
        f"Transaction    {name_of(tx.type)} (0x{tx.type:02x}), nonce {tx.nonce}",
        f"Signed hash    {tx.digest().hex()}",
    ]
    if found.hash is not None:
        lines.append(f"Hash           {found.hash}")
    lines.append(f"Network        {effects.network}")
    lines.append(f"Spends from    {effects.source or 'whoever signs it'}")
    lines.append(f"Fee            gas price {tx.gas_price}, taken in {effects.fee_asset}")
    lines += [*payment_lines(effects), *idle_lines(effects)]
    if found.created_multisig is not None:
        lines.append(f"Creates        {found.created_multisig}")
    if effects.data_bytes:
        lines.append(f"Carries        {_carried(tx.payload)}")
    lines += [f"Uses up        nonce {slot.position} of its sender" for slot in effects.slots]
    lines += [f"Signed by      {signer}" for signer in found.signers or ("nobody yet (unsigned)",)]
    return "\n".join([*lines, *hazard_lines(effects)])


def _carried(payload: bytes) -> str:
    text = payload.decode("utf-8", "replace")
    shown = text if text.isprintable() else "0x" + payload.hex()
    return f"a payload of {len(payload)} bytes: {shown[:200]}"
