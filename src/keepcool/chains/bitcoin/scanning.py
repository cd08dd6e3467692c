"""What of a block concerns us: one pass over its bytes, no objects but for what is ours.

Laws: every byte of a block is accounted for, or the block is refused; a hit says what to look up, and only
what is looked up counts; whoever believes a hit proves the block, whose header covers every transaction, so
that a node can neither invent nor hide one; ids are computed for hits alone until then; an output that a
later transaction of the same block spends is found too. What flag bytes announce beyond the witness is passed
over where it is known (Litecoin's extension block) and refused where it is not.
BIP-141, BIP-144, LIP-0002, LIP-0004, DIP-0002, merged mining's header (AuxPoW); CVE-2012-2459.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.transaction import encode_stripped, hash256, parse_stripped, shown
from keepcool.core.errors import Malformed

HEADER_BYTES = 80
_WITNESS, _EXTENSION = 1, 8
_AUXPOW = 1  # of a header's second byte
_DIP2 = b"\x03\x00"
_MINTED = b"\x01" + bytes(32) + b"\xff\xff\xff\xff"  # one input, from nowhere


@dataclass(slots=True)
class Watch:
    """What is looked for: output scripts (23 or 34 bytes: P2SH and P2WSH) and outpoints (36 bytes, as on the
    wire). Outputs found are watched from then on."""

    scripts: set[bytes] = field(default_factory=set)
    outpoints: set[bytes] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Paid:
    vout: int
    amount_sat: int
    script: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A transaction with outputs or inputs of ours. `place`: its number in the block; `stripped`: without
    any witness; `pegged`: outputs come out of an extension block; `spent`: outpoints of ours, as on the
    wire."""

    place: int
    stripped: bytes
    paid: tuple[Paid, ...]
    spent: tuple[bytes, ...]
    pegged: bool = False

    @property
    def txid(self) -> str:
        return shown(hash256(self.stripped))

    @property
    def coinbase(self) -> bool:
        return self.stripped[4:41] == _MINTED

    @property
    def body(self) -> str:
        return _body(self.stripped)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A block whose bytes are all accounted for. `previous`: the hash of the one before."""

    previous: str
    transactions: int
    hits: tuple[Hit, ...]


@dataclass(slots=True)
class _Walk:
    """From `position` on. `every` one's bytes where they are wanted, the `first` one's always, `flags` of the
    last."""

    raw: bytes
    watch: Watch
    position: int
    payloads: bool = False
    every: list[bytes] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    first: bytes = b""
    flags: int = 0

    def take(self, number: int, stripped: bytes, *, every: bool) -> None:
        if every:
            self.every.append(stripped)
        if not number:
            self.first = stripped


def scan(raw: bytes, watch: Watch, network: Network, block_hash: str) -> Scanned:
    """Raises Malformed `block.…` on bytes whose header is not this block's, or that are no block of this
    network. Whether the header covers the hits, `prove` says."""
    header = raw[:HEADER_BYTES]
    if network.header_sha256d and shown(hash256(header)) != block_hash:
        raise Malformed("block.hash", "these bytes are another block than the one asked for")
    walk, count = _begun(raw, watch, network)
    _walked(walk, count)
    _check_end(walk)
    return Scanned(shown(header[4:36]), count, tuple(walk.hits))


def prove(raw: bytes, network: Network) -> None:
    """Raises Malformed `block.…` when a block's header does not cover its transactions, all of them."""
    if merkle_root([hash256(one) for one in transactions_of(raw, network)]) != raw[36:68]:
        raise Malformed("block.root", "the block's header does not cover these transactions")


def transactions_of(raw: bytes, network: Network) -> list[bytes]:
    """All of a block, as their ids cover them. Raises Malformed `block.…`."""
    walk, count = _begun(raw, Watch(), network)
    _walked(walk, count, every=True)
    _check_end(walk)
    return walk.every


def scan_transaction(raw: bytes, watch: Watch) -> Hit | None:
    """One that is in no block. Raises Malformed on bytes that are none."""
    hits = _alone(raw, watch).hits
    return hits[0] if hits else None


def stripped_of(raw: bytes) -> bytes:
    """A transaction without its witness and whatever else its id does not cover. Raises Malformed."""
    return _alone(raw, Watch()).first


def txid_of(raw: bytes) -> str:
    """As people write it. Raises Malformed."""
    return shown(hash256(stripped_of(raw)))


def body_of(raw: bytes) -> str:
    """The id a transaction has without a single signature: nobody can alter it, and a draft has it already.
    Where all inputs are native segregated witness it is the txid. Raises Malformed."""
    return _body(stripped_of(raw))


def merkle_root(ids: Sequence[bytes]) -> bytes:
    """Of ids in the order of the wire. Raises Malformed where two transactions are told twice, so that the
    root is another block's."""
    level = list(ids)
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
            paired = len(level) - 2
        else:
            paired = len(level)
        if any(level[place] == level[place + 1] for place in range(0, paired, 2)):
            raise Malformed("block.twice", "the block tells a transaction twice")
        level = [
            hashlib.sha256(hashlib.sha256(one + other).digest()).digest()
            for one, other in zip(level[::2], level[1::2], strict=True)
        ]
    if not level:
        raise Malformed("block.empty", "a block has at least one transaction")
    return level[0]


def _begun(raw: bytes, watch: Watch, network: Network) -> tuple[_Walk, int]:
    """A walk from a block's first transaction on, and how many there are."""
    if len(raw) <= HEADER_BYTES:
        raise _truncated()
    try:
        count, position = _count(raw, _after_header(raw, network))
    except IndexError as error:
        raise _truncated() from error
    return _Walk(raw, watch, position, network.payloads), count


def _alone(raw: bytes, watch: Watch) -> _Walk:
    walk = _walked(_Walk(raw, watch, 0), 1, alone=True)
    if walk.position != len(raw):
        raise Malformed("block.trailing", "bytes follow the end of the transaction")
    return walk


def _walked(walk: _Walk, count: int, *, alone: bool = False, every: bool = False) -> _Walk:
    try:
        _walk(walk, count, alone=alone, every=every)
    except (IndexError, OverflowError) as error:
        raise _truncated() from error
    if walk.position > len(walk.raw):
        raise _truncated()
    return walk


def _walk(walk: _Walk, count: int, *, alone: bool, every: bool) -> None:  # noqa: PLR0912, PLR0915 - one pass, few calls
    raw, scripts, outpoints = walk.raw, walk.watch.scripts, walk.watch.outpoints
    position, payloads = walk.position, walk.payloads
    spent: list[int] = []
    paid: list[tuple[int, int]] = []
    flags = 0
    for number in range(count):
        start = position
        if raw[position + 4]:
            flags = 0
            position += 4
        else:
            flags = raw[position + 5]
            position += 6
            if not flags or flags & ~(_WITNESS | _EXTENSION):
                raise _unknown()
        inputs = raw[position]
        position += 1
        if inputs > 252:
            inputs, position = _long(raw, inputs, position)
        for _input in range(inputs):
            if raw[position : position + 36] in outpoints:
                spent.append(position)
            size = raw[position + 36]
            position += 41 + size
            if size > 252:
                size, position = _long(raw, size, position - size - 4)
                position += size + 4
        outputs = raw[position]
        position += 1
        if outputs > 252:
            outputs, position = _long(raw, outputs, position)
        for vout in range(outputs):
            size = raw[position + 8]
            if size == 34 or size == 23:  # noqa: PLR1714 - twice as quick
                if raw[position + 9 : position + 9 + size] in scripts:
                    paid.append((vout, position))
            elif size > 252:
                size, position = _long(raw, size, position + 9)
                position += size - 9
                size = 0
            position += size + 9
        end = position
        if flags:
            position = _beyond(raw, position, inputs, flags, alone=alone) + 4
        else:
            position += 4
            if payloads and raw[start + 2] | raw[start + 3] and raw[start : start + 2] == _DIP2:
                size, position = _count(raw, position)
                position += size
        if every or spent or paid or not number:
            stripped = _stripped(raw, start, end, position, flags)
            walk.take(number, stripped, every=every)
            if spent or paid:
                _hit(walk, Hit(number, stripped, (), (), bool(flags & _EXTENSION)), paid, spent)
                spent, paid = [], []
    walk.position, walk.flags = position, flags


def _stripped(raw: bytes, start: int, end: int, after: int, flags: int) -> bytes:
    """`end`: of the outputs; `after`: of the transaction."""
    if not flags:
        return raw[start:after]
    return raw[start : start + 4] + raw[start + 6 : end] + raw[after - 4 : after]


def _beyond(raw: bytes, position: int, inputs: int, flags: int, *, alone: bool) -> int:
    """Past the witness, and what else the flags announce."""
    if flags & _WITNESS:
        for _ in range(inputs):
            items = raw[position]
            position += 1
            if items > 252:
                items, position = _long(raw, items, position)
            for _item in range(items):
                size = raw[position]
                position += 1 + size
                if size > 252:
                    size, position = _long(raw, size, position - size)
                    position += size
    if flags & _EXTENSION:
        if raw[position] and alone:
            return len(raw) - 4  # its part of the extension block: the id does not cover it
        if raw[position]:
            raise _unknown()
        position += 1
    return position


def _hit(walk: _Walk, hit: Hit, paid: Sequence[tuple[int, int]], spent: Sequence[int]) -> None:
    raw, txid = walk.raw, hash256(hit.stripped)
    outs = tuple([_paid(raw, vout, position) for vout, position in paid])
    walk.watch.outpoints.update(txid + one.vout.to_bytes(4, "little") for one in outs)
    ins = tuple([raw[position : position + 36] for position in spent])
    walk.hits.append(replace(hit, paid=outs, spent=ins))


def _paid(raw: bytes, vout: int, position: int) -> Paid:
    script = raw[position + 9 : position + 9 + raw[position + 8]]
    return Paid(vout, int.from_bytes(raw[position : position + 8], "little"), script)


def _body(stripped: bytes) -> str:
    try:
        tx = parse_stripped(stripped)
    except Malformed:
        return shown(hash256(stripped))  # of a form that no draft of ours has
    unsigned = replace(tx, inputs=tuple(replace(one, script=b"", witness=()) for one in tx.inputs))
    return shown(hash256(encode_stripped(unsigned)))


def _check_end(walk: _Walk) -> None:
    """After the last transaction nothing follows, or Litecoin's extension block."""
    extended = walk.flags & _EXTENSION and walk.raw[walk.position : walk.position + 1] in (b"\0", b"\1")
    if walk.position != len(walk.raw) and not extended:
        raise Malformed("block.trailing", "bytes follow the last transaction of the block")
    if walk.first[4:41] != _MINTED:
        raise Malformed("block.coinbase", "a block begins with the transaction that mints its reward")


def _after_header(raw: bytes, network: Network) -> int:
    """Behind the proof, where there is one, that the header was mined within a block of another network."""
    if not network.merged_mining or not raw[1] & _AUXPOW:
        return HEADER_BYTES
    parent = _Walk(raw, Watch(), HEADER_BYTES)
    _walk(parent, 1, alone=False, every=False)
    branch, position = _count(raw, parent.position + 32)
    branch, position = _count(raw, position + 32 * branch + 4)
    return position + 32 * branch + 4 + HEADER_BYTES


def _count(raw: bytes, position: int) -> tuple[int, int]:
    first = raw[position]
    return _long(raw, first, position + 1) if first > 252 else (first, position + 1)


def _long(raw: bytes, first: int, position: int) -> tuple[int, int]:
    """A compact number of more than one byte, and where it ends."""
    size = 1 << (first - 252)
    number = int.from_bytes(raw[position : position + size], "little")
    if position + size > len(raw) or number < (253, 1 << 16, 1 << 32)[first - 253]:
        raise Malformed("block.number", "a number of the block is cut off, or longer than it needs to be")
    return number, position + size


def _truncated() -> Malformed:
    return Malformed("block.truncated", "the bytes end before the block or the transaction does")


def _unknown() -> Malformed:
    return Malformed("block.flags", "a transaction announces a form that is not known here")
