"""Pools of the house: made, looked at, and their marks set. An operator's part of the client."""

from __future__ import annotations

from collections.abc import Mapping

from keepcool.client.attested import SEGREGATED, Pins, Wanted, record_of
from keepcool.client.following import Following
from keepcool.client.http import Api, fresh_key
from keepcool.client.models import PoolAnswer


class Pools:
    """`client.pools`."""

    def __init__(self, api: Api, pins: Pins, following: Following) -> None:
        self._api, self._pins, self._following = api, pins, following

    def make(
        self, network: str, external_id: str | None = None, marks: Mapping[str, str | None] | None = None
    ) -> PoolAnswer:
        """A new pool. Raises Breach when its record is not attested as it should be."""
        body: dict[str, object] = {"network": network, "marks": _given(marks or {})}
        if external_id is not None:
            body["external_id"] = external_id
        made = self._api.post("/v1/pools", PoolAnswer, body, fresh_key())
        self._following.begin()
        record_of(self._pins, made.wallet, Wanted(network=network, kind=SEGREGATED))
        return made

    def show(self, pool: str) -> PoolAnswer:
        """Raises Breach when its record is not attested as it should be, or is another pool's."""
        told = self._api.get(f"/v1/pools/{pool}", PoolAnswer)
        self._following.begin()
        record_of(self._pins, told.wallet, Wanted(wallet=pool, kind=SEGREGATED))
        return told

    def mark(self, pool: str, marks: Mapping[str, str | None], asset: str | None = None) -> PoolAnswer:
        """Sets all marks of an asset, of the network's coin when None; what is left out is none."""
        return self._api.put(f"/v1/pools/{pool}/marks", PoolAnswer, _given({**marks, "asset": asset}))

    def refilled(
        self, pool: str, units: int, asset: str | None = None, *, key: str | None = None
    ) -> PoolAnswer:
        """Coins at the pool's own address have come back from the harbor."""
        body = _given({"amount": str(units), "asset": asset})
        return self._api.post(f"/v1/pools/{pool}/refills", PoolAnswer, body, key or fresh_key())


def _given(marks: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in marks.items() if value is not None}
