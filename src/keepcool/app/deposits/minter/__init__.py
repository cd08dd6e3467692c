"""Deposits on Minter: one block is final, so there is nothing to walk back; balances decide all the same."""
