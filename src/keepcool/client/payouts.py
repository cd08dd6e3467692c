"""What operators do about payments that do not move, and about tokens that came by mistake."""

from __future__ import annotations

from keepcool.client.http import Api, fresh_key
from keepcool.client.models import Answer, Page, Units, Withdrawal


class Lying(Answer, frozen=True):
    wallet: str
    address: str
    contract: str
    asset: str
    units: Units


class Attempt(Answer, frozen=True):
    nonce: int
    purpose: str
    stage: str
    transaction: str | None
    fee_max: Units
    block_number: int | None
    sent_at_ms: int | None
    problem: str | None


class Told(Answer, frozen=True):
    kind: str
    text: str
    at_ms: int


class Advice(Answer, frozen=True):
    """`commands`: in the order to try."""

    withdrawal: Withdrawal
    meaning: str
    commands: list[str]
    attempts: list[Attempt]
    notes: list[Told]


class Payouts:
    """`client.payouts`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def every(self, state: str | None = None) -> list[Withdrawal]:
        """Of all wallets, newest first."""
        found, cursor = list[Withdrawal](), None
        while True:
            page = self._api.get("/v1/withdrawals", Page[Withdrawal], {"state": state, "cursor": cursor})
            found += page.items
            if page.next is None:
                return found
            cursor = page.next

    def advice(self, withdrawal: str) -> Advice:
        """Why it does not move, and what to do."""
        return self._api.get(f"/v1/withdrawals/{withdrawal}/advice", Advice)

    def bump(self, withdrawal: str) -> Withdrawal:
        """Its fee is raised now."""
        return self._api.post(f"/v1/withdrawals/{withdrawal}/bump", Withdrawal, {})

    def freeze(self, withdrawal: str, reason: str) -> Withdrawal:
        return self._api.post(f"/v1/withdrawals/{withdrawal}/freeze", Withdrawal, {"reason": reason})

    def thaw(self, withdrawal: str) -> Withdrawal:
        return self._api.post(f"/v1/withdrawals/{withdrawal}/thaw", Withdrawal, {})

    def lying(self, wallet: str, token: str) -> Lying:
        """What lies at a wallet of a token nobody listed."""
        return self._api.get(f"/v1/wallets/{wallet}/tokens/{token}", Lying)

    def rescue(
        self,
        wallet: str,
        token: str,
        to: str,
        reason: str,
        *,
        units: int | None = None,
        key: str | None = None,
    ) -> Withdrawal:
        """To the harbor of the signers' policies; all of it, unless `units` says how much."""
        body = {"wallet": wallet, "contract": token, "to": to, "reason": reason}
        body |= {} if units is None else {"amount": str(units)}
        return self._api.post("/v1/rescues", Withdrawal, body, key or fresh_key())
