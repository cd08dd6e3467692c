"""What operators order by hand: suspensions, alarms looked at, dust credited, corrections by two people."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from keepcool.client.http import Api, fresh_key
from keepcool.client.models import Answer, Deposit, Page, Units


class Suspension(Answer, frozen=True):
    number: int
    kind: str
    subject: str
    deposits: str
    reason: str
    by: str
    at_ms: int
    ended_reason: str | None
    ended_by: str | None
    ended_at_ms: int | None


class Alarm(Answer, frozen=True):
    """`freezes`: wallet, network, or empty."""

    number: int
    at_ms: int
    network: str
    wallet: str | None
    code: str
    text: str
    freezes: str
    thawed_at_ms: int | None


class By(Answer, frozen=True):
    key: str
    name: str
    person: str


class Correction(Answer, frozen=True):
    """`digest` names exactly these words and numbers: it is what another person approves."""

    id: str
    state: str
    digest: str
    source: str
    target: str
    asset: str
    amount: Units
    reason: str
    reference: str
    proposed: By
    proposed_at_ms: int
    expires_at_ms: int
    decided: By | None
    decided_reason: str | None
    decided_at_ms: int | None
    posting: int | None


class NewCorrection(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    target: str
    asset: str
    units: int
    reason: str
    reference: str
    person: str
    lifetime_s: int = 86_400


class Controls:
    """`client.controls`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def suspend(self, kind: str, subject: str, reason: str, *, deposits: str = "credit") -> Suspension:
        """`kind`: user, asset or network. `deposits`: credit, or hold (not of users)."""
        body = {"kind": kind, "subject": subject, "reason": reason, "deposits": deposits}
        return self._api.post("/v1/suspensions", Suspension, body)

    def resume(self, kind: str, subject: str, reason: str) -> Suspension:
        body = {"kind": kind, "subject": subject, "reason": reason}
        return self._api.post("/v1/suspensions/resume", Suspension, body)

    def suspensions(self, *, active: bool = True) -> list[Suspension]:
        """Newest first."""
        found = list[Suspension]()
        query: Mapping[str, str] = {"active": "true" if active else "false"}
        cursor: str | None = None
        while True:
            page = self._api.get("/v1/suspensions", Page[Suspension], {**query, "cursor": cursor})
            found += page.items
            if page.next is None:
                return found
            cursor = page.next

    def alarms(self, *, active: bool = True) -> list[Alarm]:
        """What App found wrong on a chain, oldest first; also what was thawed, unless `active`."""
        found, cursor = list[Alarm](), None
        while True:
            page = self._api.get("/v1/alarms", Page[Alarm], {"cursor": cursor})
            found += [one for one in page.items if not active or one.thawed_at_ms is None]
            if page.next is None:
                return found
            cursor = page.next

    def thaw_alarm(self, number: int) -> Alarm:
        """A person has looked into it: what it froze goes on."""
        return self._api.post(f"/v1/alarms/{number}/thaw", Alarm, {})

    def credit_dust(self, deposit: str, reason: str) -> Deposit:
        return self._api.post(f"/v1/deposits/{deposit}/credit", Deposit, {"reason": reason})

    def propose(self, new: NewCorrection, *, key: str | None = None) -> Correction:
        """Asked for again under the same `key` it is the same proposal."""
        told = msgspec.to_builtins(new)
        body = {name: value for name, value in told.items() if name != "units"} | {"amount": str(new.units)}
        return self._api.post("/v1/corrections", Correction, body, key or fresh_key())

    def approve(self, correction: str, digest: str, person: str) -> Correction:
        """`digest`: of the proposal that you have read."""
        body = {"digest": digest, "person": person}
        return self._api.post(f"/v1/corrections/{correction}/approve", Correction, body)

    def reject(self, correction: str, person: str, reason: str) -> Correction:
        body = {"person": person, "reason": reason}
        return self._api.post(f"/v1/corrections/{correction}/reject", Correction, body)

    def correction(self, correction: str) -> Correction:
        return self._api.get(f"/v1/corrections/{correction}", Correction)

    def corrections(self, *, state: str | None = None) -> list[Correction]:
        """Newest first."""
        found, cursor = list[Correction](), None
        while True:
            query = {"state": state, "cursor": cursor}
            page = self._api.get("/v1/corrections", Page[Correction], query)
            found += page.items
            if page.next is None:
                return found
            cursor = page.next
