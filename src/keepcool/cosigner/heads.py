"""Signed statements of a journal head, as they cross the wire."""

from __future__ import annotations

from collections import OrderedDict

from keepcool.core.errors import Malformed
from keepcool.core.journal import Head, HeadStatement, stated_bytes
from keepcool.core.parties import Service
from keepcool.cosigner.attest import verify
from keepcool.ports.identity import Identity
from keepcool.wire import messages

LATELY_MAX = 64


def stated(identity: Identity, head: Head) -> messages.Head:
    """This service's own statement of its head."""
    signature = identity.state_head(stated_bytes(identity.service, head))
    return messages.Head(
        service=identity.service.value, sequence=head.sequence, hash=head.hash, signature=signature
    )


class Checked:
    """Verifies statements of one service under its pinned journal key; the very bytes that were verified
    lately, or made here, are not verified again."""

    def __init__(self, service: Service, key: bytes) -> None:
        self._service, self._key = service, key
        self._lately: OrderedDict[messages.Head, HeadStatement] = OrderedDict()

    def statement(self, message: messages.Head) -> HeadStatement:
        """Raises Malformed on any statement the service did not make under this key."""
        known = self._lately.get(message)
        return self.keep(message, checked(message, self._service, self._key)) if known is None else known

    def keep(self, message: messages.Head, statement: HeadStatement) -> HeadStatement:
        """This message is known to be that statement."""
        self._lately[message] = statement
        if len(self._lately) > LATELY_MAX:
            self._lately.popitem(last=False)
        return statement


def checked(message: messages.Head, service: Service, key: bytes) -> HeadStatement:
    """The statement `service` made under its pinned journal key. Raises Malformed on any other."""
    if message.service != service.value or not 0 <= message.sequence < 2**63 or len(message.hash) != 32:
        raise Malformed("witness.head", f"this is not a head of {service.value}'s journal")
    head = Head(message.sequence, message.hash)
    verify(key, stated_bytes(service, head), message.signature, "witness.head_signature", "journal head")
    return HeadStatement(service, head, message.signature)


def as_message(statement: HeadStatement) -> messages.Head:
    return messages.Head(
        service=statement.service.value,
        sequence=statement.head.sequence,
        hash=statement.head.hash,
        signature=statement.signature,
    )
