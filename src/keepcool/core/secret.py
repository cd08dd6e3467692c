"""A secret that cannot slip into a log, a message, a comparison or a copy.

Opened only by `with secret.opened() as view`; the bytes are overwritten on `wipe()` and when a
`with secret:` block ends. Python cannot promise that no other copy exists: the wall is the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_REFUSED = "a secret is opened with opened(), and has no other face"


class Secret:
    """Owns one bytearray. Takes over the buffer it is given: the caller keeps no second copy."""

    __slots__ = ("_buffer", "_wiped")

    def __init__(self, buffer: bytearray) -> None:
        if type(buffer) is not bytearray:
            raise TypeError("a Secret takes over a bytearray, so that it can be wiped")
        self._buffer = buffer
        self._wiped = False

    @contextmanager
    def opened(self) -> Iterator[bytearray]:
        """The live buffer, for the length of the block. Raises ValueError once wiped."""
        if self._wiped:
            raise ValueError("this secret has been wiped")
        yield self._buffer

    def wipe(self) -> None:
        for index in range(len(self._buffer)):
            self._buffer[index] = 0
        self._wiped = True

    def __enter__(self) -> Secret:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def __repr__(self) -> NoReturn:
        raise TypeError(_REFUSED)

    def __str__(self) -> NoReturn:
        raise TypeError(_REFUSED)

    def __format__(self, _: str) -> NoReturn:
        raise TypeError(_REFUSED)

    def __bool__(self) -> NoReturn:
        raise TypeError(_REFUSED)

    def __eq__(self, _: object) -> NoReturn:
        raise TypeError(_REFUSED)

    def __hash__(self) -> NoReturn:
        raise TypeError(_REFUSED)

    def __reduce__(self) -> NoReturn:
        raise TypeError(_REFUSED)

    def __copy__(self) -> NoReturn:
        raise TypeError(_REFUSED)

    def __deepcopy__(self, _: object) -> NoReturn:
        raise TypeError(_REFUSED)
