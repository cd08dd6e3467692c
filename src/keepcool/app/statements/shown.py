"""What a statement's lines say: amounts exact, in base units and as decimals; times in UTC."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keepcool.app.config import AssetSettings
from keepcool.app.networks import NetworkSettings
from keepcool.app.statements.making import Line

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Names:
    """Symbols and decimals, from the configuration; an asset that no longer stands there has none."""

    assets: Mapping[str, AssetSettings]

    @classmethod
    def of(cls, networks: Iterable[NetworkSettings]) -> Names:
        return cls({one.id: one for table in networks for one in table.assets})

    def symbol(self, asset: str) -> str:
        found = self.assets.get(asset)
        return found.symbol if found else ""

    def decimals(self, asset: str) -> int | None:
        found = self.assets.get(asset)
        return found.decimals if found else None

    def decimal(self, asset: str, units: int) -> str:
        """Exact, with every decimal place; empty where the decimals are not known."""
        places = self.decimals(asset)
        if places is None:
            return ""
        whole, rest = divmod(abs(units), 10**places)
        text = f"{whole}.{rest:0{places}d}" if places else str(whole)
        return f"-{text}" if units < 0 else text


def time_of(at_ms: int) -> str:
    at = _EPOCH + datetime.timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fields_of(line: Line, names: Names) -> dict[str, str | int | None]:
    """One entry, under the names both forms use."""
    one, party = line.entry, line.party
    return {
        "entry": one.id,
        "posting": one.posting,
        "time": time_of(one.at_ms),
        "at_ms": one.at_ms,
        "kind": one.kind,
        "wallet": one.wallet or "",
        "account": one.account,
        "asset": one.asset,
        "symbol": names.symbol(one.asset),
        "decimals": names.decimals(one.asset),
        "amount": str(line.units),
        "amount_decimal": names.decimal(one.asset, line.units),
        "balance": str(one.balance),
        "balance_decimal": names.decimal(one.asset, one.balance),
        "counterparty": party.counterparty,
        "transaction": party.transaction,
        "external_id": party.external_id,
        "reference": " ".join(f"{name}:{value}" for name, value in sorted(one.reference.items())),
    }
