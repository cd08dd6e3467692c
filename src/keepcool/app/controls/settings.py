"""How much one API key may ask, and whose word about an address is taken."""

from __future__ import annotations

from keepcool.app.controls.origins import parse_networks
from keepcool.core.errors import Malformed, Refused
from keepcool.ports.settings import Settings


class LimitSettings(Settings, frozen=True):
    """What one API key may ask, unless `keepcool app api-key limit` says otherwise for it. 0: no limit."""

    requests_per_s: int = 1000
    """So many a second, on the average."""
    requests_burst: int = 5000
    """So many at once, after a pause."""
    withdrawals_per_minute: int = 0
    """Withdrawals, transfers and top-ups in any 60 seconds, restarts included."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of the proxies before App: they alone may say in X-Forwarded-For who calls."""


def check_limits(limits: LimitSettings) -> None:
    """Raises Refused with what is wrong."""
    counts = (limits.requests_per_s, limits.requests_burst, limits.withdrawals_per_minute)
    if min(counts) < 0 or (limits.requests_per_s and not limits.requests_burst):
        raise Refused("config.limits", "limits: counts are not negative, requests_burst is at least 1")
    try:
        parse_networks(limits.trusted_proxies)
    except Malformed as error:
        raise Refused("config.limits", f"limits.trusted_proxies: {error.public}") from error


def about_limits(limits: LimitSettings) -> str:
    asked = f"{limits.requests_per_s} requests a second, {limits.requests_burst} at once"
    paid = f"{limits.withdrawals_per_minute} payments a minute"
    said = " and ".join(
        text
        for text, limit in ((asked, limits.requests_per_s), (paid, limits.withdrawals_per_minute))
        if limit
    )
    heard = f"; who calls is taken from {', '.join(limits.trusted_proxies)}" if limits.trusted_proxies else ""
    return f"Of one API key it answers {said or 'as much as it can'}{heard}."
