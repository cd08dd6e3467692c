"""Minter's codec beside the official JavaScript SDK: transactions made and signed, and read, per second.

Laws: both make the same bytes, which is checked before anything is quoted; the SDK is warmed up by as many
rounds as a JavaScript engine needs. libsecp256k1's own signing of 32 bytes stands beside as the limit no
codec passes.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias

from coincurve import PrivateKey

from bench.measure import Figure, side_by_side
from bench.rig import Rig
from keepcool.chains.keccak import keccak256
from keepcool.chains.minter.data import Send
from keepcool.chains.minter.signature import MULTI, SINGLE, MultiSignature, SignatureData, SingleSignature
from keepcool.chains.minter.transaction import Transaction, parse_signed, sealed
from keepcool.core.errors import Unavailable

KEYS = tuple(PrivateKey(bytes([digit] * 32)) for digit in (7, 8))  # of this benchmark, never funded
TO, MULTISIG = "Mx" + "ab" * 20, "Mx" + "cd" * 20
PIP = 15 * 10**17
WARM, ROUNDS, TURN, READ, GOAL = 6000, 3, 400, 100, 10
Pipe: TypeAlias = tuple[IO[str], IO[str]]
SCRIPT = Path(__file__).with_name("minter_sdk.cjs")


async def minter(rig: Rig) -> list[Figure]:
    """The rig is not asked: this is the codec alone."""
    del rig
    return await asyncio.to_thread(_measured)


def _measured() -> list[Figure]:
    with _sdk() as sdk:
        for name, work in (("single", _signed_by_one), ("multi", _signed_by_two)):
            if _done(sdk, name, 1) != "0x" + work(1).hex():
                raise RuntimeError(f"Minter's SDK makes other bytes than we do: {name}")
        works = _works()
        for name in ("single", "multi", "decode"):
            _done(sdk, name, WARM)
            works[f"sdk {name}"] = partial(_counted_by, sdk, name)
        rates = side_by_side(works, ROUNDS)
    limit = rates["limit"]
    return [
        Figure("libsecp256k1 alone: one signature over 32 bytes", limit, "sig/s"),
        *_pair("make and sign a send, one signature", rates["single"], rates["sdk single"], limit),
        *_pair("make and sign a send, two of a multisig", rates["multi"], rates["sdk multi"], limit / 2),
        *_pair("read a signed transaction", rates["decode"], rates["sdk decode"], None),
    ]


def _pair(name: str, ours: float, theirs: float, limit: float | None) -> list[Figure]:
    ratio = ours / theirs
    beside = f"{ratio:.1f} x minter-js-sdk"
    if limit is not None:
        beside += f", {ours / limit:.0%} of bare signing, which is {limit / theirs:.1f} x"
    return [
        Figure(f"{name}: minter-js-sdk", theirs, "tx/s"),
        Figure(name, ours, "tx/s", beside, f">= {GOAL} x minter-js-sdk", ratio >= GOAL),
    ]


def _works() -> dict[str, Callable[[], int]]:
    read = [_signed_by_two(nonce) for nonce in range(1, READ + 1)]
    return {
        "limit": _counted(lambda nonce: KEYS[0].sign_recoverable(nonce.to_bytes(32, "big"), hasher=None)),
        "single": _counted(_signed_by_one),
        "multi": _counted(_signed_by_two),
        "decode": _counted(lambda nonce: parse_signed(read[nonce - 1])),
    }


def _counted(work: Callable[[int], object]) -> Callable[[], int]:
    def done() -> int:
        for nonce in range(1, READ + 1):
            work(nonce)
        return READ

    return done


def _signed_by_one(nonce: int) -> bytes:
    return _signed(nonce, SINGLE, lambda digest: SingleSignature(_signature(KEYS[0], digest)))


def _signed_by_two(nonce: int) -> bytes:
    return _signed(
        nonce, MULTI, lambda digest: MultiSignature(MULTISIG, tuple(_signature(key, digest) for key in KEYS))
    )


def _signed(nonce: int, kind: int, sign: Callable[[bytes], SignatureData]) -> bytes:
    draft = Transaction(nonce, 2, 1, 0, Send(0, TO, PIP), signature_type=kind).preimage()
    return sealed(draft, sign(keccak256(draft)))


def _signature(key: PrivateKey, digest: bytes) -> bytes:
    compact = key.sign_recoverable(digest, hasher=None)
    return compact[:64] + bytes((27 + compact[64],))


@contextmanager
def _sdk() -> Iterator[Pipe]:
    node = shutil.which("node")
    if node is None or not (SCRIPT.parent.parent / "node_modules" / "minter-js-sdk").is_dir():
        text = "Minter's SDK is not installed: run `make setup` with Node.js 18 or newer"
        raise Unavailable("bench.node", text)
    read = ["0x" + _signed_by_two(nonce).hex() for nonce in range(1, READ + 1)]
    keys = [key.secret.hex() for key in KEYS]
    asked = json.dumps({"keys": keys, "multisig": MULTISIG, "to": TO, "decode": read})
    with subprocess.Popen(
        [node, str(SCRIPT), asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdin, process.stdout
        finally:
            process.stdin.close()


def _done(sdk: Pipe, name: str, count: int) -> object:
    """The last result, of `count` times this work."""
    sdk[0].write(f"{name} {count}\n")
    line = sdk[1].readline()
    if not line:
        raise Unavailable("bench.node", "Minter's SDK ended with an error, told above")
    found: object = json.loads(line)
    return found


def _counted_by(sdk: Pipe, name: str) -> int:
    _done(sdk, name, TURN)
    return TURN
