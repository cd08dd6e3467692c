"""What an operator does to API keys at App's own host, App running or not."""

from __future__ import annotations

from pathlib import Path

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.app import keys
from keepcool.app.controls import keyed
from keepcool.app.controls.keyed import Limits
from keepcool.app.keys import ApiKey, Scope
from keepcool.app.main import with_books


def new_api_key(file: Path, name: str, scopes: frozenset[Scope], limits: Limits) -> tuple[ApiKey, str]:
    """The key and its text, shown once."""
    now_ms, entropy = SystemClock().now_ms(), SystemEntropy()
    return with_books(
        file,
        lambda tx: keyed.make(tx, name=name, scopes=scopes, limits=limits, now_ms=now_ms, entropy=entropy),
    )


def limit_api_key(file: Path, name: str, limits: Limits) -> ApiKey:
    now_ms = SystemClock().now_ms()
    return with_books(file, lambda tx: keyed.limit(tx, name=name, limits=limits, now_ms=now_ms))


def revoke_api_key(file: Path, name: str) -> ApiKey:
    now_ms = SystemClock().now_ms()
    return with_books(file, lambda tx: keyed.revoke(tx, name=name, now_ms=now_ms))


def limits_of(file: Path) -> dict[str, Limits]:
    """By the key's id."""
    return with_books(file, lambda tx: {one.id: keyed.of(tx, one.id) for one in keys.listed(tx)})
