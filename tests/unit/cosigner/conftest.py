"""Tests of the co-signer also watch how it speaks."""

from __future__ import annotations

from tests.fixtures.wellspoken import all_is_well_spoken

__all__ = ["all_is_well_spoken"]
