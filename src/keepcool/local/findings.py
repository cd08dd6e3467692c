"""What `doctor` says: a place, what is wrong there, and the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from keepcool.core.errors import KeepcoolError


class Weight(StrEnum):
    WRONG = "wrong"  # a service will not start, or is not safe
    WARNING = "warning"  # works, and should be looked at


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable; `text` says what is wrong, `mend` what to do."""

    code: str
    text: str
    mend: str
    weight: Weight = Weight.WRONG


Check = Callable[[], Iterable[Finding]]


def found(check: Check, mend: str) -> Iterator[Finding]:
    """A check's findings; an error of ours on the way is one of them."""
    try:
        yield from check()
    except KeepcoolError as error:
        yield Finding(error.code, error.public, mend)
    except OSError as error:
        yield Finding("doctor.file", f"{error.filename}: {error.strerror}", mend)
