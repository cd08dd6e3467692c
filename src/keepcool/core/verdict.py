"""What one rule says of one case. Nothing here is falsy, and nothing but `Approved` means yes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Approved:
    rule: str


@dataclass(frozen=True, slots=True)
class Denied:
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """A durable answer: ask again with the same intent and more evidence."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The rule itself broke. Closed, like a denial, and an alarm."""

    rule: str
    error: str


Verdict: TypeAlias = Approved | Denied | NeedsReview | Failed
