"""The Minter simulator: a local chain that follows Minter's protocol, for tests and the demo only."""
