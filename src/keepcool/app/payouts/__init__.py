"""Withdrawals and transfers: from a request to a transaction that is final."""
