"""Payouts on Bitcoin and its forks: batches of withdrawals, each a ladder of fees signed at once."""
