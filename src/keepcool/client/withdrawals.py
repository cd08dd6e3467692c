"""`client.withdrawals`: an owner signs one of his, after every field was compared with what he wants.

Law: nothing is signed on App's word: the wallet's record is believed under the pinned keys and carries this
very key, the intent is read from its bytes, and what is signed is noted before the signature leaves.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence

from keepcool.client.devicekeys import UserKey
from keepcool.client.http import Api, fresh_key
from keepcool.client.models import Review, Withdrawal
from keepcool.client.orders import Order, check_bounded, check_intent
from keepcool.core.approvals import USER_KIND, rekey_challenge, rekey_statement, user_challenge
from keepcool.core.errors import Refused, Unavailable
from keepcool.core.intent import Intent, intent_hash, parse_intent
from keepcool.core.registry import WalletRecord
from keepcool.wire import proofs

_POLL_S = 0.1
RecordOf = Callable[[str, str], WalletRecord]


class Withdrawals:
    """`record_of`: the believed record of a wallet that carries this key."""

    def __init__(self, api: Api, record_of: RecordOf) -> None:
        self._api, self._record_of = api, record_of

    def sign(
        self,
        withdrawal: str,
        key: UserKey,
        expected: Order,
        *,
        names: Sequence[str] = (),
        again: bool = False,
        timeout_s: float = 60.0,
    ) -> Withdrawal:
        """Waits until it is drafted, signs it if it is what was expected, and hands the signature in. Raises
        Refused `client.intent_differs` with what App changed, `client.signed_before` when another intent of
        this order was signed already and `again` does not say that both may be paid. `names`: what else the
        order is known by. A withdrawal that both signers have signed already needs nothing."""
        record = self._record_of(expected.wallet, key.text)
        check_bounded(expected, record.network)
        told = self._asked(withdrawal, timeout_s)
        if told.review is None:
            return told
        intent = self._checked(told.review, expected, record)
        names = (withdrawal, *names)
        if not again and key.book.signed(names) - {intent.hash()}:
            text = (
                "you have signed another intent for this order, which may have been paid or may still be:"
                " look at the recipient's account; signed again, it can be paid twice"
            )
            raise Refused("client.signed_before", text)
        key.book.note(names, intent.hash())
        return self._hand_in(withdrawal, key, intent)

    def read(self, withdrawal: str, expected: Order, key: str) -> Intent:
        """The intent as it would be signed now, compared in the same way."""
        record = self._record_of(expected.wallet, key)
        told = self._asked(withdrawal, 0.0)
        if told.review is None:
            text = f"withdrawal {withdrawal} is {told.state}: there is nothing to sign"
            raise Refused("client.no_intent", text)
        return self._checked(told.review, expected, record)

    def _checked(self, review: Review, expected: Order, record: WalletRecord) -> Intent:
        intent = parse_intent(review.intent_bytes)
        if intent_hash(review.intent_bytes).hex() != review.intent_hash:
            raise Refused("client.intent_differs", "not signed: the intent is not the one it is said to be")
        check_intent(intent, expected, record.network, int(time.time()))
        return intent

    def _asked(self, withdrawal: str, timeout_s: float) -> Withdrawal:
        """Once there is something to sign, or nothing to wait for."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            told = self._api.get(f"/v1/withdrawals/{withdrawal}", Withdrawal)
            if told.review is not None or told.state != "requested":
                return told
            if time.monotonic() > deadline_s:
                why = told.reason or "ask again"
                raise Unavailable("client.late", f"withdrawal {withdrawal} is not drafted yet: {why}")
            time.sleep(_POLL_S)

    def _hand_in(self, withdrawal: str, key: UserKey, intent: Intent) -> Withdrawal:
        proof = _told(key, user_challenge(intent.encoded()))
        body = {"kind": USER_KIND, "key": key.text, "proof": proof}
        return self._api.post(f"/v1/withdrawals/{withdrawal}/evidence", Withdrawal, body, fresh_key())


def rekey_proof(record: WalletRecord, user_key: str, key: UserKey) -> str:
    """The old key's consent to `user_key` in its place, in this very record."""
    return _told(key, rekey_challenge(rekey_statement(record.wallet, record.hash(), user_key)))


def _told(key: UserKey, challenge: bytes) -> str:
    return base64.b64encode(proofs.encode(key.prove(challenge))).decode("ascii")
