"""Blocks for a regtest node while a story is told, and none while something is to be seen waiting."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from keepcool.core.errors import KeepcoolError
from keepcool.local.bitcoinchain import DevBitcoin


@dataclass(frozen=True, slots=True)
class Blocks:
    """One every `every_s`, from entering to leaving."""

    chain: DevBitcoin
    every_s: float
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: list[threading.Thread] = field(default_factory=list)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._make, name="blocks", daemon=True)
        self._thread.append(thread)
        thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._thread:
            thread.join()

    @contextlib.contextmanager
    def none(self) -> Iterator[None]:
        """No block is made within."""
        with self._making:
            yield

    def _make(self) -> None:
        while not self._ended.wait(self.every_s):
            with self._making, contextlib.suppress(KeepcoolError):  # a node that is away is asked again
                self.chain.mine()
