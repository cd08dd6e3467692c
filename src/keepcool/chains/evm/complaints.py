"""What a Safe's own error codes mean, for people: a contract of Safe 1.4.1 hides why a payment inside failed.

Safe 1.5.0 passes the reason of the call on; both tell of signatures and gas by codes (`GSnnn`) in the text of
the revert. Codes as the sources of 1.4.1 and 1.5.0 have them (Safe.sol, OwnerManager.sol).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "GS000": "the wallet could not be set up",
    "GS001": "the wallet has not been set up",
    "GS002": "the wallet's setup names no contract",
    "GS010": "too little gas was given for the payment inside",
    "GS011": "the refund in the native coin could not be paid",
    "GS012": "the refund in a token could not be paid",
    "GS013": "the payment inside failed, and this version of the Safe does not tell why",
    "GS020": "signatures are missing",
    "GS021": "a contract's signature has no proper place",
    "GS022": "a contract's signature has no proper place",
    "GS023": "a contract's signature is cut off",
    "GS024": "a contract says that its signature is not valid",
    "GS025": "an owner has not approved this hash",
    "GS026": "a signature is by no owner of the wallet, or of another nonce, or out of order",
    "GS200": "the wallet has been set up before",
    "GS201": "the threshold is higher than the number of owners",
    "GS202": "the threshold is nothing",
    "GS203": "an owner's address is not allowed",
    "GS204": "an owner stands there twice",
}
_CODE = re.compile(r"\bGS\d{3}\b")


def explained(text: str) -> str:
    """The node's words, with the meaning of a Safe's code behind them."""
    found = _CODE.search(text)
    meaning = MEANINGS.get(found.group()) if found else None
    return f"{text} ({meaning})" if meaning else text
