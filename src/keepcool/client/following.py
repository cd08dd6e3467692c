"""Asks App for the root key's lists of attestation keys: once at first, and whenever an attestation does not
verify."""

from __future__ import annotations

import contextlib

from keepcool.client.attested import Pins
from keepcool.client.http import Api
from keepcool.client.models import AttestationKeys
from keepcool.core.errors import KeepcoolError
from keepcool.wire.successions import SignedSuccession


class Following:
    """Does nothing where no root key is pinned."""

    def __init__(self, api: Api, pins: Pins) -> None:
        self._api, self._pins, self._asked = api, pins, False

    def begin(self) -> None:
        """Before anything is believed: a stolen key's end is known at once."""
        if not self._asked:
            self._asked = True
            self.again()

    def again(self) -> bool:
        """Whether App had news that the root key signed. All else it has is passed over."""
        followed = self._pins.followed
        if followed is None:
            return False
        news = False
        with contextlib.suppress(KeepcoolError):
            for one in self._api.get("/v1/attestation-keys", AttestationKeys).items:
                with contextlib.suppress(KeepcoolError):
                    news |= followed.offer(SignedSuccession(one.statement, one.signature))
        return news
