"""What the desk passes on, counted again on this machine: the payment as its bytes read, and what speaks
against it. What anybody wrote is shown, not obeyed by a terminal.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from keepcool.cli.effects_shown import hazard_lines, idle_lines, payment_lines
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.wire.reviews import ReviewAnswer

if TYPE_CHECKING:
    from keepcool.chains.families import Families
    from keepcool.cli.desk_site import Shown
    from keepcool.desk.item import Item
    from keepcool.desk.recount import Recount


def families_of(arguments: argparse.Namespace) -> Families:
    from keepcool.chains.bitcoin.network_table import read_networks
    from keepcool.chains.families import SHIPPED_FAMILIES, Families

    if arguments.networks is None:
        return SHIPPED_FAMILIES
    try:
        return Families(read_networks(arguments.networks.read_bytes()))
    except OSError as error:
        raise Malformed("network.file", f"{arguments.networks} cannot be read: {error.strerror}") from error


def read(asked: str, shown: Shown, families: Families) -> Item:
    """As this machine counts it. Raises Refused when the desk shows another intent than was asked for."""
    from keepcool.desk import recount
    from keepcool.desk.item import Item, differences

    keeper: ReviewAnswer | KeepcoolError = shown.keeper or Conflict(
        shown.keeper_error, "it has no view of this"
    )
    found = recount.tried(shown.cooler, families)
    if isinstance(found, recount.Recount) and found.intent_hash != asked:
        raise Refused(
            "desk.intent", "the desk shows another intent than was asked for: approve nothing there"
        )
    policies = {shown.cooler.policy, *([shown.keeper.policy] if shown.keeper else shown.policies)}
    own = differences(shown.cooler, keeper, found)
    told = [one for one in shown.differences if one not in own]
    return Item(shown.cooler, keeper, found, (*own, *told), tuple(sorted(policies)))


def lines(item: Item) -> Iterator[str]:
    """For people."""
    from keepcool.desk.recount import Recount

    summary, found = item.cooler.summary, item.found
    yield f"Intent         {item.hash}"
    yield f"State          Cooler {summary.state}, Keeper {_state(item)}"
    yield f"Asked by       {summary.owner}; tier {summary.tier}; needs {'; '.join(summary.needs) or 'nobody'}"
    if isinstance(found, Recount):
        yield from _counted(found)
    for hint in item.cooler.hints:
        yield f"UNUSUAL        {hint}"
    for one in item.cooler.destinations:
        yield f"Paid before    {one.times} times: {one.recipient}"
    for given in summary.approvals:
        yield f"Decided        {given.decision} by {given.approver}: {given.reason}"
    for difference in item.differences:
        yield f"DIFFERS        {difference}"


def _counted(found: Recount) -> Iterator[str]:
    effects = found.dearest.effects
    yield f"Network        {effects.network}"
    yield f"Spends from    {effects.source} (wallet {found.record.wallet})"
    yield from payment_lines(effects)
    yield from (f"Calls          {call.name} on {call.contract}" for call in effects.calls if call.selector)
    yield from idle_lines(effects)
    yield from hazard_lines(effects)
    yield f"Fee            at most {found.fee.units} of {found.fee.asset}"
    yield f"Effects        {found.effects}"
    yield from (f"Draft          {one.sha256}" for one in found.drafts)
    yield from (f"Signed digest  {one.hex()}" for one in effects.digests)


def _state(item: Item) -> str:
    return item.keeper.summary.state if isinstance(item.keeper, ReviewAnswer) else "has no view of it"


def printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def save(item: Item, folder: Path) -> list[Path]:
    """The drafts as files, for `keepcool inspect`. Raises Malformed where the bytes do not decode."""
    from keepcool.desk import inspecting

    if isinstance(item.found, KeepcoolError):
        raise item.found
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for one in item.found.drafts:
        path = folder / inspecting.file_name(item.found.record, one.sha256)
        path.write_bytes(inspecting.file_bytes(item.found.record, one.raw))
        written.append(path)
    return written
