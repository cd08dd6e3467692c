"""The file that wallets come back from: descriptors, the block they were born in, what was handed out.

Laws: public data alone; every descriptor carries its checksum and is refused when it does not fit; of a
BIP-45 wallet the branches of all cosigners follow from any one of them, so none can be left out; written is
one form, read are that one, plain lists of descriptors and BSMS files. BIP-45, BIP-129, BIP-380.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from keepcool.chains import bip32
from keepcool.chains.bip32 import ExtendedKey
from keepcool.chains.bitcoin import bip45, bsms
from keepcool.chains.bitcoin.address import parse_recipient
from keepcool.chains.bitcoin.bip45 import PURPOSE, RECEIVING
from keepcool.chains.bitcoin.descriptor import BOTH, Descriptor, parse_descriptor
from keepcool.chains.bitcoin.keys import KeyExpression, Origin
from keepcool.chains.bitcoin.networks import Network, Networks
from keepcool.chains.bitcoin.wallets import first_address, wallet_of
from keepcool.core.errors import Breach, Malformed
from keepcool.core.ids import WalletId
from keepcool.core.registry import WalletRecord

FIRST_LINE = "keepcool-descriptors 1"
_CHARS_MAX = 512 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_ISSUED = re.compile(r"([0-9]{1,2})/([0-9]{1,2}) (0|[1-9][0-9]{0,9})")
_HEIGHT = re.compile(r"0|[1-9][0-9]{0,8}")
_TIME = re.compile(r"0|[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class KeptWallet:
    """`issued`: by (number of the descriptor, its alternative) the highest index handed out, where known. Of
    a BIP-45 wallet the number is the cosigner's, and the alternative is 1 for change."""

    name: str
    descriptors: tuple[Descriptor, ...]
    issued: Mapping[tuple[int, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backup:
    """`birth_height`: no coin of these wallets lies in an earlier block; 0 when that is not known. `born_s`:
    the first of them was made then (Unix time; 0: not known). `harbor`: the pinned destination of an
    evacuation, "" when none is named."""

    network: Network
    wallets: tuple[KeptWallet, ...]
    birth_height: int = 0
    born_s: int = 0
    harbor: str = ""

    def descriptors(self) -> list[Descriptor]:
        return [descriptor for wallet in self.wallets for descriptor in wallet.descriptors]


def parse_backup(text: str, known: Networks, network: str = "") -> Backup:
    """`network` is needed for files that do not name theirs, and must be theirs where they do. Raises
    Malformed, naming the line."""
    if len(text) > _CHARS_MAX:
        raise Malformed("restore.size", f"a file of descriptors has at most {_CHARS_MAX} characters")
    if text.startswith(bsms.VERSION):
        row = _named(known, network, "")
        return Backup(row, (_wallet("wallet-1", [bsms.parse_wallet(text, row)], {}),))
    return _Reading(known, network).read(text)


def spelled_backup(backup: Backup) -> str:
    """The file, with what it is for in its first lines."""
    network = backup.network
    lines = [
        FIRST_LINE,
        "# Wallets come back from this file, any two of their three seeds and a node; it holds no secret.",
        "# keepcool restore bitcoin scan --descriptors THIS-FILE --node URL --state FILE",
        f"network {network.name}",
    ]
    lines += [f"birth {backup.birth_height}"] if backup.birth_height else []
    lines += [f"born {backup.born_s}"] if backup.born_s else []
    lines += [f"harbor {backup.harbor}"] if backup.harbor else []
    for wallet in backup.wallets:
        lines += ["", f"wallet {wallet.name}"]
        lines += [descriptor.spelled(network) for descriptor in wallet.descriptors]
        lines += [f"issued {one}/{branch} {index}" for (one, branch), index in sorted(wallet.issued.items())]
    return "\n".join(lines) + "\n"


def backup_of(
    records: Sequence[WalletRecord],
    network: Network,
    issued: Mapping[tuple[WalletId, int, int], int] | None = None,
    harbor: str = "",
) -> Backup:
    """Of the registry's records those of this network. `issued`: by (wallet, cosigner, change) the highest
    index handed out. Raises Malformed when there are none, Breach when one does not lead to its address."""
    own: dict[WalletId, dict[tuple[int, int], int]] = {}
    for (of, cosigner, change), index in (issued or {}).items():
        own.setdefault(of, {})[cosigner, change] = index
    wallets, born = [], []
    for record in records:
        if record.network != network.id:
            continue
        wallet = wallet_of(record, Networks((network,)))
        if first_address(wallet) != record.address:
            raise Breach("restore.record", f"the record of {record.wallet} does not lead to its address")
        wallets.append(KeptWallet(record.wallet, wallet.bip45.descriptors(), own.get(record.wallet, {})))
        born.append(record.made_at_s)
    if not wallets:
        raise Malformed("restore.empty", f"there is no wallet of {network.name}")
    return Backup(network, tuple(wallets), born_s=min(born), harbor=harbor)


def flat(descriptor: Descriptor) -> Descriptor:
    """The same addresses with every key brought down to its branch: [fingerprint/45h/…]xpub/<0;1>/*, the one
    form that all wallets of other makers read."""
    return replace(descriptor, keys=tuple(_flat(key) for key in descriptor.keys))


def spelled_flat(backup: Backup) -> str:
    """One flat descriptor a line, its wallet's name in a comment above."""
    lines = []
    for wallet in backup.wallets:
        lines += [f"# {wallet.name}", *(flat(one).spelled(backup.network) for one in wallet.descriptors)]
    return "\n".join(lines) + "\n"


def spelled_bsms(wallet: KeptWallet, network: Network) -> list[str]:
    """A BSMS file for each of its descriptors."""
    return [bsms.spelled_wallet(descriptor, network) for descriptor in wallet.descriptors]


def merged(backups: Sequence[Backup]) -> Backup:
    """One backup of several files. Raises Malformed when they are of different networks or harbors."""
    first = backups[0]
    if len({one.network.id for one in backups}) > 1:
        raise Malformed("restore.networks", "these files are of different networks; restore each by itself")
    harbors = {one.harbor for one in backups} - {""}
    if len(harbors) > 1:
        raise Malformed("restore.harbors", "these files name different harbors; say --to ADDRESS yourself")
    known: dict[tuple[Descriptor, ...], KeptWallet] = {}
    for wallet in (wallet for one in backups for wallet in one.wallets):
        there = known.get(wallet.descriptors)
        issued = dict(there.issued) if there else {}
        for place, index in wallet.issued.items():
            issued[place] = max(index, issued.get(place, -1))
        known[wallet.descriptors] = replace(there or wallet, issued=issued)
    return Backup(
        first.network,
        _named_apart(known.values()),
        min(one.birth_height for one in backups),
        min(one.born_s for one in backups),
        next(iter(harbors), ""),
    )


def _named_apart(wallets: Iterable[KeptWallet]) -> tuple[KeptWallet, ...]:
    """Wallets of several files may be called alike; what is written for them must not be."""
    times: dict[str, int] = {}
    found = []
    for wallet in wallets:
        times[wallet.name] = times.get(wallet.name, 0) + 1
        again = times[wallet.name] > 1
        found.append(replace(wallet, name=f"{wallet.name}.{times[wallet.name]}") if again else wallet)
    return tuple(found)


def completed(descriptors: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
    """The branches of all cosigners where one is that of a BIP-45 wallet; else what was given, each once."""
    given = tuple(dict.fromkeys(descriptors))
    wallet = _bip45(given[0]) if given else None
    if wallet is None:
        return given
    whole = wallet.descriptors()
    scripts = {one.branch(RECEIVING).locking(0).script_pubkey for one in whole}
    if any(one.branch(RECEIVING).locking(0).script_pubkey not in scripts for one in given):
        raise Malformed("restore.wallet", "descriptors of two wallets stand under one name")
    return whole


def _flat(key: KeyExpression) -> KeyExpression:
    if isinstance(key.key, bytes) or not key.steps or not key.ranged:
        return key
    path = tuple(step[0] for step in key.steps[:-1])
    node = replace(key, steps=key.steps[:-1], ranged=False).node()
    if isinstance(node, bytes):
        return key
    origin = key.origin or Origin(bip32.fingerprint(key.key.public_key).hex(), ())
    return KeyExpression(Origin(origin.fingerprint, (*origin.path, *path)), node, key.steps[-1:], ranged=True)


def _bip45(one: Descriptor) -> bip45.Bip45 | None:
    """The wallet a cosigner's branches belong to; None when they are none of BIP-45."""
    steps = {key.steps for key in one.keys}
    if len(steps) != 1 or not one.ranged or not one.ordered:
        return None
    path = steps.pop()
    if len(path) not in (2, 3) or path[-1] != BOTH or any(len(step) != 1 for step in path[:-1]):
        return None
    if not all(isinstance(key.key, ExtendedKey) and key.key.number == PURPOSE for key in one.keys):
        return None
    purposes = [replace(key, steps=(), ranged=False) for key in one.keys]
    if len(path) == 3:
        return bip45.segregated(purposes, path[0][0], one.threshold, one.kind)
    return bip45.pooled(purposes, one.threshold, one.kind)


def _wallet(
    name: str, descriptors: Sequence[Descriptor], issued: Mapping[tuple[int, int], int]
) -> KeptWallet:
    if not descriptors:
        raise Malformed("restore.empty", f"the wallet {name} has no descriptor")
    found = completed(descriptors)
    for number, choice in issued:
        if number >= len(found) or choice >= found[number].choices:
            raise Malformed("restore.issued", f"the wallet {name} has no branch {number}/{choice}")
    return KeptWallet(name, found, dict(issued))


def _named(known: Networks, asked: str, stated: str) -> Network:
    if not asked and not stated:
        raise Malformed("restore.network", "the file does not say its network; name it with --network")
    row = known.named(stated or asked)
    if asked and known.named(asked) != row:
        raise Malformed("restore.network", f"the file is of {row.name}, not of {asked}")
    return row


class _Reading:
    """Lines in turn; a wallet ends where the next begins."""

    def __init__(self, known: Networks, asked: str) -> None:
        self._known, self._asked, self._stated = known, asked, ""
        self._birth, self._born, self._harbor = 0, 0, ""
        self._wallets: dict[str, KeptWallet] = {}
        self._name = ""
        self._descriptors: list[Descriptor] = []
        self._issued: dict[tuple[int, int], int] = {}

    def read(self, text: str) -> Backup:
        for number, line in enumerate(text.splitlines(), 1):
            try:
                self._line(line.strip())
            except Malformed as error:
                raise Malformed(error.code, f"line {number}: {error.public}") from error
        self._end()
        if not self._wallets:
            raise Malformed("restore.empty", "the file holds no wallet")
        row = self._network()
        harbor = parse_recipient(row, self._harbor, self._known) if self._harbor else ""
        return Backup(row, tuple(self._wallets.values()), self._birth, self._born, harbor)

    def _line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if not line or line == FIRST_LINE or line.startswith("#"):
            return
        if word.startswith(("wsh(", "sh(")):
            self._descriptors.append(parse_descriptor(line, self._network()))
        elif word == "wallet":
            self._end()
            self._name = _checked(rest, _NAME, "a wallet's name is one word of letters, digits, _ . : -")
        elif word == "network" and not self._wallets and not self._descriptors:
            self._stated = rest
        elif word == "birth":
            self._birth = int(_checked(rest, _HEIGHT, "birth is the height of a block"))
        elif word == "born":
            self._born = int(_checked(rest, _TIME, "born is a time, in seconds since 1970"))
        elif word == "harbor":
            self._harbor = rest
        elif word == "issued":
            self._issue(rest)
        else:
            raise Malformed("restore.line", f"this is no line of a descriptors file: {line[:60]!r}")

    def _issue(self, rest: str) -> None:
        found = _ISSUED.fullmatch(rest)
        if found is None:
            raise Malformed("restore.line", "issued is written as: issued 0/1 4711 (descriptor/branch index)")
        self._issued[int(found[1]), int(found[2])] = int(found[3])

    def _end(self) -> None:
        if self._name or self._descriptors:
            name = self._name or f"wallet-{len(self._wallets) + 1}"
            if name in self._wallets:
                raise Malformed("restore.twice", f"two wallets are called {name}")
            self._wallets[name] = _wallet(name, self._descriptors, self._issued)
        self._name, self._descriptors, self._issued = "", [], {}

    def _network(self) -> Network:
        return _named(self._known, self._asked, self._stated)


def _checked(text: str, pattern: re.Pattern[str], otherwise: str) -> str:
    if not pattern.fullmatch(text):
        raise Malformed("restore.line", otherwise)
    return text
