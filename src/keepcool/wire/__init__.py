"""Signed, expiring, versioned messages, sealed to their recipient. The bus is not trusted."""
