"""Statements of account: opening balances, every entry of a period, closing balances, proven to the unit."""
