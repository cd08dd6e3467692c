"""An approver at her own machine: she reads at the desk what waits, counts it again, decides.

Law: she uses `keepcool desk`, which takes bytes from the desk and believes nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keepcool.local import adminkeys, commands
from keepcool.local.people import PersonPlan

_WORDS = b"words that judy alone knows"


@dataclass(frozen=True, slots=True)
class Approver:
    """`folder`: her own, with her key under a passphrase. `url`: where the desk is."""

    name: str
    folder: Path
    url: str

    @classmethod
    def enrolled(cls, name: str, folder: Path, url: str) -> Approver:
        """With a new key. `keepcool admin new-key` makes one like it."""
        folder.mkdir(mode=0o700)
        made = cls(name, folder, url)
        adminkeys.new_key(made._key, _WORDS)
        made._passphrase.touch(mode=0o600)
        made._passphrase.write_bytes(_WORDS)
        return made

    @property
    def plan(self) -> PersonPlan:
        return PersonPlan(self.name, adminkeys.public_of(self._key))

    def read(self, intent_hash: str) -> Mapping[str, str]:
        """What it does, as counted on this machine: line by line, the first of each kind."""
        shown = self._said("show", intent_hash, "--save", str(self.folder))
        rows = [(line[:15].strip(), line[15:].strip()) for line in shown.splitlines()]
        return dict(reversed(rows))

    def inspected(self, draft: str) -> str:
        """The digest that a command counts which knows nothing of the desk, from the file alone."""
        return commands.told("inspect", "evm", draft).splitlines()[0].split()[-1]

    def approve(self, intent_hash: str, reason: str) -> None:
        """Raises Refused when anything differs, or a signer does not take it."""
        self._said("approve", intent_hash, "--reason", reason, "--yes")

    def _said(self, verb: str, intent_hash: str, *words: str) -> str:
        own = ("--url", self.url, "--key", str(self._key), "--passphrase-file", str(self._passphrase))
        return commands.told("desk", verb, *own, intent_hash, *words)

    @property
    def _key(self) -> Path:
        return self.folder / f"{self.name}.key"

    @property
    def _passphrase(self) -> Path:
        return self.folder / "passphrase"
