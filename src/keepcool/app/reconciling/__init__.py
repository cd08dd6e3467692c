"""Ledger against chain: what the books say lies where, what explains a gap, and what nodes say lies there."""
