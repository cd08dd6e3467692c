"""The message by which records are attested anew, after attestation keys have followed one another."""

from __future__ import annotations

from keepcool.wire.messages import Attested, Message


class RenewWallets(Message, frozen=True):
    """App to a signer, `wallets.renew.v1`: records it has attested, with what the other signer says of them
    now. Answered by a `WalletsAnswer`."""

    records: list[Attested]
