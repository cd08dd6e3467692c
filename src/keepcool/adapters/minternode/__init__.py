"""Minter nodes over their HTTP API v2: strict, bounded, and holding no key."""
