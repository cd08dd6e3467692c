"""Single values of a policy file, each refused with the place where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.money import parse_units

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def once(where: str, texts: Sequence[str]) -> Sequence[str]:
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if twice:
        raise Malformed("policy.twice", f"policy: {where}: {twice[0]!r} stands twice")
    return texts


def matched(pattern: re.Pattern[str], where: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise Malformed("policy.name", f"policy: {where}: not a valid name: {text[:80]!r}")
    return text


def within(where: str, number: int, lowest: int, highest: int) -> int:
    if not lowest <= number <= highest:
        raise Malformed("policy.range", f"policy: {where}: between {lowest} and {highest}, not {number}")
    return number


def units(where: str, text: str) -> int:
    try:
        parsed = parse_units(text)
    except KeepcoolError as error:
        raise Malformed("policy.amount", f"policy: {where}: {error.public}") from error
    if parsed == 0:
        raise Malformed("policy.amount", f"policy: {where}: at least 1; to allow nothing, leave it out")
    return parsed
