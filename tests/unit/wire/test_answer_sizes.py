"""How long an answer's frame may be: what shows drafts as long as what brought them, all else a mebibyte."""

from __future__ import annotations

from keepcool.cosigner.reviews import DRAFTS_BYTES_MAX, PAGE_BYTES_MAX
from keepcool.wire.padding import padded_size
from keepcool.wire.requests import ANSWER_BYTES_MAX, REQUESTS


def on_the_wire(raw: int, besides: int) -> int:
    """About how long a frame with so many bytes in base64 becomes, sealed and in base64 again."""
    return padded_size(raw * 4 // 3 + besides) * 4 // 3


def test_what_a_signer_shows_fits_its_answer() -> None:
    """A review with as many drafts as it may hold fits, with room for all that stands beside them, and so
    does a page."""
    review = REQUESTS["review.v1"].answer_bytes_max
    assert review == REQUESTS["sign.v1"].frame_bytes_max
    assert on_the_wire(DRAFTS_BYTES_MAX, 512 * 1024) <= review
    assert on_the_wire(PAGE_BYTES_MAX + 50 * 1024, 0) <= ANSWER_BYTES_MAX


def test_nothing_else_is_answered_at_length() -> None:
    """Of every other type an answer is at most a mebibyte."""
    long = [typ for typ, kind in REQUESTS.items() if kind.answer_bytes_max > ANSWER_BYTES_MAX]
    assert long == ["review.v1"]
