"""Addresses by ranges, the pools that many users' coins lie in, and where their surplus goes."""
