"""Minter: native multisig accounts, transactions of version 2 (coin ids), byte-exact."""
