"""EVM chains: Safe 2-of-3 wallets."""
