"""SHA256SUMS of a folder that is carried elsewhere: `sha256sum -c SHA256SUMS` there says that all arrived."""

from __future__ import annotations

import hashlib
from pathlib import Path

NAME = "SHA256SUMS"


def write_sums(folder: Path) -> Path:
    """Of every file below it."""
    files = sorted(one for one in folder.rglob("*") if one.is_file() and one.name != NAME)
    lines = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(folder)}\n" for one in files]
    (folder / NAME).write_text("".join(lines), encoding="utf-8")
    return folder / NAME
