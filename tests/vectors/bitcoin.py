"""Reads bitcoin.json: test vectors of BIP-32, 45, 48, 67, 129, 174, 370, 380-383, 386 and 389 (`source`,
`commit`), and addresses of three seeds on which embit, libwally and BDK agree. `embit_script` and
`btclib_script` are second and third opinions; `public_form` takes the secrets out of a descriptor."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from btclib_wallet.descriptors import descriptors as btclib
from embit import bip32 as embit_bip32
from embit import ec as embit_ec
from embit.descriptor import Descriptor as EmbitDescriptor

from keepcool.chains.bitcoin.keys import KeyExpression, parse_key
from keepcool.chains.bitcoin.network_table import BITCOIN

FILE = Path(__file__).with_name("bitcoin.json")
DATA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
SEEDS = [bytes.fromhex(seed) for seed in DATA["bip45_derived"]["seeds_hex"]]
PURPOSES: list[str] = DATA["bip45_derived"]["purpose_xpubs"]
_SECRET = re.compile(r"\b(?:xprv\w+|[5KL]\w{50,51})((?:/[0-9]+[h']?)*)(/\*[h']?)?")


def purposes() -> list[KeyExpression]:
    """The three purpose keys, in the order of their seeds, with their origins."""
    origins = [f"[{root_of(seed).my_fingerprint.hex()}/45h]" for seed in SEEDS]
    return [parse_key(origin + xpub, BITCOIN) for origin, xpub in zip(origins, PURPOSES, strict=True)]


def root_of(seed: bytes) -> Any:
    return embit_bip32.HDKey.from_seed(seed)


def public_at(seed: bytes, path: str) -> str:
    """embit's xpub of a seed at a path, with its origin."""
    root = root_of(seed)
    xpub = root.derive(path).to_public().to_base58()
    return f"[{root.my_fingerprint.hex()}{path[1:].replace(chr(39), 'h')}]{xpub}"


def embit_script(descriptor: str, index: int, choice: int = 0) -> bytes:
    found = EmbitDescriptor.from_string(descriptor).derive(index, branch_index=choice)
    return bytes(found.script_pubkey().data)


def btclib_script(descriptor: str, index: int, choice: int = 0) -> bytes:
    found = btclib.parse(btclib.multipath_descriptors(descriptor)[choice])
    return bytes(found.script_pub_key(index).script)


def public_form(descriptor: str, index: int) -> str:
    """The descriptor at one index with every secret key replaced by the public key it stands for."""
    return _SECRET.sub(lambda found: _public(found, index), descriptor.partition("#")[0])


def _public(found: re.Match[str], index: int) -> str:
    text = found[0].partition("/")[0]
    if not text.startswith("xprv"):
        return str(embit_ec.PrivateKey.from_wif(text).get_public_key())
    path = "m" + found[1] + ("" if found[2] is None else f"/{index}{found[2][2:]}")
    key = embit_bip32.HDKey.from_string(text).derive(path)
    return bytes(key.to_public().key.sec()).hex()
