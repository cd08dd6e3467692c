"""Deposits: followed from block to block, credited only as far as the chain's balances confirm."""
