"""The paper sheet of a cool or cold key: 24 numbered words, what they are for, how to use them again.

Law: the sheet is a secret until it is paper. It is handed on as a `Secret`, written once to a file only
its owner can read, printed, checked by reading it back, and the file destroyed.
"""

from __future__ import annotations

from keepcool.chains.accounts import WHOLE, AccountPin
from keepcool.core.registry import Role
from keepcool.core.secret import Secret
from keepcool.hazmat import papers
from keepcool.hazmat.papers import Paper
from keepcool.ports.system import Entropy

_COLUMNS = 4


def new_sheet(role: Role, made_on: str, entropy: Entropy) -> tuple[Secret, Paper]:
    """A fresh paper key: the sheet as text, and its keys.

    `made_on` is a date as people write it. The caller wipes both."""
    with Secret(bytearray(entropy(32))) as drawn:
        words = papers.words_of(drawn)
    paper = papers.opened(words, role)
    return Secret(bytearray(_sheet(words, role, paper, made_on).encode("ascii"))), paper


def _sheet(words: str, role: Role, paper: Paper, made_on: str) -> str:
    numbered = [f"{place:2} {word:<9}" for place, word in enumerate(words.split(), 1)]
    rows = ["  ".join(numbered[at : at + _COLUMNS]).rstrip() for at in range(0, len(numbered), _COLUMNS)]
    return "\n".join(
        [
            f"{role.value.upper()} KEY, one of three. Two of three move every coin: keep this one alone.",
            "",
            *rows,
            "",
            f"made on      {made_on}",
            f"path         m/{papers.EVM_ORIGIN_PATH} (BIP-39 English, no passphrase)",
            f"public key   {paper.public.hex()}",
            *(line for account in paper.accounts for line in _account(account.pin)),
            "",
            "Check: read the words back from paper before the first address is used.",
            "Then destroy every copy that is not paper or steel.",
            "",
        ]
    )


def _account(pin: AccountPin) -> list[str]:
    below = "w below it, of a pool itself" if pin.family in WHOLE else "0/w below it"
    return [f"{pin.family:<12} {pin.origin}; the key of wallet w is {below}", f"  {pin.xpub}"]
