"""What a withdrawal's state means and what a person can do: docs/operate/stuck-payouts.md in short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from keepcool.app.payouts import reasons
from keepcool.app.payouts.store import Withdrawal
from keepcool.core import withdrawal_states as lives


@dataclass(frozen=True, slots=True)
class Advice:
    """`commands`: in the order to try; empty where there is nothing to do but wait or ask anew."""

    meaning: str
    commands: tuple[str, ...] = ()


def of(one: Withdrawal) -> Advice:  # noqa: PLR0911 - one line per state
    match one.state:
        case lives.Requested():
            return Advice(_told("it waits for its turn, or for what its reason says", one), _ended(one))
        case lives.Drafted() | lives.PartlySigned():
            return Advice(_told("signers are being asked", one), _ended(one))
        case lives.NeedsReview():
            return Advice(_told("a signer wants people's signatures", one), (*_people(one), *_ended(one)))
        case lives.Signed():
            return Advice(_told("both have signed; it is about to be sent", one), ("keepcool purse show",))
        case lives.Broadcast() if one.state.seen is None:
            return Advice(
                _told("it was sent and no block has it", one),
                (f"keepcool payouts bump {one.id}", "keepcool purse show"),
            )
        case lives.Broadcast():
            return Advice("a block has it; it is settled once that is final")
        case lives.Uncertain():
            return _uncertain(one, one.state)
        case lives.Frozen():
            text = _told("nothing happens to it before a person has looked", one)
            return Advice(text, (f"keepcool payouts thaw {one.id}", f"keepcool payouts cancel {one.id}"))
        case lives.Replaced():
            return Advice("another transaction used its place: it can never be paid; ask for it anew")
        case lives.Refused() | lives.Failed() | lives.Cancelled():
            return Advice(_told("it ended unpaid and its amount is the owner's again: ask for it anew", one))
        case lives.Confirmed():
            return Advice("it is paid and final")
        case _ as never:
            assert_never(never)


def _uncertain(one: Withdrawal, state: lives.Uncertain) -> Advice:
    if state.then is None:
        text = "it may have been sent: the same bytes are sent again until the chain says, never others"
        return Advice(_told(text, one), (f"keepcool payouts show {one.id}", "keepcool doctor DIR"))
    text = (
        f"it ends as {lives.name_of(state.then)} once its place is burnt, so that it can never be paid late"
    )
    return Advice(_told(text, one), ("keepcool purse show",))


def _people(one: Withdrawal) -> tuple[str, ...]:
    """What is asked of whom, by what the signers say is missing; the desk sees all of it."""
    missing = reasons.reason(one.state) or ""
    paid = f"--wallet {one.wallet} --to {one.recipient} --asset {one.asset} --units {one.units}"
    signs = (f"keepcool user sign {one.id} {paid} --key FILE",) if "owner's signature" in missing else ()
    return (*signs, "keepcool desk list --url URL")


def _ended(one: Withdrawal) -> tuple[str, ...]:
    return (f"keepcool payouts cancel {one.id}",)


def _told(text: str, one: Withdrawal) -> str:
    why = reasons.reason(one.state) or one.problem
    return f"{text}: {why}" if why else text
