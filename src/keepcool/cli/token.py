"""keepcool token: tokens of an installation, added while it runs."""

from __future__ import annotations

from keepcool.cli.adding import add_token as register

__all__ = ["register"]
