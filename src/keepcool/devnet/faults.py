"""What goes wrong on demand: a stalled chain, lies, nonsense, delays. Nothing of it before it is asked for.

Laws: a fault changes what is answered or when, never the state of the chain; an unknown fault is refused, so
that no test passes because a name was misspelt.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from keepcool.devnet.rejections import CallError


@dataclass(frozen=True, slots=True)
class Faults:
    """`stalled` makes no blocks on time, `catching_up` says so in /status. `delay_ms` comes before every
    answer. `nonsense` answers paths that begin with a key by its text, with status 200; `broken` by an error
    of this HTTP status; `balances` ({address: {coin: pip}}), `owners` ({address: multisig or null}) and
    `counts` ({address: transaction count}) are lies. `silent_sends` take a transaction and forget it,
    `hidden_sends` take it and answer 504, `deaf` refuses subscriptions."""

    stalled: bool = False
    catching_up: bool = False
    deaf: bool = False
    silent_sends: bool = False
    hidden_sends: bool = False
    delay_ms: int = 0
    nonsense: dict[str, str] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    balances: dict[str, dict[str, str]] = field(default_factory=dict)
    owners: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, str] = field(default_factory=dict)

    def changed(self, wanted: dict[str, Any]) -> Faults:
        """Raises CallError on a fault there is none of, or of another form."""
        forms = {one.name: type(getattr(self, one.name)) for one in fields(self)}
        for name, value in wanted.items():
            if name not in forms or type(value) is not forms[name]:
                raise CallError(400, f"no such fault, or of another form: {name}")
        return replace(self, **wanted)

    def shown(self) -> dict[str, Any]:
        return asdict(self)

    def distort(self, address: str, told: dict[str, Any]) -> dict[str, Any]:
        """An account as it is lied about."""
        if address in self.balances:
            lies = self.balances[address]
            told = told | {"balance": [_lied(one, lies) for one in told["balance"]] + _new(told, lies)}
        if address in self.owners:
            told = told | {"multisig": self.owners[address]}
        if address in self.counts:
            told = told | {"transaction_count": self.counts[address]}
        return told


def _lied(one: dict[str, Any], lies: dict[str, str]) -> dict[str, Any]:
    return one | {"value": lies.get(one["coin"]["id"], one["value"])}


def _new(told: dict[str, Any], lies: dict[str, str]) -> list[dict[str, Any]]:
    there = {one["coin"]["id"] for one in told["balance"]}
    return [
        {"coin": {"id": coin, "symbol": f"COIN{coin}"}, "value": pip, "bip_value": "0"}
        for coin, pip in lies.items()
        if coin not in there
    ]
