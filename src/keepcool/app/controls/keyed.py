"""What one API key is limited to: requests, payments a minute, and the networks it may be used from.

Laws: what is not said for a key is what is configured for all; payments are counted in the transaction that
asks for them, so that neither a restart nor a second App forgets one; who makes, changes or revokes a key is
told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from keepcool.app import keys
from keepcool.app.controls import origins
from keepcool.app.controls.buckets import Rate
from keepcool.app.controls.settings import LimitSettings
from keepcool.app.controls.tables import key_limit, key_payment
from keepcool.app.events import log
from keepcool.app.events.log import News, Subject
from keepcool.app.keys import ApiKey, Scope
from keepcool.core.canonical import Plain
from keepcool.core.errors import Conflict, Malformed, Refused, Unavailable
from keepcool.ports.system import Entropy

MINUTE_MS = 60_000
_COUNT_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """None: as configured; 0: no limit. `networks`: CIDRs; none at all means from anywhere."""

    requests_per_s: int | None = None
    requests_burst: int | None = None
    withdrawals_per_minute: int | None = None
    networks: tuple[str, ...] = ()

    def rate(self, usual: LimitSettings) -> Rate:
        per_s = usual.requests_per_s if self.requests_per_s is None else self.requests_per_s
        burst = usual.requests_burst if self.requests_burst is None else self.requests_burst
        return Rate(per_s, max(burst, 1))

    def payments(self, usual: LimitSettings) -> int:
        own = self.withdrawals_per_minute
        return usual.withdrawals_per_minute if own is None else own


NONE = Limits()


def of(tx: Connection, key: str) -> Limits:
    row = tx.execute(select(key_limit).where(key_limit.c.api_key == key)).one_or_none()
    if row is None:
        return NONE
    networks = tuple(str(one) for one in json.loads(row.networks))
    return Limits(row.requests_per_s, row.requests_burst, row.withdrawals_per_minute, networks)


def refuse_elsewhere(limits: Limits, address: origins.Address | None) -> None:
    """Raises Refused `auth.address` for a caller outside the key's networks."""
    if not limits.networks:
        return
    if address is None or not origins.is_inside(address, origins.parse_networks(limits.networks)):
        raise Refused("auth.address", f"this API key may not be used from {address or 'an unknown address'}")


def take_payment(tx: Connection, key: str, most: int, now_ms: int) -> None:
    """One payment more. Raises Unavailable `rate.withdrawals`, with the seconds to wait. 0: no limit."""
    if not most:
        return
    mine = key_payment.c.api_key == key
    # a row of a clock that was ahead counts for a minute as well, and not for ever
    tx.execute(
        delete(key_payment).where(
            mine, ~key_payment.c.at_ms.between(now_ms - MINUTE_MS + 1, now_ms + MINUTE_MS)
        )
    )
    query = select(func.count(), func.min(key_payment.c.at_ms)).where(mine)
    count, oldest = tx.execute(query).one()
    if count >= most:
        wait_s = max(1, -(-(oldest + MINUTE_MS - now_ms) // 1000))
        text = f"this API key may ask for {most} payments a minute; try again in {wait_s} s"
        raise Unavailable("rate.withdrawals", text, retry_after_s=wait_s)
    tx.execute(key_payment.insert().values(api_key=key, at_ms=now_ms))


def make(
    tx: Connection, *, name: str, scopes: frozenset[Scope], limits: Limits, now_ms: int, entropy: Entropy
) -> tuple[ApiKey, str]:
    """A key with its limits, and its text."""
    key, text = keys.create(tx, name=name, scopes=scopes, now_ms=now_ms, entropy=entropy)
    if limits != NONE:
        _store(tx, key.id, limits)
    _tell(tx, "made", key, limits, now_ms)
    return key, text


def limit(tx: Connection, *, name: str, limits: Limits, now_ms: int) -> ApiKey:
    """All of them anew. Raises Conflict `api_key.not_found`."""
    key = next((one for one in keys.listed(tx) if one.name == name and one.revoked_at_ms is None), None)
    if key is None:
        raise Conflict("api_key.not_found", f"there is no key in use named {name}")
    _store(tx, key.id, limits)
    _tell(tx, "changed", key, limits, now_ms)
    return key


def revoke(tx: Connection, *, name: str, now_ms: int) -> ApiKey:
    key = keys.revoke(tx, name=name, now_ms=now_ms)
    _tell(tx, "revoked", key, NONE, now_ms)
    return key


def _store(tx: Connection, key: str, limits: Limits) -> None:
    _check(limits)
    tx.execute(delete(key_limit).where(key_limit.c.api_key == key))
    tx.execute(
        key_limit.insert().values(
            api_key=key,
            requests_per_s=limits.requests_per_s,
            requests_burst=limits.requests_burst,
            withdrawals_per_minute=limits.withdrawals_per_minute,
            networks=json.dumps(list(limits.networks)),
        )
    )


def _check(limits: Limits) -> None:
    """Raises Malformed `api_key.limits` or `api_key.networks`."""
    counts = (limits.requests_per_s, limits.requests_burst, limits.withdrawals_per_minute)
    if any(one is not None and not 0 <= one <= _COUNT_MAX for one in counts):
        raise Malformed("api_key.limits", f"limits are whole numbers from 0 (none) to {_COUNT_MAX}")
    origins.parse_networks(limits.networks)


def _tell(tx: Connection, what: str, key: ApiKey, limits: Limits, now_ms: int) -> None:
    scopes: Sequence[Plain] = [one.value for one in sorted(key.scopes)]
    data: dict[str, Plain] = {
        "key": key.id,
        "name": key.name,
        "scopes": list(scopes),
        "requests_per_s": limits.requests_per_s,
        "requests_burst": limits.requests_burst,
        "withdrawals_per_minute": limits.withdrawals_per_minute,
        "networks": list(limits.networks),
    }
    log.append(tx, News(f"key.{what}", Subject(), data), now_ms)
