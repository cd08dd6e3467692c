"""Coins as outputs: whose they are, what may be spent, what made them (networks of the Bitcoin family)."""
