"""A peer's message keys in a service's TOML: the pair to come written beside the first, then in its place.

Only the lines of [peers.NAME] change; a file that does not read as wanted afterwards is left as it was.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from keepcool.core.errors import Refused

_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FIRST = ("signing_key", "sealing_key")
_NEXT = ("next_signing_key", "next_sealing_key")


def add_next(file: Path, peer: str, signing: str, sealing: str) -> bool:
    """The pair is believed beside the first; whether that is new. Raises Refused."""
    if not _KEY.fullmatch(signing) or not _KEY.fullmatch(sealing):
        raise Refused("pins.key", "a public key is 64 hex digits")
    table = _table(file, peer)
    if (table["signing_key"], table["sealing_key"]) == (signing, sealing):
        return False
    wanted = {**table, **dict(zip(_NEXT, (signing, sealing), strict=True))}
    return _rewritten(file, peer, wanted)


def settle(file: Path, peer: str) -> bool:
    """The pair to come is the only one; whether that is new. Raises Refused."""
    table = _table(file, peer)
    if not table.get(_NEXT[0]):
        return False
    wanted = {name: value for name, value in table.items() if name not in _NEXT}
    wanted |= {first: table[later] for first, later in zip(_FIRST, _NEXT, strict=True)}
    return _rewritten(file, peer, wanted)


def _table(file: Path, peer: str) -> dict[str, str]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))["peers"][peer]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused("pins.file", f"{file}: there is no [peers.{peer}] to read") from error
    return dict(found)


def _rewritten(file: Path, peer: str, wanted: dict[str, str]) -> bool:
    before = file.read_text(encoding="utf-8")
    lines, inside, kept = before.splitlines(), False, list[str]()
    for line in lines:
        if line.lstrip().startswith("["):
            inside = line.strip() == f"[peers.{peer}]"
            kept += [line, *(f'{name} = "{value}"' for name, value in wanted.items())] if inside else [line]
        elif not inside or line.lstrip().startswith("#") or not line.strip():
            kept.append(line)
    after = "\n".join(kept) + "\n"
    expected = tomllib.loads(before)
    expected["peers"][peer] = wanted
    if tomllib.loads(after) != expected:
        raise Refused("pins.form", f"{file}: [peers.{peer}] is not written as a table; edit it by hand")
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(after, encoding="utf-8")
    beside.chmod(file.stat().st_mode & 0o777)
    beside.replace(file)
    return before != after
