"""Signatures of webhooks, beside the library of the scheme's authors."""

from __future__ import annotations

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from keepcool.core.errors import Malformed
from keepcool.wire import webhooks

BODY = b'{"type":"withdrawal.confirmed"}'


def entropy(size_bytes: int) -> bytes:
    return bytes(range(size_bytes))


def test_the_schemes_own_example_is_signed_alike() -> None:
    """The specification's published example gives its published signature."""
    secret = webhooks.parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = webhooks.headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_implementation_verifies_what_we_sign() -> None:
    """The authors' library accepts our signature, and refuses another body, id, time or secret."""
    secret, now = webhooks.new_secret(entropy), int(time.time())
    made = webhooks.headers([secret], "evt_1", now, BODY)
    theirs = Webhook(webhooks.shown(secret))
    assert theirs.verify(BODY, made) == {"type": "withdrawal.confirmed"}
    lies = [
        (BODY + b" ", made),
        (BODY, made | {"webhook-id": "evt_2"}),
        (BODY, made | {"webhook-timestamp": str(now + 1)}),
        (BODY, made | {"webhook-timestamp": str(now - 3600)}),
    ]
    for body, headers in lies:
        with pytest.raises(WebhookVerificationError):
            theirs.verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks.shown(bytes(32))).verify(BODY, made)


def test_while_secrets_are_exchanged_both_verify() -> None:
    """Two signatures stand in one header, and each secret's holder accepts the delivery."""
    old, new = bytes(32), bytes([1]) * 32
    made = webhooks.headers([new, old], "evt_1", int(time.time()), BODY)
    assert len(made["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        Webhook(webhooks.shown(secret)).verify(BODY, made)


def test_a_secret_has_its_form() -> None:
    """What is shown is read back; anything else is refused."""
    secret = webhooks.new_secret(entropy)
    assert webhooks.parse_secret(webhooks.shown(secret)) == secret
    for odd in ("", "whsec_", "whsec_AAAA", webhooks.shown(secret)[6:], "whsec_*" + "A" * 43):
        with pytest.raises(Malformed):
            webhooks.parse_secret(odd)
