"""Wallets that a transaction has to make before they have an address: made ahead, and given away."""
