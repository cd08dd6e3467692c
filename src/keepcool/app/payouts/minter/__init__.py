"""Payouts on Minter: the wallet sends by itself and pays its own fee."""
