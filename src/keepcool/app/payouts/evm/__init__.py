"""Payouts on EVM chains: SafeTxs, carried out by transactions of the purse."""
