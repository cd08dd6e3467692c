"""Asks App for the root key's lists of attestation keys: at first and every hour, and whenever an attestation
does not verify. A client that runs for months hears of a stolen key's end as well."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from keepcool.client.attested import Pins
from keepcool.client.http import Api
from keepcool.client.models import AttestationKeys
from keepcool.core.errors import KeepcoolError
from keepcool.wire.successions import SignedSuccession

_EVERY_S, _AGAIN_S = 3600.0, 60.0


class Following:
    """Does nothing where no root key is pinned. `now_s`: seconds that only grow."""

    def __init__(self, api: Api, pins: Pins, now_s: Callable[[], float] = time.monotonic) -> None:
        self._api, self._pins, self._now_s = api, pins, now_s
        self._due_s: float | None = None

    def begin(self) -> None:
        """Before anything is believed: a stolen key's end is known at once."""
        now_s = self._now_s()
        if self._due_s is None or now_s >= self._due_s:
            self._due_s = now_s + _AGAIN_S  # of an App that does not answer
            self.again()

    def again(self) -> bool:
        """Whether App had news that the root key signed. All else it has is passed over."""
        followed = self._pins.followed
        if followed is None:
            return False
        news = False
        with contextlib.suppress(KeepcoolError):
            told = self._api.get("/v1/attestation-keys", AttestationKeys).items
            self._due_s = self._now_s() + _EVERY_S
            for one in told:
                with contextlib.suppress(KeepcoolError):
                    news |= followed.offer(SignedSuccession(one.statement, one.signature))
        return news
