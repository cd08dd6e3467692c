"""An order on its way from one administrator to the next: a file with its bytes, what it speaks of, and the
signatures so far.

Laws: the file is what `orders.v1` carries, as JSON; whoever signs reads first what the bytes say, from the
bytes; what an order speaks of is the document it names, or it is not signed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.core.approvals import Action, Order, order_challenge, parse_order
from keepcool.core.errors import Malformed, Refused, Unavailable
from keepcool.core.reconciliation import parse_report, report_hash
from keepcool.policy.document import parse_policy, policy_hash
from keepcool.policy.explain import sentences
from keepcool.wire.reviews import OrderProof, SubmitOrder
from keepcool.wire.ulid import ulid

_FILE_BYTES_MAX = 1024 * 1024
_CANCELS: Mapping[Action, tuple[Action, tuple[str, ...]]] = {
    Action.POLICY_PROPOSE: (Action.POLICY_CANCEL, ("document", "service")),
    Action.THAW: (Action.THAW_CANCEL, ("level", "target")),
    Action.REKEY: (Action.REKEY_CANCEL, ("key", "wallet")),
}
_WORDS: Mapping[Action, str] = {
    Action.POLICY_PROPOSE: "Put policy version {policy_version} ({document}) in force on {service}, after"
    " {previous}.",
    Action.POLICY_CANCEL: "Cancel the proposal of policy {document} on {service}.",
    Action.FREEZE: "Freeze {level} {target}: {reason}",
    Action.THAW: "End the freeze of {level} {target}: {reason} (report {report})",
    Action.THAW_CANCEL: "Cancel the order to thaw {level} {target}.",
    Action.REKEY: "Put the user key {key} on wallet {wallet} (its record now: {record}).",
    Action.REKEY_CANCEL: "Cancel the order to put {key} on wallet {wallet}.",
}


def new_order(action: Action, details: Mapping[str, str], installation: str, lifetime_s: int) -> Order:
    """With an id of its own, to be signed within its lifetime."""
    now_ms = SystemClock().now_ms()
    return Order(ulid(now_ms, SystemEntropy()), installation, action, details, now_ms // 1000 + lifetime_s)


def cancelling(order: Order) -> tuple[Action, dict[str, str]]:
    """What cancels an order: action and details. Raises Refused where nothing is left to cancel."""
    if order.action not in _CANCELS:
        raise Refused("order.at_once", f"an order to {order.action.value} takes effect at once")
    action, names = _CANCELS[order.action]
    return action, {name: order.details[name] for name in names}


def policy_details(document: bytes, service: str, previous: str) -> dict[str, str]:
    """Of an order that proposes this policy. Raises Malformed on a document that is none."""
    policy = parse_policy(document)
    return {
        "document": policy.hash,
        "policy_version": str(policy.version),
        "previous": previous,
        "service": service,
    }


def write(file: Path, submitted: SubmitOrder) -> None:
    """Whole or not at all."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(submitted)) + b"\n")
        beside.replace(file)
    except OSError as error:
        raise Unavailable("order.file", f"{file}: cannot be written: {error.strerror}") from error


def read(file: Path) -> SubmitOrder:
    """Raises Malformed on a file that is no order, or speaks of something else than it names."""
    return parse(read_bytes(file))


def read_bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unavailable("order.file", f"{file}: cannot be read: {error.strerror}") from error
    if len(raw) > _FILE_BYTES_MAX:
        raise Malformed("order.file", f"{file} is larger than {_FILE_BYTES_MAX} bytes")
    return raw


def parse(raw: bytes) -> SubmitOrder:
    """As `read`, from its bytes."""
    try:
        submitted = msgspec.json.decode(raw, type=SubmitOrder)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("order.file", "this is not the file of an order") from error
    _check_document(parse_order(submitted.order), submitted.document)
    return submitted


def with_proof(submitted: SubmitOrder, administrator: str, proof: bytes) -> SubmitOrder:
    """With one more signature, in the place of an older one of his."""
    others = [one for one in submitted.proofs if one.administrator != administrator]
    mine = OrderProof(administrator=administrator, proof=proof)
    return SubmitOrder(order=submitted.order, proofs=[*others, mine], document=submitted.document)


def challenge_of(submitted: SubmitOrder) -> bytes:
    return order_challenge(submitted.order)


def in_words(submitted: SubmitOrder) -> Iterator[str]:
    """What is signed, a line each."""
    order = parse_order(submitted.order)
    yield f"Order         {_printable(order.order)}"
    yield f"Installation  {_printable(order.installation)}"
    yield f"Signed until  {datetime.fromtimestamp(order.expires_at_s, UTC).isoformat()}"
    names = (_printable(one.administrator) for one in submitted.proofs)
    yield f"Signed by     {', '.join(names) or 'nobody yet'}"
    details = {name: _printable(text) for name, text in order.details.items()}
    yield _WORDS[order.action].format(**details).replace(" :", ":").replace(" .", ".")
    if order.action is Action.POLICY_PROPOSE:
        yield from (f"  {line}" for line in sentences(parse_policy(submitted.document)))
    if order.action is Action.THAW:
        report = parse_report(submitted.document)
        made = datetime.fromtimestamp(report.made_at_s, UTC).isoformat()
        yield f"  Reconciled at {made}: {'no difference' if report.is_clean else 'THERE ARE DIFFERENCES'}"


def _printable(text: str) -> str:
    """What a terminal shows and does not obey."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _check_document(order: Order, document: bytes) -> None:
    named = {
        Action.POLICY_PROPOSE: ("document", policy_hash),
        Action.THAW: ("report", report_hash),
    }.get(order.action)
    if named is None:
        if document:
            raise Malformed("order.document", "this order speaks of no document")
        return
    name, hashed = named
    if hashed(document) != order.details[name]:
        raise Malformed("order.document", "the document in this file is not the one the order names")
