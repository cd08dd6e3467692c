"""A receiver's side of webhooks, beside the library of the scheme's authors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from keepcool.client.deliveries import TOLERANCE_S, event_of
from keepcool.core.errors import Malformed, Refused

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "A" * 32
NOW_S = 1_800_000_000
BODY = (
    b'{"at_ms":1,"cursor":7,"data":{"wallet":"w"},"id":"evt_1","timestamp":"t","type":"wallet.ready",'
    b'"version":1,"later":true}'
)


def headers(
    secret: str = SECRET, body: bytes = BODY, message: str = "evt_1", at_s: int = NOW_S
) -> dict[str, str]:
    """As another implementation signs."""
    signature = Webhook(secret).sign(message, datetime.fromtimestamp(at_s, UTC), body.decode())
    return {"Webhook-Id": message, "Webhook-Timestamp": str(at_s), "Webhook-Signature": signature}


def test_what_another_implementation_signed_is_believed() -> None:
    """The event comes out, with the fields it has; those of a newer App are passed over."""
    event = event_of(SECRET, headers(), BODY, NOW_S)
    assert (event.cursor, event.type, event.data) == (7, "wallet.ready", {"wallet": "w"})


def test_one_of_several_signatures_is_enough() -> None:
    """While a secret is exchanged both stand there; versions unknown to us are passed over."""
    made = headers()
    made["Webhook-Signature"] = f"v2,xyz {headers(OTHER)['Webhook-Signature']} {made['Webhook-Signature']}"
    for secret in (SECRET, OTHER):
        assert event_of(secret, made, BODY, NOW_S).id == "evt_1"


@pytest.mark.parametrize(
    "changed",
    [
        {"Webhook-Id": "evt_2"},
        {"Webhook-Timestamp": str(NOW_S + 1)},
        {"Webhook-Timestamp": "now"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "v1,\u00e9"},
        headers(OTHER),
        headers(body=BODY + b" "),
        headers(message=""),
    ],
)
def test_what_is_not_apps_is_refused(changed: dict[str, str]) -> None:
    """Another id, time, secret or body, or no signature at all."""
    with pytest.raises(Refused):
        event_of(SECRET, headers() | changed, BODY, NOW_S)


def test_an_old_delivery_cannot_be_sent_again() -> None:
    """Rightly signed and beyond five minutes, it is refused; within them it is not."""
    event_of(SECRET, headers(), BODY, NOW_S + TOLERANCE_S)
    for now_s in (NOW_S + TOLERANCE_S + 1, NOW_S - TOLERANCE_S - 1):
        with pytest.raises(Refused):
            event_of(SECRET, headers(), BODY, now_s)


def test_what_is_signed_and_no_event_is_malformed() -> None:
    """A body that is no event, and a secret that is none, are told apart from a forgery."""
    with pytest.raises(Malformed):
        event_of(SECRET, headers(body=b"{}"), b"{}", NOW_S)
    with pytest.raises(Malformed):
        event_of("whsec_*", headers(), BODY, NOW_S)
