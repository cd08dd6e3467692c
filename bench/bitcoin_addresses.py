"""Addresses of 2-of-3 wallets per second, beside libsecp256k1 alone, embit and litecoind; and a restore's
share of it.

Laws: all give the same addresses, which is checked first; the floor is what libsecp256k1 and SHA-512 need for
three child keys and nothing else.
"""

from __future__ import annotations

import hmac
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from embit.descriptor import Descriptor as EmbitDescriptor
from embit.networks import NETWORKS

from bench.bitcoin_wallets import WALLET
from bench.measure import Figure, side_by_side
from keepcool.chains.bip32 import ExtendedKey
from keepcool.chains.bitcoin import checksum
from keepcool.chains.bitcoin.address import spell
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.core.errors import Unavailable
from keepcool.local.bitcoinchain import DevLitecoin
from keepcool.local.restoring.deriving import Span
from keepcool.local.restoring.index import ScriptIndex

COUNT, SLOW, RESTORED, ROUNDS = 1_000, 50, 100_000, 3
BUILD = Path(__file__).parents[1] / "build"
_BRANCH = WALLET.branch(0, 0)
_LITECOIN: Mapping[str, object] = {**NETWORKS["regtest"], "name": "litecoin", "bech32": "rltc"}


def addresses() -> list[Figure]:
    works: dict[str, Callable[[], int]] = {"floor": _floor, "ours": _ours, "text": _text, "embit": _embit}
    with _litecoind() as asked:
        if asked is not None:
            works["litecoind"] = asked
        rates = side_by_side(works, ROUNDS)
    ours, floor = rates["ours"], rates["floor"]
    figures = [
        Figure("libsecp256k1 and SHA-512 alone, three child keys", floor, "addr/s"),
        Figure("embit", rates["embit"], "addr/s"),
    ]
    goals = [("libsecp256k1", floor, 0.9), ("embit", rates["embit"], 5.0)]
    if "litecoind" in rates:
        figures.append(Figure("litecoind deriveaddresses, 1000 a call", rates["litecoind"], "addr/s"))
        goals.append(("litecoind", rates["litecoind"], 2.5))
    beside = ", ".join(f"{ours / rate:.2f} x {name}" for name, rate, _ in goals)
    goal = ", ".join(f">= {least:g} x {name}" for name, _, least in goals)
    met = all(ours >= least * rate for _, rate, least in goals)
    return [
        *figures,
        Figure("2-of-3 output scripts from three xpubs", ours, "addr/s", beside, goal, met),
        Figure("the same, spelled as addresses", rates["text"], "addr/s"),
        _restored(),
    ]


def _restored() -> Figure:
    begin = time.perf_counter()
    ScriptIndex([Span(0, _BRANCH, 0, RESTORED)])
    return Figure(f"restore: {RESTORED:,} indices of a branch derived", time.perf_counter() - begin, "s")


def _ours() -> int:
    return sum(1 for _ in _BRANCH.script_pubkeys(range(COUNT)))


def _text() -> int:
    return len([spell(LITECOIN_REGTEST, script) for script in _BRANCH.script_pubkeys(range(COUNT))])


def _floor() -> int:
    """Per address three times: HMAC-SHA512, a child key by libsecp256k1, its bytes."""
    context, key = GLOBAL_CONTEXT.ctx, ffi.new("secp256k1_pubkey *")
    written, size = ffi.new("unsigned char [33]"), ffi.new("size_t *", 33)
    nodes = [node for node in _BRANCH.nodes if isinstance(node, ExtendedKey)]
    for number in range(COUNT):
        for node in nodes:
            tweak = hmac.digest(node.chain_code, node.public_key + number.to_bytes(4, "big"), "sha512")[:32]
            lib.secp256k1_ec_pubkey_parse(context, key, node.public_key, 33)
            lib.secp256k1_ec_pubkey_tweak_add(context, key, tweak)
            lib.secp256k1_ec_pubkey_serialize(context, written, size, key, lib.SECP256K1_EC_COMPRESSED)
    return COUNT


_PEER = EmbitDescriptor.from_string(WALLET.descriptor(0).spelled(LITECOIN_REGTEST).partition("#")[0])


def _embit() -> int:
    for number in range(SLOW):
        _PEER.derive(number, branch_index=0).address(_LITECOIN)
    return SLOW


@contextmanager
def _litecoind() -> Iterator[Callable[[], int] | None]:
    """Asks a node of this run; None where there is no litecoind."""
    text = WALLET.descriptor(0).spelled(LITECOIN_REGTEST).partition("#")[0].replace("<0;1>", "0")
    with tempfile.TemporaryDirectory(prefix="keepcool-bench-") as folder:
        try:
            chain = DevLitecoin(Path(folder), BUILD)
        except Unavailable:
            yield None
            return
        with chain:
            descriptor = checksum.with_checksum(text)
            told = chain.ask("deriveaddresses", descriptor, [0, COUNT - 1])
            own = [spell(LITECOIN_REGTEST, one) for one in _BRANCH.script_pubkeys(range(COUNT))]
            if told != own or _PEER.derive(7, branch_index=0).address(_LITECOIN) != own[7]:
                raise RuntimeError("litecoind or embit derives other addresses than we do")

            def derived() -> int:
                return len(chain.ask("deriveaddresses", descriptor, [0, COUNT - 1]))

            yield derived
