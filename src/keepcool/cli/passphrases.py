"""Passphrases from the terminal, or from the lines of a file or of standard input."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from keepcool.core.errors import Malformed

_FILE_BYTES_MAX = 4096


def asked(file: Path | None, questions: Sequence[str], code: str, *, twice: bool) -> list[bytearray]:
    """One for each question, in order. From a file or standard input the first is read once and stands for
    both when it is asked `twice`. Raises Malformed with `code` when there are too few."""
    if file is None and sys.stdin.isatty():
        return [bytearray(getpass.getpass(f"{question}: ").encode()) for question in questions]
    lines = _lines(file, code)
    given = [lines[0], *lines] if twice and lines else lines
    if len(given) < len(questions):
        needed = len(questions) - twice
        raise Malformed(code, f"a passphrase a line: {len(lines)} given, {needed} needed")
    return [bytearray(line) for line in given[: len(questions)]]


def _lines(file: Path | None, code: str) -> list[bytes]:
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if file is None else file.open("rb") as source:
            return source.read(_FILE_BYTES_MAX).splitlines()
    except OSError as error:
        raise Malformed(code, f"cannot read {file}: {error.strerror}") from error
