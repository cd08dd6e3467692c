"""The public half of a paper key, as the tools that make it tell it: every point and every xpub proved.

A half without accounts is from an older release: it serves, but not the families that need an account.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from keepcool.chains.accounts import account_pins, parse_account
from keepcool.chains.publickeys import parse_public_key
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.registry import Role
from keepcool.local.configs import PaperPublic
from keepcool.ports.settings import AccountSettings


class _Half(msgspec.Struct, frozen=True):
    public_key: str
    accounts: list[AccountSettings] = []


def read(file: Path) -> PaperPublic:
    """The cold key's half from cold.pub.json. Raises Malformed naming the file."""
    try:
        return understood(msgspec.json.decode(file.read_bytes(), type=dict[str, object]), Role.COLD)
    except OSError as error:
        text = f"--cold {file}: {error.strerror}; `keepcool cold new` writes the file"
        raise Malformed("init.cold", text) from error
    except (msgspec.DecodeError, KeepcoolError) as error:
        why = error.public if isinstance(error, KeepcoolError) else str(error)
        raise Malformed("init.cold", f"--cold {file}: not the public half of a cold key: {why}") from error


def understood(told: dict[str, object], role: Role) -> PaperPublic:
    """What a command or a file says. Raises Malformed when a key or an account is none."""
    try:
        half = msgspec.convert(told, _Half)
    except msgspec.ValidationError as error:
        raise Malformed("init.public_half", f"the {role.value} key: {error}") from error
    pins = [parse_account(role, one.family, one.origin, one.xpub) for one in half.accounts]
    account_pins(pins)
    return PaperPublic(parse_public_key(half.public_key).hex(), tuple(pins))


def refuse_one_key(cool: PaperPublic, cold: PaperPublic) -> None:
    """Raises Refused when cool and cold are one secret."""
    if cool.public_key == cold.public_key:
        raise Refused("init.same_key", "the cool and the cold key are one key; make the cold key again")
    account_pins([*cool.accounts, *cold.accounts])
