"""EVM nodes over JSON-RPC: strict, bounded, and holding no key."""
