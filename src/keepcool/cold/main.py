"""The cold key's tool. Runs on a machine without network; opens no socket (a test's audit hook watches).

`new` makes a key from the system's entropy, writes the paper sheet and the public half. `check` reads
words back and says which public key and accounts they give: paper is proved before coins depend on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keepcool.adapters.identity.keyfiles import write_private
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.chains import accounts
from keepcool.chains.accounts import AccountPin
from keepcool.core.errors import Conflict
from keepcool.core.registry import Role
from keepcool.hazmat import papers, process, sheet
from keepcool.hazmat.papers import Paper
from keepcool.ports.system import Clock, Entropy


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """What the other hosts may know of a cold key: the public key all EVM wallets share (compressed, hex)
    and the accounts other families' wallets take keys from."""

    public_key: str
    accounts: tuple[AccountPin, ...]

    def plain(self) -> dict[str, object]:
        """As it stands in cold.pub.json."""
        return {
            "accounts": [accounts.plain(pin) for pin in self.accounts],
            "origin": papers.EVM_ORIGIN_PATH,
            "public_key": self.public_key,
            "role": Role.COLD.value,
        }


@dataclass(frozen=True, slots=True)
class Made:
    """Where the sheet and the public half were written, and the public half."""

    sheet: Path
    public: Path
    half: PublicHalf

    @property
    def public_key(self) -> str:
        return self.half.public_key


def make(folder: Path) -> Made:
    """`new` with this machine's clock and entropy."""
    return new(folder, SystemClock(), SystemEntropy())


def new(folder: Path, clock: Clock, entropy: Entropy) -> Made:
    """A fresh cold key in `folder`. Raises Conflict when one is there already: nothing is overwritten."""
    process.harden()
    paper, public_file = folder / "cold.paper.txt", folder / "cold.pub.json"
    if paper.exists() or public_file.exists():
        raise Conflict("cold.exists", f"{folder} already holds a cold key; choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made_on = datetime.fromtimestamp(clock.now_ms() // 1000, UTC).strftime("%Y-%m-%d")
    text, keys = sheet.new_sheet(Role.COLD, made_on, entropy)
    with text, text.opened() as raw:
        half = _public_half(keys)
        write_private(paper, bytes(raw))
    write_private(public_file, json.dumps(half.plain(), indent=2).encode("ascii") + b"\n")
    return Made(paper, public_file, half)


def check(words: str) -> PublicHalf:
    """The public half these 24 words give. Raises Malformed on words that are no key."""
    process.harden()
    return _public_half(papers.opened(words, Role.COLD))


def _public_half(keys: Paper) -> PublicHalf:
    keys.wipe()
    return PublicHalf(keys.public.hex(), tuple(account.pin for account in keys.accounts))
