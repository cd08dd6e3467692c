"""Nodes of the Bitcoin Core family over JSON-RPC and REST: strict, bounded, and holding no key."""
