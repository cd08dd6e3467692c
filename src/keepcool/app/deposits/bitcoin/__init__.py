"""Deposits on networks of the Bitcoin family: raw blocks, outputs and what spends them."""
