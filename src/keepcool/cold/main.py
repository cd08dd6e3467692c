"""The cold key's tool. Runs on a machine without network; opens no socket (a test's audit hook watches).

`new` makes a key from the system's entropy, writes the paper sheet and the public half. `check` reads
words back and says which public key they give, so that paper is proved before coins depend on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keepcool.adapters.identity.keyfiles import write_private
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.core.errors import Conflict
from keepcool.core.registry import Role
from keepcool.hazmat import papers, process, sheet
from keepcool.ports.system import Clock, Entropy


@dataclass(frozen=True, slots=True)
class Made:
    """Where the sheet and the public half were written, and the public key (compressed, hex)."""

    sheet: Path
    public: Path
    public_key: str


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
    text, secret, public = sheet.new_sheet(Role.COLD, made_on, entropy)
    secret.wipe()
    with text, text.opened() as raw:
        write_private(paper, bytes(raw))
    write_private(public_file, public_half(public).encode("ascii"))
    return Made(paper, public_file, public.hex())


def check(words: str) -> str:
    """The public key (compressed, hex) these 24 words give. Raises Malformed on words that are no key."""
    process.harden()
    secret, public = papers.key_of(words)
    secret.wipe()
    return public.hex()


def public_half(public: bytes) -> str:
    """What the other hosts may know of a paper key, as JSON."""
    half = {"origin": papers.EVM_ORIGIN_PATH, "public_key": public.hex(), "role": Role.COLD.value}
    return json.dumps(half, indent=2) + "\n"
