"""A small drawing of an address: the same text gives the same picture, another a different one.

It helps an eye see that two addresses differ; that two pictures are alike proves nothing. Five by five
cells, mirrored, from SHA-256.
"""

from __future__ import annotations

import hashlib

_CELLS, _SIDE = 5, 8
TEXT_MAX = 200


def svg(text: str) -> str:
    """An image of its own, without scripts or references."""
    seed = hashlib.sha256(b"keepcool-identicon-v1\0" + text.encode("utf-8", "replace")).digest()
    hue, other = int.from_bytes(seed[:2], "big") % 360, int.from_bytes(seed[2:4], "big") % 360
    colours = (f"hsl({hue} 55% 45%)", f"hsl({other} 60% 62%)")
    cells = [
        _cell(place, row, colours[kind - 1])
        for row in range(_CELLS)
        for column in range((_CELLS + 1) // 2)
        for place in {column, _CELLS - 1 - column}
        if (kind := seed[4 + row * 3 + column] % 3)
    ]
    size = _CELLS * _SIDE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}">'
        f'<rect width="{size}" height="{size}" fill="hsl({hue} 30% 94%)"/>{"".join(sorted(cells))}</svg>'
    )


def _cell(column: int, row: int, colour: str) -> str:
    return f'<rect x="{column * _SIDE}" y="{row * _SIDE}" width="{_SIDE}" height="{_SIDE}" fill="{colour}"/>'
